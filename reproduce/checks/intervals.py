"""Rounding as intervals: a printed 81.58 % stands for anything in [0.81575, 0.81585].

In: a cell and its column. Out: closed intervals of fractions. ``units`` is the allowance in units of the
last printed digit: 0.5 for rounding, 1 when digits may also have been cut off or rounded up. A finding is
called impossible only when it survives the wider allowance.
"""

from dataclasses import dataclass

from medrepro.reproduce.printed.model import Cell, Column, Row, Table
from medrepro.reproduce.printed.vocabulary import UNITS_OF_RATES

ROUNDING = 0.5
CUTTING = 1.0
_FLOAT_NOISE = 1e-12


@dataclass(frozen=True)
class Interval:
    """All values from ``low`` to ``high``, both included."""

    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high

    @property
    def middle(self) -> float:
        """The centre."""
        return (self.low + self.high) / 2

    @property
    def empty(self) -> bool:
        """Whether no value lies in it."""
        return self.low > self.high

    def meets(self, other: "Interval") -> bool:
        """Whether the two have a value in common."""
        return self.low <= other.high and other.low <= self.high

    def clipped(self, low: float, high: float) -> "Interval":
        """The part of it inside [low, high]."""
        return Interval(max(self.low, low), min(self.high, high))


def half_width(decimals: int, scale: float, units: float) -> float:
    """Allowance of a number printed with ``decimals`` digits in a unit of size ``scale``."""
    return float(units * 10.0**-decimals / scale + _FLOAT_NOISE)


def scale_of(column: Column) -> float:
    """100 for percent, 1 for fractions and everything else."""
    return UNITS_OF_RATES.get(column.unit, 1.0)


def interval_of(cell: Cell, column: Column, units: float = ROUNDING) -> Interval:
    """What a printed rate may stand for, as fractions within [0, 1].

    Raises:
        ValueError: the cell holds no number.
    """
    if cell.value is None:
        raise ValueError(f"cell {cell.printed!r} holds no number")
    scale = scale_of(column)
    width = half_width(cell.decimals, scale, units)
    return Interval(cell.value / scale - width, cell.value / scale + width).clipped(0.0, 1.0)


def rates_of(table: Table, row: Row, *meanings: str, units: float = ROUNDING) -> list[Interval] | None:
    """The intervals of these quantities in a row, None when one is missing or stands in two columns."""
    found = []
    for meaning in meanings:
        columns = table.columns_meaning(meaning)
        if len(columns) != 1:
            return None
        cell = table.cell(row.id, columns[0].id)
        if cell.value is None:
            return None
        found.append(interval_of(cell, columns[0], units))
    return found


def is_binary(row: Row) -> bool:
    """Whether two-class definitions apply: rows of more classes print averages over classes."""
    return row.classes in (None, 2)


def points(fraction: float) -> str:
    """A fraction as percentage points for a line of arithmetic.

    >>> points(0.8158)
    '81.58'
    """
    return f"{100 * fraction:.2f}"
