"""Rows against rows: copies, spreads, bold and results printed twice."""

import numpy as np

from medrepro.reproduce.checks.rows import bold_is_best, possible_spreads, printed_twice, shifted_rows
from medrepro.reproduce.printed.model import Protocol
from tests.reproduce.checks.tables import column, paper, rates_table, row, table

MD = {"accuracy": "92.65±0.26", "sensitivity": "85.58±0.94", "precision": "90.39±0.94"}
IFM = {"accuracy": "93.65±0.26", "sensitivity": "87.58±0.94", "precision": "90.89±0.94"}


def test_a_shifted_copy_with_the_same_spreads() -> None:
    (finding,) = shifted_rows(rates_table({"md": MD, "ifm": IFM})).findings
    assert finding.severity == "unclear"
    assert finding.rows == ("md", "ifm")
    assert "accuracy: 93.65±0.26 - 92.65±0.26 = +1.00" in finding.arithmetic
    assert "multiples of 50 units" in finding.summary
    assert "same standard deviation" in finding.summary


def test_ordinary_rows_are_hardly_ever_called_copies() -> None:
    rng = np.random.default_rng(3)
    flagged = 0
    for _ in range(300):
        rows = {
            f"net-{i}": {name: f"{rng.uniform(70, 95):.2f}" for name in ("accuracy", "sensitivity", "specificity")}
            for i in range(6)
        }
        flagged += bool(shifted_rows(rates_table(rows)).findings)
    assert flagged <= 3


def test_spreads_a_rate_can_have() -> None:
    """Ten values in [0, 1] with mean 0.9 spread at most sqrt(0.09 x 10 / 9) = 0.316."""

    def made(sd: str, runs: int | None = 10) -> int:
        line = row("net", {"f1": "0.90", "sd": sd})
        both = table([column("f1", "f1"), column("sd", "sd")], [line], protocol=Protocol(runs=runs))
        return len(possible_spreads(both).findings)

    assert [made("0.30"), made("0.40"), made("0.40", None), made("0.50", None)] == [0, 1, 0, 1]
    inside = rates_table({"net": {"f1": "99.0 ± 20.0"}}, "percent", protocol=Protocol(runs=10))
    (finding,) = possible_spreads(inside).findings
    assert finding.severity == "impossible"


def test_bold_must_be_best_in_its_group() -> None:
    columns = [column("se", "sensitivity"), column("flops", "flops", "", "min")]
    rows = [
        row("a", {"se": "0.90", "flops": "**3**"}, group="one"),
        row("b", {"se": "**0.80**", "flops": "4"}, group="one"),
        row("c", {"se": "0.99", "flops": "1"}, group="two"),
    ]
    (finding,) = bold_is_best(table(columns, rows, protocol=Protocol(bold_is_best=True))).findings
    assert (finding.rows, finding.arithmetic) == (("b", "a"), ("bold 0.80; better: a 0.90",))
    assert bold_is_best(table(columns, rows)).tested == 0


def test_one_result_in_two_tables() -> None:
    columns = [column("acc", "accuracy"), column("f1", "f1")]
    first = table(columns, [row("net", {"acc": "0.928", "f1": "0.945"})], name="3")
    second = table(columns[:1], [row("ours", {"acc": "0.945"}, same_as="3:net")], name="4")
    (finding,) = printed_twice(paper(first, second), second).findings
    assert finding.severity == "inconsistent"
    assert finding.arithmetic == ("acc: 0.928 in Table 3, 0.945 in Table 4 (0.945 is that row's f1 in Table 3)",)
    rounded = table(columns[:1], [row("ours", {"acc": "0.93"}, same_as="3:net")], name="4")
    assert printed_twice(paper(first, rounded), rounded).findings == ()
