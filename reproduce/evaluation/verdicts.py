"""Claims judged: supported, not supported or inconclusive, by a rule that was fixed before the numbers.

In: a claim and the evidence. Out: a verdict with its effect and interval, and whether rows can be ranked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from medrepro.datamodules.support.errors import InputError
from medrepro.reproduce.evaluation import text
from medrepro.reproduce.evaluation.estimates import Estimate, Evidence, Quantity, quantity
from medrepro.reproduce.plan.table import ClaimSpec, Column, TableSpec

Verdict = Literal["supported", "not supported", "inconclusive", "not run"]
RANKED_BY = ("auc", "accuracy", "f1", "balanced_accuracy")


@dataclass(frozen=True)
class ClaimView:
    """A claim with its verdict.

    Attributes:
        detail: effect, interval and number of runs in words.
        why: what kept it from a decision, or how it was decided.
    """

    claim: ClaimSpec
    verdict: Verdict
    estimate: Estimate | None
    detail: str
    why: str


def _names(ids: str | tuple[str, ...]) -> tuple[str, ...]:
    return (ids,) if isinstance(ids, str) else ids


def judge(claim: ClaimSpec, evidence: Evidence, unusable: frozenset[str] = frozenset()) -> ClaimView:
    """Decide a claim by the rule that :class:`ClaimSpec` states.

    Args:
        claim: the claim.
        evidence: the table's results.
        unusable: rows whose results are stale.
    """
    better, worse = _names(claim.better), _names(claim.worse)
    stale = sorted(unusable.intersection((*better, *worse)))
    if stale:
        return ClaimView(claim, "not run", None, "", f"stale: {', '.join(stale)}")
    what = Quantity(claim.metric, claim.within)
    first, second = (worse, better) if claim.smaller_is_better else (better, worse)
    effect = evidence.difference(first, second, what)
    if effect is None:
        missing = [name for name in (*better, *worse) if evidence.estimate(name, what) is None]
        return ClaimView(
            claim, "not run", None, "", f"no result for {', '.join(missing)}" if missing else "no run in common"
        )
    verdict, why = _decide(claim, effect)
    if verdict == "supported" and (idle := _untrained(claim, worse, evidence)):
        verdict, why = (
            "inconclusive",
            f"{', '.join(idle)} did not learn in every run: that is the budget, not the design",
        )
    return ClaimView(claim, verdict, effect, _detail(effect, what), why)


def _untrained(claim: ClaimSpec, rows: Sequence[str], evidence: Evidence) -> list[str]:
    """Return the rows that have a run at or below the claim's floor."""
    if claim.floor is None:
        return []
    found = {row: evidence.estimate(row, Quantity(claim.metric, claim.within)) for row in rows}
    return [row for row, estimate in found.items() if estimate and min(estimate.runs, default=1.0) <= claim.floor]


def _decide(claim: ClaimSpec, effect: Estimate) -> tuple[Verdict, str]:
    low, high, runs = effect.interval.low, effect.interval.high, len(effect.runs)
    if low is None or high is None:
        return "inconclusive", "no interval: predictions of at least two patients are needed"
    if runs < claim.min_runs:
        return "inconclusive", f"fewer than {claim.min_runs} trainings a side"
    if high < claim.tolerance:
        return "not supported", f"the interval lies below {claim.tolerance:g}, the smallest gain that counts"
    if low <= 0:
        return "inconclusive", "the interval holds 0"
    if effect.value < claim.tolerance:
        return "inconclusive", f"smaller than {claim.tolerance:g}, the smallest gain that counts"
    if not effect.same_sign():
        return "inconclusive", "the runs do not agree on the sign"
    return "supported", "the interval lies above 0 and every run agrees"


def _detail(effect: Estimate, what: Quantity) -> str:
    """``+0.004 AUC [-0.02, 0.03] over 3 seeds``."""
    column = Column(what.metric, minus="")
    name = what.statistic.upper() if len(what.statistic) < 5 else what.statistic
    p = "" if effect.p is None else f", DeLong {text.p_value(effect.p)}"
    parts = [text.mean(effect, column), name, text.bounds(effect, column)]
    return f"{' '.join(part for part in parts if part)} over {effect.over}{p}"


def ranking_note(spec: TableSpec, evidence: Evidence, usable: Sequence[str]) -> str:
    """Say that the rows are not ranked, if even the best and the worst cannot be told apart; else nothing.

    They are compared in the first of our columns that ranks (AUC, accuracy, F1) and has an interval.
    """
    columns = [c for c in spec.columns if c.minus is None and quantity(c).statistic.split("@")[0] in RANKED_BY]
    for column in sorted(columns, key=lambda column: not column.ci):
        values = [(name, evidence.estimate(name, quantity(column))) for name in usable]
        found = sorted(
            (estimate.value, name) for name, estimate in values if estimate and estimate.interval.low is not None
        )
        if not spec.ranked or len(found) < 2:
            continue
        try:
            gap = evidence.difference([found[-1][1]], [found[0][1]], quantity(column))
        except InputError:  # one row in folds, the other with all cases in one file
            return "rows not ranked: the best and the worst were not tested fold by fold on the same cases"
        if gap is None or gap.interval.excludes(0):
            return ""
        shown = Column(column.metric, scale=column.scale, digits=column.digits, minus="")
        return f"rows not ranked at this budget: best - worst is {text.compact(gap, shown)} ({column.label})"
    return ""
