"""Verdicts follow the rule of the ledger, word by word, and Holm's correction a plain loop."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medrepro.reproduce.evaluation.bootstrap import Interval
from medrepro.reproduce.evaluation.estimates import Estimate
from medrepro.reproduce.evaluation.luck import Luck
from medrepro.reproduce.evaluation.verdicts import decide, enough_repeats, holm, p_of
from medrepro.reproduce.printed.claim import Comparison

TEST = Comparison("5", ("a",), ("b",), "patient/auc", 0.02)


def estimate(low: float | None, value: float, high: float | None, repeats: int = 5, runs: int = 0) -> Estimate:
    luck = None if high is None or low is None else Luck(value, (high - low) / 4, 30)
    values = dict.fromkeys(range(repeats), value)
    return Estimate(Interval(value, low, high), None, (value,) * (runs or repeats), "", luck, values)


RULE = [
    # low, value, high, claimed, Holm's p, verdict, why
    (0.01, 0.05, 0.09, None, 0.01, "supported", "above 0"),
    (0.01, 0.05, 0.09, 0.2, 0.01, "supported", "above 0"),
    (0.01, 0.05, 0.09, None, 0.06, "inconclusive", "could have seen"),
    (0.01, 0.05, 0.09, None, None, "inconclusive", "could have seen"),
    (0.001, 0.01, 0.03, 0.05, 0.01, "smaller than claimed", "below the paper's +0.05"),
    (-0.03, 0.01, 0.03, 0.05, 0.5, "smaller than claimed", "below the paper's +0.05"),
    (-0.03, 0.01, 0.03, None, 0.5, "inconclusive", "could have seen 0.0"),
    (-0.03, 0.01, 0.03, 0.01, 0.5, "inconclusive", "the paper claims +0.01"),
    (-0.019, 0.0, 0.019, 0.01, 0.9, "no gain", "within 0.02 of 0"),
    (-0.019, 0.0, 0.019, 0.05, 0.9, "no gain", "within 0.02 of 0"),
    (-0.09, -0.05, -0.01, 0.05, 0.01, "contradicted", "below 0"),
    (-0.09, -0.05, -0.01, 0.05, 0.2, "inconclusive", "excludes the paper's +0.05"),
    (None, 0.05, None, None, None, "inconclusive", "fewer than 3 repeats"),
]


@pytest.mark.parametrize(("low", "value", "high", "claimed", "p", "verdict", "why"), RULE)
def test_the_rule(
    low: float | None, value: float, high: float | None, claimed: float | None, p: float | None, verdict: str, why: str
) -> None:
    found, reason = decide(TEST, estimate(low, value, high), claimed, p)
    assert found == verdict
    assert why in reason


@pytest.mark.parametrize(
    ("low", "high", "p", "verdict"),
    [
        (-0.01, 0.03, 0.01, "supported"),
        (-0.01, 0.03, 0.2, "inconclusive"),
        (-0.03, 0.03, 0.01, "inconclusive"),
        (-0.09, -0.03, 1.0, "contradicted"),
    ],
)
def test_no_worse_allows_the_margin(low: float, high: float, p: float, verdict: str) -> None:
    test = Comparison("5", ("a",), ("b",), "patient/auc", 0.02, "no-worse")
    assert decide(test, estimate(low, (low + high) / 2, high), None, p)[0] == verdict


def test_fewer_than_three_repeats_decide_nothing() -> None:
    assert decide(TEST, estimate(0.01, 0.05, 0.09, repeats=2), None, 0.001)[0] == "inconclusive"
    assert not enough_repeats(estimate(0.01, 0.05, 0.09, repeats=2, runs=10)), "folds of two seeds are two repeats"
    assert enough_repeats(estimate(0.01, 0.05, 0.09, repeats=1, runs=3)), "three folds of one seed are three"


def test_p_is_two_sided_and_of_no_worse_one_sided() -> None:
    one = estimate(0.01, 0.05, 0.09)
    assert one.luck is not None
    assert p_of(TEST, one) == one.luck.p()
    assert p_of(Comparison("5", ("a",), ("b",), "m/auc", 0.02, "no-worse"), one) == one.luck.p_above(-0.02)
    assert p_of(TEST, estimate(None, 0.05, None)) is None


@given(st.floats(-0.3, 0.3), st.floats(0.001, 0.2), st.floats(0.001, 0.05), st.one_of(st.none(), st.floats(0.0, 0.2)))
def test_every_effect_has_one_verdict_that_agrees_with_its_interval(
    value: float, reach: float, gain: float, claimed: float | None
) -> None:
    test = Comparison("5", ("a",), ("b",), "patient/auc", gain)
    low, high = value - reach, value + reach
    verdict, _ = decide(test, estimate(low, value, high), claimed, 0.001)
    if verdict == "supported":
        assert low > 0
        assert value >= gain
    if verdict == "contradicted":
        assert high < 0
    if verdict == "no gain":
        assert -gain < low <= high < gain
    if verdict == "smaller than claimed":
        assert claimed is not None
        assert high < claimed


def test_holm_against_a_plain_loop() -> None:
    rng = np.random.default_rng(4)
    for _ in range(200):
        p = rng.random(6) ** 3
        corrected = holm({str(i): float(v) for i, v in enumerate(p)})
        order = np.argsort(p)
        for place, i in enumerate(order):
            expected = max(min(1.0, (6 - j) * p[order[j]]) for j in range(place + 1))
            assert corrected[str(i)] == pytest.approx(expected)
    assert holm({}) == {}
