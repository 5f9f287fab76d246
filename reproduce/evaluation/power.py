"""How small an effect a sample can show: the paper's own, before anyone runs anything.

In: a statistic, its value, the sample, and whether two models are compared on the same cases. Out: the smallest
difference that a two-sided test at 5 % finds with a probability of 80 %. A sample that cannot show an effect does not
refute it; a claim about less than that was not shown.
"""

import math

from medrepro.reproduce.printed.claim import Sample

Z_TEST = 1.959964  # two-sided 5 %
Z_POWER = 0.841621  # 80 %
CORRELATION = 0.5  # assumed between two models' scores (AUC) or right answers (rates) on the same cases


def smallest_difference(statistic: str, value: float, sample: Sample, *, paired: bool = True) -> float | None:
    """The smallest difference of ``statistic`` that ``sample`` can show, None where nothing is known of its spread.

    Args:
        statistic: ``accuracy``, ``sensitivity``, ``specificity``, ``f1`` (as a share of all cases) or ``auc``.
        value: of the better model, in [0, 1].
        sample: how many cases, and how many of them positive.
        paired: both models see the same cases.
    """
    error = standard_error(statistic, value, sample)
    if error is None:
        return None
    correlation = CORRELATION if paired else 0.0
    return (Z_TEST + Z_POWER) * math.sqrt(2 * (1 - correlation)) * error


def standard_error(statistic: str, value: float, sample: Sample) -> float | None:
    """Standard error of one estimate: binomial for rates, Hanley and McNeil (1982) for the AUC."""
    if statistic == "auc":
        return _auc_error(value, sample.positives, sample.n - sample.positives)
    sizes = {
        "accuracy": sample.n,
        "balanced_accuracy": sample.n,
        "f1": sample.n,
        "sensitivity": sample.positives,
        "recall": sample.positives,
        "specificity": sample.n - sample.positives,
    }
    return math.sqrt(value * (1 - value) / sizes[statistic]) if statistic in sizes else None


def _auc_error(auc: float, positives: int, negatives: int) -> float:
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = auc * (1 - auc) + (positives - 1) * (q1 - auc**2) + (negatives - 1) * (q2 - auc**2)
    return math.sqrt(max(variance, 0.0) / (positives * negatives))
