"""Both sources of luck: the formula against plain numbers, and by simulation coverage, false support and power."""

import numpy as np
import pytest
from scipy import stats

from medrepro.reproduce.evaluation.luck import Luck, luck, probability_above, repeats
from medrepro.reproduce.evaluation.metrics import Floats

TRIALS, RESAMPLES = 300, 150
NOISE = 3 * np.sqrt(0.95 * 0.05 / TRIALS)  # of a simulated coverage


def replicates(rng: np.random.Generator, seeds: int, patients: int, ratio: float, effect: float = 0.0) -> Floats:
    """Draw an experiment: patients' effects shared by seeds, and a seed's own with ``ratio`` times their variance."""
    training = rng.normal(0, np.sqrt(ratio / patients), seeds)
    effects = effect + rng.normal(0, 1, patients) + rng.normal(0, 0.3, (seeds, patients)) + training[:, None]
    weights = rng.multinomial(patients, np.full(patients, 1 / patients), size=RESAMPLES) / patients
    return np.concatenate([effects.mean(axis=1, keepdims=True), effects @ weights.T], axis=1)


@pytest.mark.parametrize("ratio", [0, 1, 4])
@pytest.mark.parametrize("patients", [50, 200])
@pytest.mark.parametrize("seeds", [3, 5, 10])
def test_the_interval_covers_and_seldom_supports_what_is_not_there(seeds: int, patients: int, ratio: int) -> None:
    rng = np.random.default_rng([seeds, patients, ratio])
    found = [luck(replicates(rng, seeds, patients, ratio), range(seeds), patients, 0) for _ in range(TRIALS)]
    intervals = [one.interval for one in found if one is not None]
    assert len(intervals) == TRIALS
    covered = np.mean([not interval.excludes(0) for interval in intervals])
    above = np.mean([interval.low is not None and interval.low > 0 for interval in intervals])
    assert covered > 0.95 - NOISE
    assert covered >= 0.92 - NOISE / 3
    assert above < 0.025 + NOISE


def test_what_a_run_says_it_could_see_it_sees_in_four_of_five() -> None:
    rng = np.random.default_rng(8)
    first = luck(replicates(rng, 10, 200, 1), range(10), 200, 0)
    assert first is not None
    effect = np.sqrt((1 + 0.09 / 10) / 200 + 1 / 200 / 10) * (stats.norm.ppf(0.975) + stats.norm.ppf(0.8))
    assert first.smallest_visible() == pytest.approx(effect, rel=0.25)
    found = [luck(replicates(rng, 10, 200, 1, effect), range(10), 200, 0) for _ in range(TRIALS)]
    assert np.mean([one is not None and one.interval.excludes(0) for one in found]) == pytest.approx(0.8, abs=0.08)


def test_the_standard_error_is_that_of_the_formula() -> None:
    values = np.array([[0.1, 0.05, 0.15, 0.1], [0.3, 0.25, 0.35, 0.3], [0.2, 0.2, 0.2, 0.2]])
    found = luck(values, (0, 1, 2), 40, 0)
    assert found is not None
    patients = np.var(values[:, 1:].mean(axis=0), ddof=1)
    training = np.var([0.1, 0.3, 0.2], ddof=1) / 3
    assert found.se**2 == pytest.approx(patients + training)
    assert found.df == pytest.approx((patients + training) ** 2 / (patients**2 / 39 + training**2 / 2))
    assert found.value == pytest.approx(0.2)


def test_folds_of_one_seed_take_the_corrected_variance() -> None:
    values = np.array([[0.1, 0.1, 0.1], [0.3, 0.3, 0.3], [0.2, 0.2, 0.2]])
    found = luck(values, (0, 0, 0), 40, 0.5)
    assert found is not None
    assert found.se**2 == pytest.approx((1 / 3 + 0.5) * np.var([0.1, 0.3, 0.2], ddof=1))
    assert found.df == 2
    assert repeats([1.0, 3.0, 5.0], [0, 0, 1]) == {0: 2.0, 1: 5.0}


def test_one_run_or_one_patient_has_no_luck() -> None:
    values = np.array([[0.1, 0.2], [0.3, 0.1]])
    assert luck(values[:1], (0,), 40, 0) is None
    assert luck(values, (0, 1), 1, 0) is None
    assert luck(np.array([[0.1, np.nan, np.nan], [0.1, np.nan, 0.2]]), (0, 1), 9, 0) is None


def test_without_any_spread_the_value_is_certain() -> None:
    found = luck(np.full((3, 5), 0.5), (0, 1, 2), 40, 0)
    assert found is not None
    assert (found.interval.low, found.interval.high, found.p(), found.p(0.5)) == (0.5, 0.5, 0.0, 1.0)


def test_p_is_that_of_the_interval() -> None:
    one = Luck(0.05, 0.02, 12)
    assert one.p() == pytest.approx(2 * stats.t.sf(2.5, 12))
    assert one.p_above(0.02) == pytest.approx(stats.t.sf(1.5, 12))
    assert one.interval.low == pytest.approx(0.05 - stats.t.ppf(0.975, 12) * 0.02)


def test_the_probability_of_beating_counts_ties_half() -> None:
    first, second = {0: 1.0, 1: 2.0}, {0: 1.0, 1: 0.0}
    assert probability_above(first, second) == pytest.approx((0.5 + 1 + 1 + 1) / 4)
