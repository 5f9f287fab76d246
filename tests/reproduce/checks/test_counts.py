"""Granularity, shares and p values: small cases by hand, folds by enumeration."""

import itertools

import pytest

from medrepro.reproduce.checks.counts import granularity, is_mean_of_folds, is_share, p_values, percentages
from medrepro.reproduce.checks.intervals import Interval
from medrepro.reproduce.printed.model import Protocol, Row
from tests.reproduce.checks.tables import column, paper, rates_table, row, table


def around(value: float, width: float = 0.00005) -> Interval:
    return Interval(value - width, value + width)


def test_shares_of_twelve() -> None:
    reachable = {k for k in range(0, 10001) if is_share(around(k / 10000), 12)}
    assert reachable == {round(10000 * k / 12) for k in range(13)}


@pytest.mark.parametrize(("n", "folds"), [(7, 3), (10, 4), (9, 3), (5, 5)])
def test_means_of_folds_by_enumeration(n: int, folds: int) -> None:
    sizes = [n // folds + (i < n % folds) for i in range(folds)]
    right = itertools.product(*(range(size + 1) for size in sizes))
    reachable = {sum(k / size for k, size in zip(ks, sizes, strict=True)) / folds for ks in right}
    for value in reachable:
        assert is_mean_of_folds(around(value), n, folds)
    for k in range(0, 1001):
        near = any(abs(value - k / 1000) <= 0.00005 for value in reachable)
        assert is_mean_of_folds(around(k / 1000), n, folds) == near


def test_granularity_names_the_neighbours_and_the_runs_that_would_do() -> None:
    rows = {"net": {"sensitivity": "50.00", "specificity": "33.33", "accuracy": "38.30"}}
    made = rates_table(rows, protocol=Protocol(test_set="fixed", cohort="test"))
    (finding,) = granularity(paper(made, test=(4, 9)), made).findings
    assert finding.severity == "unclear"
    assert "4/13 = 30.769, 5/13 = 38.462" in finding.arithmetic[0]
    stated = rates_table(rows, protocol=Protocol(test_set="fixed", cohort="test", runs=1))
    assert granularity(paper(stated, test=(4, 9)), stated).findings[0].severity == "impossible"
    halves = {"net": {"sensitivity": "62.50", "specificity": "33.33", "accuracy": "42.31"}}
    two = rates_table(halves, protocol=Protocol(test_set="fixed", cohort="test", runs=2))
    assert granularity(paper(two, test=(4, 9)), two).findings == ()


def counts(*lines: tuple[str, str, str]) -> list[Row]:
    return [row(f"r{i}", {"a": a, "b": b, "p": p}, group="sex") for i, (a, b, p) in enumerate(lines)]


COLUMNS = [column("a", "count"), column("b", "count"), column("p", "p-value")]


def test_shares_follow_from_counts() -> None:
    fine = table(COLUMNS, counts(("57 (36.8%)", "32 (57.1%)", ""), ("98 (63.2%)", "24 (42.9%)", "")))
    assert percentages(fine).tested == 4
    assert percentages(fine).findings == ()
    wrong = table(COLUMNS, counts(("57 (38.6%)", "32", ""), ("98 (63.2%)", "24", "")))
    (finding,) = percentages(wrong).findings
    assert (finding.severity, finding.arithmetic) == ("impossible", ("r0: 57/155 = 36.77 %, printed 38.6 %",))


@pytest.mark.parametrize("p", ["0.008", "0.013", "0.011", "0.01"])
def test_a_p_value_of_any_usual_test_passes(p: str) -> None:
    assert p_values(table(COLUMNS, counts(("57", "32", p), ("98", "24", "")))).findings == ()


def test_an_invented_p_value_is_shown_beside_the_tests() -> None:
    (finding,) = p_values(table(COLUMNS, counts(("57", "32", "0.446"), ("98", "24", "")))).findings
    assert finding.severity == "inconsistent"
    assert "On the other side of 0.05 in every one of them" in finding.summary
    assert "chi-square: p = 0.0082" in finding.arithmetic
    (same_side,) = p_values(table(COLUMNS, counts(("115", "36", "0.061"), ("40", "20", "")))).findings
    assert "other side" not in same_side.summary
