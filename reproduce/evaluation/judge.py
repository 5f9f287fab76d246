"""Judge the claims of a paper: by the audit, by what is missing, by the signal in the data, by our results."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from medrepro.datamodules.support.errors import InputError
from medrepro.reproduce.checks.audit import audit
from medrepro.reproduce.checks.findings import Finding
from medrepro.reproduce.evaluation.effects import Effect, measure
from medrepro.reproduce.evaluation.power import smallest_difference
from medrepro.reproduce.evaluation.verdicts import Verdict, decide, holm
from medrepro.reproduce.printed.claim import Claim, Control, PaperClaims, Sample, claimed_effects, printed_pairs
from medrepro.reproduce.printed.claims import read_ledger


@dataclass(frozen=True)
class Checked:
    """A control with its outcome: None where it has not been run."""

    control: Control
    effect: Effect | None
    passed: bool | None


@dataclass(frozen=True)
class Judged:
    """A claim with its verdict.

    Attributes:
        why: what decided it, or kept it from a decision.
        claimed: the paper's effect in the metric of the test: of the weakest pair, or averaged; None if not printed.
        shown: for each of the paper's samples the smallest effect it could have shown.
        effect: what decides it: at the budget ``judge`` if there is one, on the data nearest to the paper's.
        others: the same comparison on other data or budgets; shown, not decisive.
        controls: what stands behind it.
    """

    claim: Claim
    verdict: Verdict
    why: str
    claimed: float | None
    shown: tuple[tuple[Sample, float], ...]
    effect: Effect | None = None
    others: tuple[Effect, ...] = ()
    controls: tuple[Checked, ...] = ()


Ledger = Mapping[str, tuple[PaperClaims, Sequence[Judged]]]


def judge_all(keys: Sequence[str], results: Path) -> Ledger:
    """Return the verdicts on the claims of these papers, by paper; one without claims is left out.

    Raises:
        InputError: the ledger or a result file is broken.
    """
    papers = {key: claims for key, claims in read_ledger().items() if key in keys}
    return {
        key: (claims, judge_paper(claims, audit(claims.paper).findings, results / key))
        for key, claims in papers.items()
    }


def judge_paper(claims: PaperClaims, findings: Sequence[Finding], results: Path) -> list[Judged]:
    """Judge all claims of one paper, p values corrected over those that our results could test.

    Args:
        claims: the paper's part of the ledger.
        findings: its audit.
        results: folder with the results of each table.

    Raises:
        InputError: a claim points to a finding that the audit does not have, or a result file is broken.
    """
    known = {finding.id: finding for finding in findings}
    checked = {one.id: _check(claims, one, results) for one in claims.controls}
    tests = {claim.id: claim.comparison for claim in claims.claims if claim.comparison and not _barred(claim)}
    unpaired = {claim.id for claim in claims.claims if claim.unpaired}
    measured = {name: measure(claims, test, results, name in unpaired) for name, test in tests.items()}
    first = {name: effects[0] for name, (effects, _) in measured.items() if effects}
    corrected = holm({name: effect.p for name, effect in first.items() if effect.p is not None})
    judged = []
    for claim in claims.claims:
        effects, reason = measured.get(claim.id, ([], ""))
        effect = replace(effects[0], holm=corrected.get(claim.id)) if effects else None
        behind = tuple(checked[name] for name in claim.controls)
        claimed = _claimed(claims, claim, effect)
        verdict, why = _decide(claim, known, effect, reason, behind, claimed)
        judged.append(Judged(claim, verdict, why, claimed, _shown(claims, claim), effect, tuple(effects[1:]), behind))
    return judged


def _barred(claim: Claim) -> bool:
    """Whether no result of ours can decide the claim."""
    return bool(claim.audit or claim.needs or (claim.signal and not claim.signal.present))


def _decide(
    claim: Claim,
    known: Mapping[str, Finding],
    effect: Effect | None,
    reason: str,
    controls: Sequence[Checked],
    claimed: float | None,
) -> tuple[Verdict, str]:
    missing = [name for name in claim.audit if name not in known]
    if missing:
        raise InputError(f"claim {claim.id}: the audit has no finding {missing[0]!r}; it has {', '.join(known)}")
    if claim.audit:
        return "cannot be (audit)", known[claim.audit[0]].summary
    if claim.needs:
        return "needs original data", f"needs {claim.needs}"
    if claim.signal and not claim.signal.present:
        return "cannot be asked here", claim.signal.needs
    failed = [one.control for one in controls if one.passed is False]
    if failed:
        return "cannot be asked here", f"its control failed: {failed[0].says}"
    if effect is None and reason:
        return "cannot be judged", reason
    if effect is None or claim.comparison is None:
        return "not run", "no results of these rows yet"
    if effect.idle:
        return "not learnt", f"at or below {claim.comparison.floor} in a repeat: {', '.join(effect.idle)}"
    return decide(claim.comparison, effect.estimate, claimed, effect.holm)


def _check(claims: PaperClaims, control: Control, results: Path) -> Checked:
    """Measure a control; it passes if its interval lies above 0 where it must, or does not where it must not."""
    effects, _ = measure(claims, control.comparison, results)
    if not effects:
        return Checked(control, None, None)
    effect = effects[0]
    seen = not effect.idle and effect.estimate.interval.low is not None and effect.estimate.interval.low > 0
    return Checked(control, effect, seen if control.expects == "effect" else not seen)


def _claimed(claims: PaperClaims, claim: Claim, effect: Effect | None) -> float | None:
    """Return the paper's effect: of the pair that decides if each does, else averaged over pairs."""
    effects = claimed_effects(claims.paper, claim)
    if not effects:
        return None
    if effect is not None and len(effects) == len(effect.pairs):
        return effects[effect.weakest]
    return sum(effects) / len(effects)


def _shown(claims: PaperClaims, claim: Claim) -> tuple[tuple[Sample, float], ...]:
    pairs = printed_pairs(claims.paper, claim)
    statistic, value = (pairs[0][0], pairs[0][1]) if pairs else ("", claims.typical)
    if not pairs and claim.comparison is not None:
        statistic = claim.comparison.statistic
    found = [
        (sample, smallest_difference(statistic, value, sample, paired=not claim.unpaired))
        for sample in claims.samples
        if sample.id in claim.samples
    ]
    return tuple((sample, effect) for sample, effect in found if effect is not None)


def count_verdicts(judged: Sequence[Judged]) -> dict[str, int]:
    """Return how many claims got each verdict, in the order of the first."""
    counts: dict[str, int] = {}
    for one in judged:
        counts[one.verdict] = counts.get(one.verdict, 0) + 1
    return counts
