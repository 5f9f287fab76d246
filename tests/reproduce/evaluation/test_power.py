"""What a sample can show, against simulation and against the formula's own terms."""

import math

import numpy as np
import pytest

from medrepro.reproduce.evaluation.power import CORRELATION, Z_TEST, smallest_difference, standard_error
from medrepro.reproduce.printed.claim import Sample


def sample(n: int, positives: int) -> Sample:
    return Sample("it", "cases", n, positives)


def test_a_test_finds_the_smallest_difference_four_times_in_five() -> None:
    """Right answers of two models with the assumed correlation; a normal test of the paired difference."""
    n, better = 800, 0.85
    gap = smallest_difference("accuracy", better, sample(n, 400))
    assert gap is not None
    worse = better - gap
    rng = np.random.default_rng(11)
    joint = better * worse + CORRELATION * math.sqrt(better * (1 - better) * worse * (1 - worse))
    shares = [joint, better - joint, worse - joint, 1 - better - worse + joint]
    found = []
    for _ in range(4000):
        _, only_first, only_second, _ = rng.multinomial(n, shares)
        difference = (only_first - only_second) / n
        error = math.sqrt(((only_first + only_second) / n - difference**2) / n)
        found.append(abs(difference) > Z_TEST * error)
    assert np.mean(found) == pytest.approx(0.8, abs=0.06)


def test_the_auc_error_matches_simulation() -> None:
    """Exponential scores, for which Hanley and McNeil's terms are exact."""
    rng = np.random.default_rng(12)
    positives, negatives, rate = 40, 60, 1 / 4
    aucs = []
    for _ in range(3000):
        high, low = rng.exponential(1 / rate, positives), rng.exponential(1.0, negatives)
        aucs.append(float(np.mean(high[:, None] > low[None])))
    auc = float(np.mean(aucs))
    assert auc == pytest.approx(1 / (1 + rate), abs=0.01)
    assert standard_error("auc", auc, sample(100, positives)) == pytest.approx(np.std(aucs), rel=0.08)


def test_rates_use_the_cases_they_are_rates_of() -> None:
    assert standard_error("sensitivity", 0.8, sample(100, 20)) == pytest.approx(math.sqrt(0.16 / 20))
    assert standard_error("specificity", 0.8, sample(100, 20)) == pytest.approx(math.sqrt(0.16 / 80))
    assert standard_error("recall", 0.8, sample(100, 20)) == standard_error("sensitivity", 0.8, sample(100, 20))
    assert standard_error("dice", 0.8, sample(100, 20)) is None
    assert smallest_difference("dice", 0.8, sample(100, 20)) is None


def test_unpaired_comparisons_need_more() -> None:
    paired = smallest_difference("accuracy", 0.8, sample(56, 20))
    unpaired = smallest_difference("accuracy", 0.8, sample(56, 20), paired=False)
    assert paired is not None
    assert paired == pytest.approx(0.1498, abs=0.001)
    assert unpaired == pytest.approx(paired * math.sqrt(2))
