"""Integer confusion matrices: found by brute force, transposed readings told apart, coarse tables given up in time."""

import itertools
import time

import pytest

from medrepro.reproduce.checks.intervals import Interval
from medrepro.reproduce.checks.matrices import Rates as MatrixRates
from medrepro.reproduce.checks.matrices import candidates, confusion_matrices, explain
from medrepro.reproduce.printed.model import Protocol
from tests.reproduce.checks.tables import paper, rates_table


def around(value: float, width: float) -> Interval:
    return Interval(value - width, value + width)


@pytest.mark.parametrize("n", [2, 7, 23])
def test_candidates_are_those_of_a_plain_loop(n: int) -> None:
    row = MatrixRates(around(0.8, 0.0713), around(0.66, 0.0713), around(0.74, 0.0713), None)
    expected = {
        (a, b, c, n - a - b - c)
        for a, b, c in itertools.product(range(n + 1), repeat=3)
        if a + b > 0 and c + (n - a - b - c) > 0 and n - a - b - c >= 0
        if a / (a + b) in row.first
        if (n - a - b - c) / (n - a - b) in row.second
        if (n - b - c) / n in row.accuracy
    }
    assert set(candidates(row, n)) == expected
    assert n == 2 or expected


def printed_rows(*matrices: tuple[int, int, int, int], transposed: bool = False) -> dict[str, dict[str, str]]:
    rows = {}
    for i, (tp, fn, fp, tn) in enumerate(matrices):
        first, second = (tp / (tp + fp), tn / (tn + fn)) if transposed else (tp / (tp + fn), tn / (tn + fp))
        rows[f"net-{i}"] = {
            "sensitivity": f"{first:.3f}",
            "specificity": f"{second:.3f}",
            "accuracy": f"{(tp + tn) / (tp + fn + fp + tn):.3f}",
            "f1": f"{2 * tp / (2 * tp + fn + fp):.3f}",
        }
    return rows


SIX = ((86, 14, 2, 98), (74, 26, 1, 99), (92, 8, 0, 100), (95, 5, 1, 99), (91, 9, 7, 93), (97, 3, 1, 99))


def test_predictive_values_under_the_wrong_heads_are_named() -> None:
    made = rates_table(
        printed_rows(*SIX, transposed=True),
        "fraction",
        protocol=Protocol(test_set="fixed", shared=True, max_n={"": 220}),
    )
    (finding,) = confusion_matrices(paper(made), made).findings
    assert "read as PPV and NPV, 6" in finding.summary
    assert "as PPV and NPV: at most 6 of 6 rows, first at n = 200 with 100 positives" in "\n".join(finding.arithmetic)
    assert "net-0: TP 86, FN 14, FP 2, TN 98" in finding.arithmetic


def test_right_heads_raise_nothing() -> None:
    made = rates_table(
        printed_rows(*SIX), "fraction", protocol=Protocol(test_set="fixed", shared=True, max_n={"": 220})
    )
    assert confusion_matrices(paper(made), made).findings == ()


def test_swapped_classes_are_told_from_printed_counts() -> None:
    rows = printed_rows((60, 20, 15, 25), (50, 30, 10, 30))
    made = rates_table(rows, "fraction", protocol=Protocol(test_set="fixed", shared=True, cohort="test"))
    swapped = paper(made, test=(40, 80))
    for row in made.rows.values():
        assert row.cells["f1"].value is not None
    found = explain(
        {"a": MatrixRates(around(0.75, 0.001), around(0.625, 0.001), around(85 / 120, 0.001), None)}, [120], 40
    )[0]
    assert [len(one.matrices) for one in found] == [0, 1, 0]
    assert str(found[1].matrices["a"]) == "TP 25, FN 15, FP 20, TN 60"
    assert confusion_matrices(swapped, made).findings[0].severity == "inconsistent"


def test_coarse_percentages_end_within_the_budget() -> None:
    rows = {
        "old": {"sensitivity": "80", "specificity": "90", "accuracy": "85"},
        "new": {"sensitivity": "81", "specificity": "93", "accuracy": "99"},
    }
    made = rates_table(rows, "percent", protocol=Protocol(test_set="fixed", shared=True, max_n={"": 1000}))
    started = time.process_time()
    (finding,) = confusion_matrices(paper(made), made).findings
    assert time.process_time() - started < 10
    assert finding.rows == ("new",)
