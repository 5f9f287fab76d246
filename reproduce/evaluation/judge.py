"""A verdict on each claim: by the audit, by what is missing, by our results; in that order.

In: the ledger, the audits, result files. Out: :class:`Judged` claims. The rule stands in ``claims.yaml``.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from medrepro.datamodules.support.errors import InputError
from medrepro.reproduce.checks.findings import Finding
from medrepro.reproduce.evaluation.bootstrap import Interval
from medrepro.reproduce.evaluation.estimates import Estimate, Evidence, Quantity
from medrepro.reproduce.evaluation.power import Z_TEST, smallest_difference
from medrepro.reproduce.evaluation.results import Current, Result, read_results
from medrepro.reproduce.plan.table import RowSpec, TableSpec
from medrepro.reproduce.printed.claims import Claim, Comparison, PaperClaims, Sample

Verdict = Literal[
    "supported",
    "not supported",
    "inconclusive",
    "needs original data",
    "cannot be (audit)",
    "not run",
    "cannot be judged",
]
ALPHA = 0.05
MIN_RUNS = 3
TIERS = ("original", "stand-in", "embedded")


@dataclass(frozen=True)
class Effect:
    """Our measured effect.

    Attributes:
        estimate: better minus worse, with its interval over patients.
        p: two-sided (``no-worse``: one-sided, of an effect below -tolerance), from the interval's width.
        data: name of the data set; tier: ``embedded``, ``stand-in`` or ``original``.
        stale: what differs from the present code, empty if nothing.
        holm: p after Holm's correction within the paper.
        weakest: the lowest run of a worse row.
    """

    estimate: Estimate
    p: float | None
    data: str
    tier: str
    stale: str = ""
    holm: float | None = None
    weakest: float = math.inf


@dataclass(frozen=True)
class Judged:
    """A claim with its verdict.

    Attributes:
        why: what decided it, or kept it from a decision.
        printed: the paper's own effect as a fraction, if cells were compared.
        shown: for each of the paper's samples the smallest effect it could have shown.
        effect: what decides it, measured on the data nearest to the paper's.
        others: the same comparison on other data; shown, not decisive.
    """

    claim: Claim
    verdict: Verdict
    why: str
    printed: float | None
    shown: tuple[tuple[Sample, float], ...]
    effect: Effect | None = None
    others: tuple[Effect, ...] = ()


def judge_paper(claims: PaperClaims, findings: Sequence[Finding], results: Path, code: str | None) -> list[Judged]:
    """All claims of one paper, p values corrected over those that our results could test.

    Args:
        claims: the paper's part of the ledger.
        findings: its audit.
        results: folder with one folder a table.
        code: hash of the code that results must rest on; None is not compared.

    Raises:
        InputError: a claim points to a finding that the audit does not have, or a result file is broken.
    """
    known = {finding.id: finding for finding in findings}
    measured: dict[str, list[Effect]] = {}
    unpaired: dict[str, str] = {}
    for claim in filter(_is_testable, claims.claims):
        measured[claim.id], unpaired[claim.id] = _measure(claims, claim, results, code)
    first = {name: effects[0] for name, effects in measured.items() if effects}
    corrected = holm({name: effect.p for name, effect in first.items() if effect.p is not None})
    judged = []
    for claim in claims.claims:
        effect = replace(first[claim.id], holm=corrected.get(claim.id)) if claim.id in first else None
        verdict, why = _decide(claim, known, effect, unpaired.get(claim.id, ""))
        others = tuple(measured.get(claim.id, [])[1:])
        judged.append(Judged(claim, verdict, why, printed_effect(claims, claim), _shown(claims, claim), effect, others))
    return judged


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Holm's step-down correction: the k-th smallest of m times m - k + 1, never falling, at most 1."""
    corrected, running = {}, 0.0
    for rank, (name, p) in enumerate(sorted(p_values.items(), key=lambda item: item[1])):
        running = max(running, min(1.0, p * (len(p_values) - rank)))
        corrected[name] = running
    return corrected


def _is_testable(claim: Claim) -> bool:
    return claim.comparison is not None and not claim.audit and not claim.needs


def _decide(claim: Claim, known: Mapping[str, Finding], effect: Effect | None, unpaired: str) -> tuple[Verdict, str]:
    missing = [name for name in claim.audit if name not in known]
    if missing:
        raise InputError(f"claim {claim.id}: the audit has no finding {missing[0]!r}; it has {', '.join(known)}")
    if claim.audit:
        return "cannot be (audit)", known[claim.audit[0]].summary
    if claim.needs:
        return "needs original data", f"needs {claim.needs}"
    if effect is None and unpaired:
        return "cannot be judged", unpaired
    if effect is None or claim.comparison is None:
        return "not run", "no results of these rows yet"
    return _by_effect(claim.comparison, effect)


def _by_effect(test: Comparison, effect: Effect) -> tuple[Verdict, str]:
    low, high, value = effect.estimate.interval.low, effect.estimate.interval.high, effect.estimate.value
    runs = len(effect.estimate.runs)
    if low is None or high is None:
        return "inconclusive", "no interval: predictions of at least two patients are needed"
    if runs < MIN_RUNS:
        return "inconclusive", f"fewer than {MIN_RUNS} runs a side"
    significant = effect.holm is not None and effect.holm < ALPHA
    if test.direction == "no-worse":
        return _no_worse(test, low, high, significant)
    if high < test.tolerance:
        return "not supported", f"the interval lies below {test.tolerance:g}, the smallest gain that counts"
    checks = (
        (low > 0, "the interval holds 0"),
        (value >= test.tolerance, f"smaller than {test.tolerance:g}, the smallest gain that counts"),
        (effect.estimate.same_sign(), "the runs do not agree on the sign"),
        (significant, "not significant after Holm's correction"),
        (
            test.floor is None or effect.weakest > test.floor,
            "a worse row did not learn in every run: that is the budget",
        ),
    )
    failed = [text for holds, text in checks if not holds]
    return ("inconclusive", failed[0]) if failed else ("supported", "the interval lies above 0 and every run agrees")


def _no_worse(test: Comparison, low: float, high: float, significant: bool) -> tuple[Verdict, str]:
    if high < -test.tolerance:
        return "not supported", f"worse by more than {test.tolerance:g}"
    if low <= -test.tolerance:
        return "inconclusive", f"the interval holds a loss of {test.tolerance:g}"
    if not significant:
        return "inconclusive", "not significant after Holm's correction"
    return "supported", f"the interval lies above a loss of {test.tolerance:g}"


def _measure(claims: PaperClaims, claim: Claim, results: Path, code: str | None) -> tuple[list[Effect], str]:
    """Return the effect on every data set for which all rows have results, the nearest to the paper's first.

    Rows that were not measured on the same cases give no effect; the second value says so.
    """
    test, found, reason = claim.comparison, [], ""
    if test is None:
        return [], ""
    for folder in (results / test.table, *sorted(results.glob(f"{test.table}-*"))):
        every = read_results(folder)  # a broken file concerns all claims
        try:
            effect = _measure_in(claims, claim, test, every, code)
        except InputError as error:
            reason = reason or f"{folder.name}: {error}"
            continue
        found += [effect] if effect is not None else []
    return sorted(found, key=lambda effect: TIERS.index(effect.tier)), reason


def _measure_in(
    claims: PaperClaims, claim: Claim, test: Comparison, results: Sequence[Result], code: str | None
) -> Effect | None:
    needed = {*test.better, *test.worse}
    every = [result for result in results if result.row in needed and _same_table(result, test)]
    current = Current(code, frozenset())
    fresh = [result for result in every if not current.stale_reason(result)]
    usable, stale = (fresh, "") if {result.row for result in fresh} == needed else (every, "other code")
    if {result.row for result in usable} != needed:
        return None
    rows = tuple(RowSpec(name, name) for name in sorted(needed))
    spec = TableSpec(claims.paper.key, test.table, claim.says, columns=(), rows=rows, levels=claims.levels)
    compare = _unpaired if claim.unpaired else _paired
    evidence = Evidence(spec, usable)
    estimate = compare(evidence, test)
    if estimate is None:
        return None
    data = usable[0].data
    tier = str(data.get("tier", "embedded"))
    found = Effect(estimate, _p_value(test, estimate), str(data["name"]), tier if tier in TIERS else TIERS[-1], stale)
    return replace(found, weakest=_weakest(evidence, test))


def _weakest(evidence: Evidence, test: Comparison) -> float:
    """The lowest value of any run of a worse row."""
    sides = [evidence.estimate(row, Quantity(test.metric)) for row in test.worse]
    return min((run for side in sides if side for run in side.runs), default=math.inf)


def _same_table(result: Result, test: Comparison) -> bool:
    return str(result.content["table"]) == test.table


def _paired(evidence: Evidence, test: Comparison) -> Estimate | None:
    return evidence.difference(test.better, test.worse, Quantity(test.metric))


def _unpaired(evidence: Evidence, test: Comparison) -> Estimate | None:
    """Difference of two independent means; the variances that their intervals imply add up."""
    what = Quantity(test.metric)
    sides = [evidence.estimate(side[0], what) for side in (test.better, test.worse)]
    if sides[0] is None or sides[1] is None:
        return None
    value = sides[0].value - sides[1].value
    errors = [_standard_error(side.interval) for side in sides if side is not None]
    runs = tuple(a - b for a, b in zip(sides[0].runs, sides[1].runs, strict=False))
    if errors[0] is None or errors[1] is None:
        return Estimate(Interval(value), None, runs, sides[0].over)
    reach = Z_TEST * math.hypot(errors[0], errors[1])
    return Estimate(Interval(value, value - reach, value + reach), None, runs, sides[0].over)


def _standard_error(interval: Interval) -> float | None:
    if interval.low is None or interval.high is None:
        return None
    return (interval.high - interval.low) / (2 * Z_TEST)


def _p_value(test: Comparison, estimate: Estimate) -> float | None:
    """From the width of the interval, by a normal approximation; None without one."""
    error = _standard_error(estimate.interval)
    if error is None:
        return None
    if test.direction == "no-worse":
        return _tail(estimate.value + test.tolerance, error)
    return min(1.0, 2 * _tail(abs(estimate.value), error))


def _tail(distance: float, error: float) -> float:
    """P(Z >= distance / error); 0 or 1 where there is no spread at all."""
    if error == 0:
        return 0.0 if distance > 0 else 1.0
    return 0.5 * math.erfc(distance / error / math.sqrt(2))


def _cell_values(claims: PaperClaims, claim: Claim) -> list[tuple[str, float, float]]:
    """(statistic, better, worse) of each printed pair, as fractions."""
    pairs = []
    for better, worse in zip(claim.better, claim.worse, strict=True):
        table, _, rest = better.text.partition(":")
        column = claims.paper.table(table).columns[rest.rpartition(".")[2]]
        scale = 100.0 if column.unit == "percent" else 1.0
        pairs.append((column.means, (better.cell.value or 0.0) / scale, (worse.cell.value or 0.0) / scale))
    return pairs


def printed_effect(claims: PaperClaims, claim: Claim) -> float | None:
    """The paper's own effect as a fraction, averaged over pairs; None if no cells are compared."""
    pairs = _cell_values(claims, claim)
    return sum(better - worse for _, better, worse in pairs) / len(pairs) if pairs else None


def _shown(claims: PaperClaims, claim: Claim) -> tuple[tuple[Sample, float], ...]:
    pairs = _cell_values(claims, claim)
    statistic, value = (pairs[0][0], pairs[0][1]) if pairs else ("", claims.typical)
    if not pairs and claim.comparison is not None:
        statistic = claim.comparison.metric.partition("/")[2]
    found = [
        (sample, smallest_difference(statistic, value, sample, paired=not claim.unpaired))
        for sample in claims.samples
        if sample.id in claim.samples
    ]
    return tuple((sample, effect) for sample, effect in found if effect is not None)


def count_verdicts(judged: Sequence[Judged]) -> dict[str, int]:
    """How many claims got each verdict, in the order of the first."""
    counts: dict[str, int] = {}
    for one in judged:
        counts[one.verdict] = counts.get(one.verdict, 0) + 1
    return counts
