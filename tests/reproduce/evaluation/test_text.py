"""Numbers as text."""

import pytest

from medrepro.reproduce.evaluation import text
from medrepro.reproduce.evaluation.bootstrap import Interval
from medrepro.reproduce.evaluation.estimates import Estimate
from medrepro.reproduce.plan.table import Column

AUC = Column("patient/auc", ci=True)
PERCENT = Column("image/accuracy", scale=100)
ESTIMATE = Estimate(Interval(0.8614, 0.8203, 0.8986), 0.0044, (0.857, 0.866))


@pytest.mark.parametrize(
    ("column", "compact", "full"),
    [
        (AUC, "0.861 [0.82, 0.90]", "0.861 ± 0.004 [0.82, 0.90]"),
        (PERCENT, "86.1 ± 0.4", "86.1 ± 0.4"),
        (Column("patient/auc", minus="diameter"), "+0.861 [0.82, 0.90]", "+0.861 ± 0.004 [0.82, 0.90]"),
        (Column("count", digits=0, scale=10_000), "8,614 ± 44", "8,614 ± 44"),
    ],
)
def test_estimates(column: Column, compact: str, full: str) -> None:
    assert text.compact(ESTIMATE, column) == compact

    assert text.full(ESTIMATE, column) == full


def test_blanks_and_words() -> None:
    assert text.compact(None, AUC) == text.full(None, AUC) == ""
    words = Estimate(Interval(float("nan")), text="32 x 32")
    assert text.compact(words, AUC) == text.full(words, PERCENT) == "32 x 32"


def test_what_does_not_vary_shows_no_spread() -> None:
    fixed = Estimate(Interval(0.5, 0.5, 0.5), 1e-17, (0.5, 0.5))
    assert text.compact(fixed, AUC) == text.compact(fixed, Column("x/y")) == "0.500"


@pytest.mark.parametrize(
    ("value", "signed", "expected"),
    [
        (-0.0004, True, "0.000"),
        (0.0004, True, "0.000"),
        (-0.021, True, "-0.021"),
        (0.021, True, "+0.021"),
        (-0.0, False, "0.000"),
    ],
)
def test_zero_has_no_sign(value: float, signed: bool, expected: str) -> None:
    assert text.number(value, 3, signed) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0.4, "0 s"), (59.6, "1 min 00 s"), (192.3, "3 min 12 s"), (7500, "2 h 05 min")]
)
def test_durations(seconds: float, expected: str) -> None:
    assert text.duration(seconds) == expected


def test_small_words() -> None:
    assert (text.plural(1, "seed"), text.plural(0, "seed")) == ("1 seed", "0 seeds")
    assert (text.p_value(0.0004), text.p_value(0.0412)) == ("p < 0.001", "p = 0.041")
