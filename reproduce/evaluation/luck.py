"""Count both sources of luck in an interval: which patients were tested, and how training went.

The effect d_s of repeat s (a seed: initial weights, order of batches, often the split) is a mean over its folds. With
S repeats the variance of their mean is that of the patients, by bootstrap with the networks held fixed, plus that of
training:

    se^2 = se_patients^2 + sd(d_s)^2 / S,     interval = mean +- t(0.975, df) se

with Satterthwaite's df of the two terms (patients - 1 and S - 1). Of a single seed with k folds the corrected
resampled variance stands for both, (1/k + n_test / n_train) sd_folds^2 (Nadeau and Bengio 2003).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from medrepro.reproduce.evaluation.bootstrap import LEVEL, MIN_DEFINED, Interval
from medrepro.reproduce.evaluation.metrics import Floats

POWER = 0.8


@dataclass(frozen=True)
class Luck:
    """A value with its standard error from both sources.

    Attributes:
        value: the mean over repeats.
        se: its standard error.
        df: degrees of freedom of the standard error.
    """

    value: float
    se: float
    df: float

    @property
    def interval(self) -> Interval:
        """The two-sided 95 % interval."""
        reach = float(stats.t.ppf((1 + LEVEL) / 2, self.df)) * self.se
        return Interval(self.value, self.value - reach, self.value + reach)

    def p(self, null: float = 0.0) -> float:
        """Return the two-sided p of the hypothesis that the true value is ``null``."""
        return min(1.0, 2 * self._tail(abs(self.value - null)))

    def p_above(self, null: float) -> float:
        """Return the one-sided p of the hypothesis that the true value is ``null`` or less."""
        return self._tail(self.value - null)

    def smallest_visible(self) -> float:
        """Return the effect that such a run finds at two-sided 5 % with a probability of 80 %."""
        return float(stats.t.ppf((1 + LEVEL) / 2, self.df) + stats.t.ppf(POWER, self.df)) * self.se

    def _tail(self, distance: float) -> float:
        if self.se == 0:
            return 0.0 if distance > 0 else 1.0
        return float(stats.t.sf(distance / self.se, self.df))


def repeats(values: Sequence[float], seeds: Sequence[int]) -> dict[int, float]:
    """Return each seed's mean over its folds."""
    return {
        seed: float(np.mean([value for value, of in zip(values, seeds, strict=True) if of == seed]))
        for seed in dict.fromkeys(seeds)
    }


def luck(values: Floats, seeds: Sequence[int], patients: int, test_to_train: float) -> Luck | None:
    """Return mean and standard error over patients and trainings; None with one run, or too few defined resamples.

    Args:
        values: (runs, 1 + resamples): each run on the data (column 0) and on each resample of patients.
        seeds: of each run.
        patients: tested patients over all runs.
        test_to_train: tested to trained samples, for folds of a single seed.
    """
    means = values.mean(axis=0)
    drawn = means[1:][~np.isnan(means[1:])]
    if len(values) < 2 or len(drawn) <= MIN_DEFINED * (len(means) - 1) or patients < 2:
        return None
    by_seed = list(repeats(values[:, 0].tolist(), seeds).values())
    if len(by_seed) > 1:
        training = float(np.var(by_seed, ddof=1)) / len(by_seed)
        terms = [(patients - 1, float(drawn.var(ddof=1))), (len(by_seed) - 1, training)]
    else:
        folds = len(values)
        terms = [(folds - 1, (1 / folds + test_to_train) * float(values[:, 0].var(ddof=1)))]
    variance = sum(term for _, term in terms)
    if variance == 0:
        return Luck(float(means[0]), 0.0, float(terms[-1][0]))
    df = variance**2 / sum(term**2 / freedom for freedom, term in terms)
    return Luck(float(means[0]), math.sqrt(variance), df)


def probability_above(first: Mapping[int, float], second: Mapping[int, float]) -> float:
    """Return P(A > B): how often one training of the first beats one of the second, ties counted half."""
    ours, theirs = np.array(list(first.values())), np.array(list(second.values()))
    return float((np.sign(ours[:, None] - theirs[None, :]) + 1).mean() / 2)
