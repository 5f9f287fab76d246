"""Tables for tests, printed from exact fractions the way a paper prints them."""

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction

from medrepro.reproduce.printed.cells import read_cell
from medrepro.reproduce.printed.model import Cohort, Column, Paper, Protocol, Row, Table

PERCENT = ("percent", 100)
FRACTION = ("fraction", 1)
PLAIN = Protocol()


def printed(value: Fraction, decimals: int, mode: str = ROUND_HALF_EVEN) -> str:
    """``value`` with ``decimals`` digits after the point, rounded in one of decimal's modes."""
    scaled = value * 10**decimals
    exact = Decimal(scaled.numerator) / Decimal(scaled.denominator)
    whole = int(exact.quantize(Decimal(1), rounding=mode))
    sign, digits = "-" if whole < 0 else "", f"{abs(whole):0{decimals + 1}d}"
    return sign + (f"{digits[:-decimals]}.{digits[-decimals:]}" if decimals else digits)


def column(name: str, means: str, unit: str = "fraction", best: str = "max") -> Column:
    return Column(id=name, label=name, means=means, unit=unit, best=best, line=1)


def row(name: str, cells: Mapping[str, str], group: str = "", same_as: str | None = None) -> Row:
    read = {key: read_cell(text) for key, text in cells.items()}
    return Row(id=name, label=name, group=group, cells=read, cited=False, classes=None, same_as=same_as, line=1)


def table(columns: list[Column], rows: list[Row], protocol: Protocol = PLAIN, name: str = "1") -> Table:
    return Table(
        id=name,
        title="",
        where="",
        note="",
        columns={c.id: c for c in columns},
        rows={r.id: r for r in rows},
        protocol=protocol,
        lost=False,
        line=1,
    )


def paper(*tables: Table, **cohorts: tuple[int, int]) -> Paper:
    return Paper(
        key="made",
        title="",
        citation="",
        cohorts={
            name: Cohort(name, "cases", {"positive": p, "negative": n}, "Table 0", 1)
            for name, (p, n) in cohorts.items()
        },
        tables={t.id: t for t in tables},
        splits=(),
        statements=(),
        reading={},
        path="made.yaml",
    )


def rates_table(rows: Mapping[str, Mapping[str, str]], unit: str = "percent", protocol: Protocol = PLAIN) -> Table:
    """A table of rates whose column ids are their meanings."""
    columns = [column(name, name, unit) for name in next(iter(rows.values()))]
    return table(columns, [row(name, cells) for name, cells in rows.items()], protocol)
