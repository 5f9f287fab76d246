"""F1 against precision and recall, Jaccard against Dice: bounds by brute force."""

import numpy as np
import pytest

from medrepro.reproduce.checks.overlap import dice_and_jaccard, f1_from_parts, harmonic, largest_deficit
from medrepro.reproduce.printed.model import Protocol, Table
from tests.reproduce.checks.tables import rates_table


def f1_table(f1: str, precision: str = "90.00", recall: str = "80.00", runs: int | None = None) -> Table:
    return rates_table({"net": {"precision": precision, "sensitivity": recall, "f1": f1}}, protocol=Protocol(runs=runs))


def test_f1_of_one_run_is_exact() -> None:
    """2 x 90 x 80 / 170 = 84.706."""
    assert f1_from_parts(f1_table("84.71", runs=1)).findings == ()
    for wrong in ("84.60", "84.80"):
        (finding,) = f1_from_parts(f1_table(wrong, runs=1)).findings
        assert finding.severity == "impossible"
        assert "= 84.71, printed" in finding.arithmetic[0]


def test_a_mean_f1_may_lie_below_but_not_above() -> None:
    (above,) = f1_from_parts(f1_table("85.00", runs=10)).findings
    assert above.severity == "impossible"
    (below,) = f1_from_parts(f1_table("84.00", runs=10)).findings
    assert below.severity == "unclear"
    assert "no spread is printed" in below.caveat


def test_printed_spreads_bound_how_far_below() -> None:
    narrow = f1_table("84.00", "90.00 ± 0.50", "80.00 ± 0.50", runs=5)
    (finding,) = f1_from_parts(narrow).findings
    assert finding.severity == "impossible"
    assert "times as wide" in finding.caveat
    assert f1_from_parts(f1_table("84.00", "90.00 ± 8.00", "80.00 ± 8.00", runs=5)).findings == ()


@pytest.mark.parametrize("runs", [2, 3, 10])
def test_the_deficit_bound_holds_and_is_not_idle(runs: int) -> None:
    rng = np.random.default_rng([7, runs])
    tightest = 0.0
    for _ in range(2000):
        p, r = rng.uniform(0.6, 1, runs), rng.uniform(0.6, 1, runs)
        deficit = harmonic(p.mean(), r.mean()) - float(np.mean([harmonic(a, b) for a, b in zip(p, r, strict=True)]))
        bound = largest_deficit(p.mean(), r.mean(), p.std(), r.std(), runs)
        assert -1e-12 <= deficit <= bound + 1e-12
        tightest = max(tightest, deficit / bound)
    assert tightest > 0.5


def overlap(dice: str, jaccard: str) -> Table:
    return rates_table({"net": {"dice": dice, "jaccard": jaccard}}, "fraction")


def test_jaccard_between_its_bounds() -> None:
    """Dice 0.8 allows 0.8 / 1.2 = 0.6667 <= J <= 0.8."""
    for fine in ("0.6667", "0.7300", "0.8000"):
        assert dice_and_jaccard(overlap("0.8000", fine)).findings == ()
    (low,) = dice_and_jaccard(overlap("0.8000", "0.6600")).findings
    assert (low.severity, "below D / (2 - D)" in low.summary) == ("impossible", True)
    (high,) = dice_and_jaccard(overlap("0.8000", "0.8100")).findings
    assert (high.severity, "above the Dice" in high.summary) == ("impossible", True)
    assert "D / (2 - D) = 0.6667 <= J <= D = 0.8000; printed J = 0.8100" in high.arithmetic[0]


def test_a_last_digit_is_unclear() -> None:
    assert dice_and_jaccard(overlap("0.8000", "0.8002")).findings[0].severity == "unclear"
