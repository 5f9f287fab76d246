"""How sure a number is: patient bootstrap, paired differences, DeLong's method, mean and spread.

In: per-case labels and scores with the patient of each case; out: estimates with 95 % intervals. Cases of
one patient are not independent, so patients are resampled, never images. Numpy and scipy only.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from medrepro.datamodules.support.errors import InputError
from medrepro.reproduce.evaluation.metrics import Floats, Ints, Weights, evaluate, mean_of, two_columns

Strings = NDArray[np.str_]
RESAMPLES = 2000
LEVEL = 0.95
COUNT_GUESSES = {"f1", "ppv", "precision", "npv"}  # denominators hold guesses of a class, also where no case has it
MIN_DEFINED = 0.5  # below this share of resamples with a value there is no interval


@dataclass(frozen=True)
class Cases:
    """Predictions of one run (seed, fold) at one level: images, nodules or patients.

    Attributes:
        ids: ``(N,)`` names of the cases.
        patients: ``(N,)`` the patient of each case.
        labels: ``(N,)`` class indices.
        scores: ``(N, C)`` probabilities or ``(N,)`` scores of class 1; for a plain mean, the values.
    """

    ids: Strings
    patients: Strings
    labels: Ints
    scores: Floats

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class Interval:
    """A value with its 95 % interval; ``low`` and ``high`` are ``None`` where none can be given."""

    value: float
    low: float | None = None
    high: float | None = None

    def excludes(self, number: float) -> bool:
        """Whether ``number`` lies outside; never so without an interval."""
        return self.low is not None and self.high is not None and not self.low <= number <= self.high


def mean_sd(values: Sequence[float]) -> tuple[float, float | None]:
    """Mean and sample standard deviation (n - 1); the latter is ``None`` for a single value."""
    numbers = np.asarray(values, dtype=np.float64)
    return float(numbers.mean()), float(numbers.std(ddof=1)) if len(numbers) > 1 else None


def aggregate(
    groups: Strings, labels: Ints, scores: Floats, how: Literal["mean", "max"] = "mean"
) -> tuple[Strings, Ints, Floats]:
    """Join each group's members: score by mean or maximum (per class), label by maximum ("any malignant").

    Args:
        groups: ``(N,)`` group of each member.
        labels: ``(N,)`` class indices.
        scores: ``(N,)`` or ``(N, C)``.
        how: how the scores are joined.

    Returns:
        Group names ``(G,)`` in sorted order, labels ``(G,)``, scores ``(G,)`` or ``(G, C)``.
    """
    names, first, index = np.unique(groups, return_index=True, return_inverse=True)
    joined_labels = np.full(len(names), np.iinfo(np.int64).min)
    np.maximum.at(joined_labels, index, labels.astype(np.int64))
    start = scores[first]
    if how == "max":
        np.maximum.at(start, index, scores)
        return names, joined_labels, start
    # Deviations from a member are averaged, so that equal members give exactly their value: a constant
    # baseline must stay tied between groups of different size, or its AUC is not 0.5.
    deviations = np.zeros_like(start)
    np.add.at(deviations, index, scores - start[index])
    sizes = np.bincount(index).reshape(-1, *[1] * (scores.ndim - 1))
    return names, joined_labels, start + deviations / sizes


@lru_cache(maxsize=8)
def draw_counts(n_patients: int, resamples: int = RESAMPLES, seed: int = 0) -> Floats:
    """How often each patient is drawn, ``(1 + resamples, n_patients)``; row 0 is the data as they are.

    The same arguments give the same draw, which pairs rows, baselines and seeds on the same patients. One
    patient cannot be resampled: row 0 stands alone. The array is kept and read-only.
    """
    if n_patients < 2:
        return np.ones((1, n_patients))
    generator = np.random.default_rng([seed, n_patients])
    draws = generator.multinomial(n_patients, np.full(n_patients, 1 / n_patients), size=resamples)
    counts = np.concatenate([np.ones((1, n_patients)), draws])
    counts.flags.writeable = False
    return counts


def replicates(statistic: str, runs: Sequence[Cases], resamples: int = RESAMPLES, seed: int = 0) -> Floats:
    """``statistic`` of every run, on the data (column 0) and on each resample: ``(runs, 1 + resamples)``.

    One resample is one draw from the patients of *all* runs and is applied to every run: seeds tested on
    the same patients see the same resample, and the disjoint patients of folds are drawn together. An entry
    is NaN where the statistic is undefined (as AUC where only one class was drawn). ``mean`` averages the
    scores.
    """
    patients = np.unique(np.concatenate([run.patients for run in runs]))
    counts = draw_counts(len(patients), resamples, seed)
    return np.stack([_of_run(statistic, run, patients, counts) for run in runs])


def replicates_of_folds(
    statistic: str, runs: Sequence[Cases], seeds: Sequence[int], resamples: int = RESAMPLES
) -> Floats:
    """:func:`replicates` for runs that may be small folds of one seed.

    A resample of a fold with one patient a class lacks some classes; guesses of a class that was not drawn count as
    its false positives, and F1 or a predictive value would fall for that reason alone. Their deviations are therefore
    taken from the folds' predictions pooled, seed by seed, and added to each fold's own value.
    """
    name = statistic.partition("@")[0]
    if name not in COUNT_GUESSES or len(set(seeds)) == len(seeds):
        return replicates(statistic, runs, resamples)
    order = sorted(set(seeds))
    pooled = [_joined([run for run, of in zip(runs, seeds, strict=True) if of == seed]) for seed in order]
    drawn = replicates(statistic, pooled, resamples)
    moves = drawn - drawn[:, :1]
    values = [replicates(statistic, [run], 0)[0, 0] for run in runs]
    return np.stack([value + moves[order.index(seed)] for value, seed in zip(values, seeds, strict=True)])


def _joined(folds: Sequence[Cases]) -> Cases:
    parts = [
        np.concatenate([getattr(fold, name) for fold in folds]) for name in ("ids", "patients", "labels", "scores")
    ]
    return Cases(*parts)


def _of_run(statistic: str, run: Cases, patients: Strings, counts: Floats) -> Floats:
    weights = Weights(np.searchsorted(patients, run.patients), counts)
    if statistic == "mean":
        return mean_of(run.scores, weights)
    return evaluate(statistic, run.labels, run.scores, weights)


def interval(values: Floats) -> Interval:
    """The value averaged over runs and the percentile interval of its resamples.

    Resamples in which a run has no value are left out; there is no interval if half of them or more are, or
    if there are none (a single patient).

    Args:
        values: ``(runs, 1 + resamples)`` of :func:`replicates`, or a difference of two such.
    """
    means = values.mean(axis=0)
    drawn = means[1:][~np.isnan(means[1:])]
    if len(drawn) <= MIN_DEFINED * (len(means) - 1) or np.isnan(means[0]):
        return Interval(float(means[0]))
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(means[0]), float(low), float(high))


def bootstrap(statistic: str, runs: Sequence[Cases], resamples: int = RESAMPLES, seed: int = 0) -> Interval:
    """Mean of ``statistic`` over runs with its patient-bootstrap interval."""
    return interval(replicates(statistic, runs, resamples, seed))


def paired_difference(
    statistic: str, first: Sequence[Cases], second: Sequence[Cases], resamples: int = RESAMPLES, seed: int = 0
) -> Interval:
    """First - second, averaged over runs, with its interval from patient resamples common to both.

    Raises:
        InputError: the runs do not hold the same cases with the same labels, so nothing can be paired.
    """
    for ours, theirs in zip(first, second, strict=True):
        check_paired(ours, theirs)
    ours_values = replicates(statistic, first, resamples, seed)
    return interval(ours_values - replicates(statistic, second, resamples, seed))


def check_paired(ours: Cases, theirs: Cases) -> None:
    """Refuse to compare predictions of different cases.

    Raises:
        InputError: cases or labels differ.
    """
    mine, other = np.argsort(ours.ids), np.argsort(theirs.ids)
    same = len(ours) == len(theirs) and np.array_equal(ours.ids[mine], theirs.ids[other])
    if not same or not np.array_equal(ours.labels[mine], theirs.labels[other]):
        raise InputError(
            f"cannot pair predictions of different cases ({len(ours)} and {len(theirs)}); "
            "run both rows on the same data and split"
        )


@dataclass(frozen=True)
class DeLong:
    """AUCs of several scores on the same independent cases, and their covariance (DeLong et al. 1988).

    Attributes:
        aucs: ``(S,)``.
        covariance: ``(S, S)``.
    """

    aucs: Floats
    covariance: Floats

    def contrast(self, weights: Sequence[float]) -> Interval:
        """Weighted sum of the AUCs with its normal 95 % interval, as (1, -1) for a difference."""
        value, error = self._sum(weights)
        reach = float(stats.norm.ppf((1 + LEVEL) / 2)) * error
        return Interval(value) if math.isnan(reach) else Interval(value, value - reach, value + reach)

    def p_value(self, weights: Sequence[float]) -> float:
        """Two-sided p of the hypothesis that the weighted sum is 0; 1 where it is 0 without any variance."""
        value, error = self._sum(weights)
        if error == 0:
            return 1.0 if value == 0 else 0.0
        return float(2 * stats.norm.sf(abs(value) / error))

    def _sum(self, weights: Sequence[float]) -> tuple[float, float]:
        vector = np.asarray(weights, dtype=np.float64)
        variance = float(vector @ self.covariance @ vector)
        return float(vector @ self.aucs), 0.0 if variance < 0 else math.sqrt(variance)


def delong(labels: Ints, scores: Floats) -> DeLong:
    """DeLong's covariance of AUCs by midranks (Sun and Xu 2014), O(S N log N).

    Cases must be independent: patients, not images. With a single case of a class the covariance is NaN.

    Args:
        labels: ``(N,)`` 0 or 1.
        scores: ``(S, N)``, one line per model (or seed).

    Raises:
        InputError: only one class is present.
    """
    positive = labels == 1
    n_pos, n_neg = int(positive.sum()), int((~positive).sum())
    if min(n_pos, n_neg) == 0:
        raise InputError(f"AUC needs both classes: found {n_pos} positive and {n_neg} negative cases")
    pooled = _midranks(scores)
    above = (pooled[:, positive] - _midranks(scores[:, positive])) / n_neg
    below = 1 - (pooled[:, ~positive] - _midranks(scores[:, ~positive])) / n_pos
    covariance = _covariance(above) / n_pos + _covariance(below) / n_neg
    return DeLong(above.mean(axis=1), covariance)


def delong_p(first: Sequence[Cases], second: Sequence[Cases]) -> float | None:
    """Two-sided p of the difference of two AUCs, each averaged over runs on the same patients.

    ``None`` where DeLong's method does not apply: a patient has several cases, runs test different patients
    (folds), more than two classes, or one class only.
    """
    every = [*first, *second]
    orders = [np.argsort(run.ids) for run in every]
    ids, labels = every[0].ids[orders[0]], every[0].labels[orders[0]]
    shared = all(np.array_equal(ids, run.ids[order]) for run, order in zip(every, orders, strict=True))
    one_each = len(np.unique(every[0].patients)) == len(ids)
    if not (shared and one_each and set(labels.tolist()) == {0, 1}):
        return None
    scores = [two_columns(run.scores)[:, 1] for run in every]
    lines = np.stack([line[order] for line, order in zip(scores, orders, strict=True)])
    weights = [1 / len(first)] * len(first) + [-1 / len(second)] * len(second)
    p = delong(labels, lines).p_value(weights)
    return None if math.isnan(p) else p


def _midranks(scores: Floats) -> Floats:
    ranks: Floats = stats.rankdata(scores, axis=1).astype(np.float64)
    return ranks


def _covariance(components: Floats) -> Floats:
    if components.shape[1] < 2:
        return np.full((len(components), len(components)), np.nan)
    covariance: Floats = np.cov(components).reshape(len(components), len(components))
    return covariance
