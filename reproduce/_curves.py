"""Curves behind figures, with patient-bootstrap bands: ROC, reliability, confusion.

In: cases of one or more runs. Out: arrays ready to be drawn. Numpy only.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reproduce._metrics import Floats, Weights, predicted_class, ratio, two_columns
from reproduce._stats import LEVEL, Cases, draw_counts

GRID = np.linspace(0, 1, 101)
BAND_RESAMPLES = 400  # a band one line wide needs fewer than an interval
MAX_CELLS = 2_000_000
BINS = 10


@dataclass(frozen=True)
class Band:
    """A curve ``y`` over ``x`` with its 95 % band."""

    x: Floats
    y: Floats
    low: Floats
    high: Floats


def roc(cases: Cases, counts: Floats, of_class: int = 1) -> Floats:
    """True-positive rate at :data:`GRID` of false-positive rates, one line a resample: ``(R, 101)``.

    Args:
        cases: ``N`` cases.
        counts: ``(R, N)`` weight of each case.
        of_class: the positive class.
    """
    scores = two_columns(cases.scores)[:, of_class]
    order = np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.r_[np.diff(scores[order]) != 0, True])  # a threshold takes all tied cases at once
    positive = cases.labels[order] == of_class
    weights = counts[:, order]
    hits = np.cumsum(weights * positive, axis=1)[:, ends]
    alarms = np.cumsum(weights * ~positive, axis=1)[:, ends]
    lines = np.full((len(counts), len(GRID)), np.nan)
    for line, (hit, alarm) in enumerate(zip(hits, alarms, strict=True)):
        if hit[-1] > 0 and alarm[-1] > 0:
            lines[line] = np.interp(GRID, np.r_[0, alarm / alarm[-1]], np.r_[0, hit / hit[-1]])
    return lines


def roc_band(runs: Sequence[Cases], of_class: int = 1) -> Band:
    """ROC curve averaged over runs at equal false-positive rates, with its patient-bootstrap band."""
    patients = np.unique(np.concatenate([run.patients for run in runs]))
    size = max(len(run) for run in runs)
    counts = draw_counts(len(patients), min(BAND_RESAMPLES, MAX_CELLS // max(1, size)))
    lines = np.mean([roc(run, counts[:, np.searchsorted(patients, run.patients)], of_class) for run in runs], axis=0)
    drawn = lines[1:][~np.isnan(lines[1:]).any(axis=1)]
    if not len(drawn):
        return Band(GRID, lines[0], lines[0], lines[0])
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return Band(GRID, lines[0], low, high)


@dataclass(frozen=True)
class Reliability:
    """How often what is predicted with some probability comes true, in ten equal bins of probability.

    Attributes:
        predicted: ``(B,)`` mean probability in each bin that holds cases.
        observed: ``(B,)`` share of positives.
        low: ``(B,)`` lower bounds by patient bootstrap.
        high: ``(B,)`` upper bounds.
        share: ``(B,)`` of all cases.
    """

    predicted: Floats
    observed: Floats
    low: Floats
    high: Floats
    share: Floats


def reliability(runs: Sequence[Cases]) -> Reliability:
    """Reliability of class 1's probability (with more classes, of the predicted class), all runs together."""
    patients = np.unique(np.concatenate([run.patients for run in runs]))
    pairs = [_confidence(run) for run in runs]
    probability, outcome = (np.concatenate([pair[part] for pair in pairs]) for part in (0, 1))
    groups = np.concatenate([np.searchsorted(patients, run.patients) for run in runs])
    bins = np.eye(BINS)[np.clip((probability * BINS).astype(np.int64), 0, BINS - 1)]
    weights = Weights(groups, draw_counts(len(patients), BAND_RESAMPLES))
    total = weights.sums(bins)
    observed = ratio(weights.sums(bins * outcome[:, None]), total)
    there = total[0] > 0
    predicted = ratio(bins.T @ probability, total[0])[there]
    low, high = np.nanquantile(observed[:, there], [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return Reliability(predicted, observed[0, there], low, high, total[0, there] / total[0].sum())


def _confidence(run: Cases) -> tuple[Floats, Floats]:
    scores = two_columns(run.scores)
    if scores.shape[1] == 2:
        return scores[:, 1], (run.labels == 1).astype(np.float64)
    guess = predicted_class(scores)
    return scores[np.arange(len(guess)), guess], (guess == run.labels).astype(np.float64)


def confusion(runs: Sequence[Cases]) -> Floats:
    """Mean counts over runs, ``(true class, predicted class)``."""
    size = two_columns(runs[0].scores).shape[1]
    total = np.zeros((size, size))
    for run in runs:
        np.add.at(total, (run.labels, predicted_class(two_columns(run.scores))), 1)
    return total / len(runs)
