"""Metrics of weighted predictions, for many weightings at once: what a bootstrap needs.

In: labels, class probabilities and one weight per sample and resample; out: one value per resample, NaN where
the metric is undefined. Weights of one give scikit-learn's numbers. Numpy only.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CHUNK = 4_000_000  # numbers held at once when weights are spread over samples: 32 MB
ECE_BINS = 15
THRESHOLD = 0.5


class Weights:
    """Weights of resamples, given per group (patient) and spread over samples only where a metric needs it.

    Args:
        groups: ``(N,)`` index of each sample's group.
        counts: ``(R, G)`` how often each resample contains each group.
    """

    def __init__(self, groups: Ints, counts: Floats) -> None:
        self.groups, self.counts = groups, counts

    def sums(self, columns: Floats) -> Floats:
        """Weighted sums ``(R, K)`` of per-sample ``columns (N, K)``."""
        per_group = np.zeros((self.counts.shape[1], columns.shape[1]))
        np.add.at(per_group, self.groups, columns)
        return self.counts @ per_group

    def auc(self, positive: NDArray[np.bool_], scores: Floats) -> Floats:
        """Area under the ROC curve ``(R,)``, ties counted half: one sort, then cumulative sums."""
        order = np.argsort(scores, kind="stable")
        groups, positive = self.groups[order], positive[order]
        starts = np.flatnonzero(np.r_[True, np.diff(scores[order]) != 0])
        step = max(1, CHUNK // max(1, len(scores)))
        parts = [
            _auc_chunk(self.counts[at : at + step, :][:, groups], positive, starts)
            for at in range(0, len(self.counts), step)
        ]
        return np.concatenate(parts)


def _auc_chunk(weights: Floats, positive: NDArray[np.bool_], starts: NDArray[np.intp]) -> Floats:
    """AUC of ``weights (R, N)`` on samples sorted by score; ``starts`` are the first samples of tied runs."""
    positives = np.add.reduceat(weights * positive, starts, axis=1)
    negatives = np.add.reduceat(weights * ~positive, starts, axis=1)
    below = np.cumsum(negatives, axis=1) - 0.5 * negatives
    return ratio((positives * below).sum(axis=1), positives.sum(axis=1) * negatives.sum(axis=1))


def ratio(numerator: Floats, denominator: Floats) -> Floats:
    """Quotient, NaN where the denominator is zero."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(denominator > 0, numerator / denominator, np.nan)


def two_columns(scores: Floats) -> Floats:
    """Class probabilities ``(N, C)``; a single score per sample ``(N,)`` becomes the pair (1 - s, s)."""
    return scores if scores.ndim == 2 else np.stack([1 - scores, scores], axis=1)


def predicted_class(scores: Floats) -> Ints:
    """Most probable class; with two classes, class 1 from a probability of 0.5 on."""
    if scores.shape[1] == 2:
        return (scores[:, 1] >= THRESHOLD).astype(np.int64)
    best: Ints = scores.argmax(axis=1).astype(np.int64)
    return best


# Numerator and denominator as sums of (true positives, false negatives, false positives, true negatives).
RATES: dict[str, tuple[tuple[int, int, int, int], tuple[int, int, int, int]]] = {
    "sensitivity": ((1, 0, 0, 0), (1, 1, 0, 0)),
    "specificity": ((0, 0, 0, 1), (0, 0, 1, 1)),
    "ppv": ((1, 0, 0, 0), (1, 0, 1, 0)),
    "npv": ((0, 0, 0, 1), (0, 1, 0, 1)),
    "f1": ((2, 0, 0, 0), (2, 1, 1, 0)),
}
ALIASES = {"recall": "sensitivity", "precision": "ppv", "acc": "accuracy"}


def _rate(name: str, of_class: int, labels: Ints, scores: Floats, weights: Weights) -> Floats:
    truth, guess = labels == of_class, predicted_class(scores) == of_class
    outcomes = np.stack([truth & guess, truth & ~guess, ~truth & guess, ~truth & ~guess], axis=1)
    sums = weights.sums(outcomes.astype(np.float64))
    numerator, denominator = RATES[name]
    return ratio(sums @ np.array(numerator), sums @ np.array(denominator))


def _class_auc(of_class: int, labels: Ints, scores: Floats, weights: Weights) -> Floats:
    return weights.auc(labels == of_class, scores[:, of_class])


def _mean(values: Floats, weights: Weights) -> Floats:
    total, count = weights.sums(np.stack([values, np.ones_like(values)], axis=1)).T
    return ratio(total, count)


def _accuracy(labels: Ints, scores: Floats, weights: Weights) -> Floats:
    return _mean((predicted_class(scores) == labels).astype(np.float64), weights)


def _balanced_accuracy(labels: Ints, scores: Floats, weights: Weights) -> Floats:
    return _macro([_rate("sensitivity", c, labels, scores, weights) for c in range(scores.shape[1])])


def _brier(labels: Ints, scores: Floats, weights: Weights) -> Floats:
    """Squared error of class 1's probability; with more classes the sum over classes."""
    truth = np.eye(scores.shape[1])[labels]
    errors = ((scores - truth) ** 2)[:, 1] if scores.shape[1] == 2 else ((scores - truth) ** 2).sum(axis=1)
    return _mean(errors, weights)


def _ece(labels: Ints, scores: Floats, weights: Weights) -> Floats:
    """Expected calibration error of the predicted class, in 15 equal bins of its probability."""
    guess = predicted_class(scores)
    confidence = scores[np.arange(len(guess)), guess]
    bins = np.clip(np.ceil(confidence * ECE_BINS).astype(np.int64) - 1, 0, ECE_BINS - 1)
    gap = (guess == labels) - confidence
    sums = weights.sums(np.eye(ECE_BINS)[bins] * gap[:, None])
    return ratio(np.abs(sums).sum(axis=1), weights.sums(np.ones((len(gap), 1)))[:, 0])


WHOLE: dict[str, Callable[[Ints, Floats, Weights], Floats]] = {
    "accuracy": _accuracy,
    "balanced_accuracy": _balanced_accuracy,
    "brier": _brier,
    "ece": _ece,
}


def _macro(per_class: list[Floats]) -> Floats:
    """Mean over the classes for which the metric is defined in that resample."""
    stacked = np.stack(per_class)
    defined = ~np.isnan(stacked)
    return ratio(np.where(defined, stacked, 0).sum(axis=0), defined.sum(axis=0).astype(np.float64))


def is_known(statistic: str) -> bool:
    """Whether ``statistic`` (``auc``, ``f1@2``, ...) can be computed from labels and probabilities."""
    name, one_class, of_class = statistic.partition("@")
    name = ALIASES.get(name, name)
    by_class = name == "auc" or name in RATES
    return by_class and of_class.isdigit() if one_class else by_class or name in WHOLE


def evaluate(statistic: str, labels: Ints, scores: Floats, weights: Weights) -> Floats:
    """Value of ``statistic`` for every resample, ``(R,)``.

    Args:
        statistic: ``auc``, ``accuracy``, ``balanced_accuracy``, ``sensitivity``, ``specificity``, ``ppv``,
            ``npv``, ``f1``, ``brier``, ``ece``. Rates and AUC are those of class 1 with two classes, the mean
            over one-vs-rest with more; ``@c`` asks for class c alone.
        labels: ``(N,)`` class indices.
        scores: ``(N, C)`` probabilities, or ``(N,)`` those of class 1.
        weights: resamples.

    Raises:
        KeyError: unknown statistic, or a class that the scores do not have.
    """
    scores = two_columns(scores)
    name, _, of_class = statistic.partition("@")
    name = ALIASES.get(name, name)
    if name in WHOLE and not of_class:
        return WHOLE[name](labels, scores, weights)
    if not is_known(statistic) or (of_class and int(of_class) >= scores.shape[1]):
        raise KeyError(f"no statistic {statistic!r} of {scores.shape[1]} classes")
    classes = [int(of_class)] if of_class else [1] if scores.shape[1] == 2 else range(scores.shape[1])
    if name == "auc":
        return _macro([_class_auc(c, labels, scores, weights) for c in classes])
    return _macro([_rate(name, c, labels, scores, weights) for c in classes])


def mean_of(values: Floats, weights: Weights) -> Floats:
    """Weighted mean of any per-sample quantity, ``(R,)``; samples without a value (NaN) do not count."""
    there = ~np.isnan(values)
    total, count = weights.sums(np.stack([np.where(there, values, 0), there.astype(np.float64)], axis=1)).T
    return ratio(total, count)
