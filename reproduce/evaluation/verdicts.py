"""Decide a claim by one rule, whose words are all here: what an effect and its interval say of it.

With the interval [l, u] of an effect, the paper's own effect c and the smallest gain that counts t:

=================== ===================================================================================
supported           l > 0, the estimate is at least t, every arm has learnt, Holm-adjusted p < 0.05
smaller than        u < c, and l > 0 or u >= t: there may be a gain, not the printed one
  claimed
no gain             -t < l and u < t: equivalence, two one-sided tests
contradicted        u < 0, Holm-adjusted p < 0.05
inconclusive        anything else; the line says the smallest effect that the run could have seen
not learnt          an arm is at or below its floor: nothing is said either way
=================== ===================================================================================
"""

from collections.abc import Mapping
from typing import Literal

from medrepro.reproduce.evaluation.estimates import Estimate
from medrepro.reproduce.printed.claim import Comparison

Verdict = Literal[
    "supported",
    "smaller than claimed",
    "no gain",
    "contradicted",
    "inconclusive",
    "not learnt",
    "cannot be asked here",
    "needs original data",
    "cannot be (audit)",
    "not run",
    "cannot be judged",
]
ALPHA = 0.05
MIN_REPEATS = 3  # seeds, or folds of a single seed


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Return Holm's step-down correction: the k-th smallest of m times m - k + 1, never falling, at most 1."""
    corrected, running = {}, 0.0
    for rank, (name, p) in enumerate(sorted(p_values.items(), key=lambda item: item[1])):
        running = max(running, min(1.0, p * (len(p_values) - rank)))
        corrected[name] = running
    return corrected


def enough_repeats(estimate: Estimate) -> bool:
    """Whether training was repeated often enough for a verdict: three seeds, or three folds of one seed."""
    return len(estimate.repeats if len(estimate.repeats) > 1 else estimate.runs) >= MIN_REPEATS


def p_of(test: Comparison, estimate: Estimate) -> float | None:
    """Return two-sided p of no effect; of ``no-worse`` one-sided p of a loss of ``gain`` or more; None without luck."""
    if estimate.luck is None:
        return None
    return estimate.luck.p_above(-test.gain) if test.direction == "no-worse" else estimate.luck.p()


def decide(test: Comparison, estimate: Estimate, claimed: float | None, holm_p: float | None) -> tuple[Verdict, str]:
    """Return verdict and reason of one effect; arms that have not learnt are the caller's to find.

    Args:
        test: direction and smallest gain that counts.
        estimate: the effect; of a conjunction the weakest pair's.
        claimed: the paper's own effect in the same metric, if it prints one.
        holm_p: the effect's p within the paper's ledger.
    """
    low, high = estimate.interval.low, estimate.interval.high
    if not enough_repeats(estimate) or estimate.luck is None:
        return "inconclusive", f"fewer than {MIN_REPEATS} repeats: no verdict"
    if low is None or high is None:
        return "inconclusive", "no interval: predictions of at least two patients are needed"
    significant = holm_p is not None and holm_p < ALPHA
    if test.direction == "no-worse":
        return _no_worse(test.gain, low, high, significant)
    if low > 0 and estimate.value >= test.gain and significant:
        return "supported", "the interval lies above 0"
    if claimed is not None and high < claimed and (low > 0 or high >= test.gain):
        return "smaller than claimed", f"the interval lies below the paper's {claimed:+.4g}"
    if -test.gain < low and high < test.gain:
        return "no gain", f"the interval lies within {test.gain:g} of 0"
    if high < 0 and significant:
        return "contradicted", "the interval lies below 0"
    seen = f"this run could have seen {estimate.luck.smallest_visible():.2g}"
    if claimed is None:
        return "inconclusive", seen
    said = "the interval excludes the paper's" if high < claimed else "the paper claims"
    return "inconclusive", f"{seen}; {said} {claimed:+.3g}"


def _no_worse(margin: float, low: float, high: float, significant: bool) -> tuple[Verdict, str]:
    if high < -margin:
        return "contradicted", f"worse by more than {margin:g}"
    if low > -margin and significant:
        return "supported", f"the interval lies above a loss of {margin:g}"
    return "inconclusive", f"the interval holds a loss of {margin:g}" if low <= -margin else "not significant (Holm)"
