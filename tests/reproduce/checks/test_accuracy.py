"""The accuracy identity: hand-calculated breaks, what folds excuse, and the shares rows imply."""

from fractions import Fraction

import pytest

from medrepro.reproduce.checks.accuracy import accuracy_at_counts, accuracy_between, one_class_mix
from medrepro.reproduce.printed.model import Paper, Protocol, Table
from tests.reproduce.checks.tables import paper, rates_table


def made(acc: str, test_set: str = "fixed") -> tuple[Paper, Table]:
    row = {"sensitivity": "80.00", "specificity": "90.00", "accuracy": acc}
    table = rates_table({"net": row}, protocol=Protocol(test_set=test_set, cohort="test"))
    return paper(table, test=(30, 70)), table


def test_the_mix_is_computed_from_the_counts() -> None:
    """0.3 x 80 + 0.7 x 90 = 87; rounding of three numbers allows 0.01."""
    paper_, table = made("87.00")
    assert accuracy_at_counts(paper_, table).findings == ()
    assert accuracy_at_counts(*made("87.01")).findings == ()
    (finding,) = accuracy_at_counts(*made("87.20")).findings
    assert finding.severity == "impossible"
    assert (
        "(30 x 80.00 + 70 x 90.00) / 100 = 87.00, printed 87.20, off by +0.200 (allowed 0.010)" in finding.arithmetic[1]
    )


def test_a_last_digit_off_by_one_is_unclear_not_impossible() -> None:
    (finding,) = accuracy_at_counts(*made("87.02")).findings
    assert finding.severity == "unclear"


@pytest.mark.parametrize(("test_set", "severity"), [("folds", "unclear"), ("unknown", "inconsistent")])
def test_means_over_folds_are_excused(test_set: str, severity: str) -> None:
    (finding,) = accuracy_at_counts(*made("95.00", test_set)).findings
    assert finding.severity == severity
    (outside,) = accuracy_between(made("95.00", test_set)[1]).findings
    assert outside.severity == severity
    assert "folds" in outside.caveat


def test_folds_can_really_leave_the_range() -> None:
    """Nine of ten positives right in one fold, nine of ten negatives in the other: the excuse is not made up."""
    se = (Fraction(9, 10) + 0) / 2  # the other fold's single positive is missed
    sp = (0 + Fraction(9, 10)) / 2
    acc = (Fraction(9, 11) + Fraction(9, 11)) / 2
    assert acc > max(se, sp)


def test_swapped_counts_are_tried() -> None:
    (finding,) = accuracy_at_counts(*made("83.00")).findings  # 0.7 x 80 + 0.3 x 90
    assert finding.arithmetic[-1] == "with the two class counts swapped, 1 of 1 rows fit"


@pytest.mark.parametrize(("acc", "side"), [("79.00", "below both"), ("91.00", "above both")])
def test_outside_both_is_impossible_for_every_mix(acc: str, side: str) -> None:
    table = made(acc)[1]
    (finding,) = accuracy_between(table).findings
    assert finding.severity == "impossible"
    assert side in finding.summary


def test_more_than_two_classes_are_left_alone() -> None:
    table = made("95.00")[1]
    row = table.rows["net"]
    multi = type(row)(**(vars(row) | {"classes": 4}))
    table = type(table)(**(vars(table) | {"rows": {"net": multi}}))
    assert accuracy_between(table).tested == 0


def shared(*accuracies: str, test_set: str = "fixed") -> Table:
    rows = {
        f"net-{i}": {"sensitivity": "80.00", "specificity": "90.00", "accuracy": acc}
        for i, acc in enumerate(accuracies)
    }
    return rates_table(rows, protocol=Protocol(shared=True, test_set=test_set))


def test_rows_must_share_one_mix() -> None:
    assert one_class_mix(shared("87.00", "87.01")).findings == ()
    (finding,) = one_class_mix(shared("87.00", "87.00", "84.00")).findings
    assert finding.severity == "impossible"
    assert "fits 2 of 3" in finding.summary
    assert "net-2: p in [0.599, 0.601]" in finding.arithmetic
    assert one_class_mix(shared("87.00", "84.00", test_set="folds")).findings[0].severity == "unclear"


def test_the_mix_from_precision_matches_a_confusion_matrix() -> None:
    """TP 80, FN 20, FP 10, TN 190: a third are positive."""
    row = {"accuracy": "90.00", "sensitivity": "80.00", "precision": "88.89"}
    table = rates_table({"a": row, "b": row | {"accuracy": "92.00"}}, protocol=Protocol(shared=True, test_set="fixed"))
    (finding,) = one_class_mix(table).findings
    assert finding.severity == "inconsistent"
    assert "a: p in [0.333, 0.333]" in [line.replace("0.334", "0.333") for line in finding.arithmetic]


def test_equal_rates_leave_the_mix_open() -> None:
    rows = {
        "even": {"sensitivity": "80.00", "specificity": "80.00", "accuracy": "80.00"},
        "other": {"sensitivity": "80.00", "specificity": "90.00", "accuracy": "87.00"},
    }
    assert one_class_mix(rates_table(rows, protocol=Protocol(shared=True, test_set="fixed"))).findings == ()
