"""Rows against rows: shifted copies, repeated spreads, bold that is not best, one row printed twice.

In: any table. Out: pairs of rows too alike to be measured apart, spreads no rate can have, and
disagreements between two printings of one result.
"""

import math
from collections.abc import Sequence
from itertools import combinations

from medrepro.reproduce.checks.findings import Finding, Result
from medrepro.reproduce.checks.intervals import CUTTING, ROUNDING, half_width, interval_of, scale_of
from medrepro.reproduce.printed.model import Cell, Column, Paper, Row, Table
from medrepro.reproduce.printed.vocabulary import RATES

STEPS = (100, 50, 20, 10)  # "round" differences, in units of the last printed digit
CHANCE = 1e-3  # expected number of pairs as alike by accident, below which a pair is reported


def shifted_rows(table: Table) -> Result:
    """Two rows that differ by round constants in every column, or print the same spreads."""
    columns = [column for column in table.columns.values() if column.means in RATES]
    rows = [row for row in table.rows.values() if _complete(table, row, columns)]
    if len(columns) < 3:
        return Result("shifted_rows", 0)
    pairs = list(combinations(rows, 2))
    found = [f for a, b in pairs if (f := _alike(table, a, b, columns, len(pairs))) is not None]
    return Result("shifted_rows", len(pairs), tuple(found))


def possible_spreads(table: Table) -> Result:
    """Values in [0, 1] with mean m have a standard deviation of at most sqrt(m (1 - m) k / (k - 1))."""
    runs = max(table.protocol.runs or 2, 2)
    tested, findings = 0, []
    for row in table.rows.values():
        for column, cell, sd, decimals in _spreads(table, row):
            tested += 1
            mean = interval_of(cell, column, CUTTING)
            nearest_half = min(max(0.5, mean.low), mean.high)
            most = math.sqrt(nearest_half * (1 - nearest_half) * runs / (runs - 1))
            smallest = sd / scale_of(column) - half_width(decimals, scale_of(column), CUTTING)
            if smallest > most:
                findings.append(_spread_finding(table, row, column, cell, sd, most))
    return Result("possible_spreads", tested, tuple(findings))


def bold_is_best(table: Table) -> Result:
    """Where the paper says that bold marks the best, it must."""
    if not table.protocol.bold_is_best:
        return Result("bold_is_best", 0)
    tested, findings = 0, []
    for group, rows in table.groups().items():
        for column in table.columns.values():
            cells = [(row, table.cell(row.id, column.id)) for row in rows]
            valued = [(row, cell) for row, cell in cells if cell.value is not None]
            bold = [(row, cell) for row, cell in valued if cell.bold]
            tested += len(bold)
            for row, cell in bold:
                better = [(r, c) for r, c in valued if _better(c, cell, column)]
                findings.extend([_bold_finding(table, group, column, row, cell, better)] if better else [])
    return Result("bold_is_best", tested, tuple(findings))


def printed_twice(paper: Paper, table: Table) -> Result:
    """A row that is another table's row (``same_as``) must print the same numbers."""
    tested, findings = 0, []
    for row in (row for row in table.rows.values() if row.same_as):
        other_table, _, other_id = str(row.same_as).partition(":")
        other = paper.table(other_table)
        pairs = [(c, o) for c in table.columns.values() if (o := _twin(other, c)) is not None]
        cells = [(c, table.cell(row.id, c.id), other.cell(other_id, o.id)) for c, o in pairs]
        both = [(c, a, b) for c, a, b in cells if a.value is not None and b.value is not None]
        tested += len(both)
        differing = [(c, a, b) for c, a, b in both if not _agree(c, a, b)]
        if differing:
            findings.append(_twice_finding(table, row, other, other.rows[other_id], differing))
    return Result("printed_twice", tested, tuple(findings))


def _complete(table: Table, row: Row, columns: Sequence[Column]) -> bool:
    return all(table.cell(row.id, column.id).value is not None for column in columns)


def _units_apart(a: Cell, b: Cell) -> int:
    """Difference in units of the last printed digit."""
    return round(((a.value or 0.0) - (b.value or 0.0)) * 10.0 ** max(a.decimals, b.decimals))


def _alike(table: Table, a: Row, b: Row, columns: Sequence[Column], pairs: int) -> Finding | None:
    cells = [(column, table.cell(a.id, column.id), table.cell(b.id, column.id)) for column in columns]
    apart = [_units_apart(x, y) for _, x, y in cells]
    step = next((step for step in STEPS if all(units % step == 0 for units in apart)), None)
    expected = pairs * float(step or 1) ** -len(columns)
    same_spreads = all(x.sd is not None and x.sd == y.sd for _, x, y in cells)
    if not same_spreads and (step is None or expected >= CHANCE):
        return None
    return _alike_finding(table, a, b, cells, step if expected < CHANCE else None, expected, same_spreads)


def _alike_finding(
    table: Table,
    a: Row,
    b: Row,
    cells: Sequence[tuple[Column, Cell, Cell]],
    step: int | None,
    expected: float,
    same_spreads: bool,
) -> Finding:
    parts = [f"differ by multiples of {step} units of the last digit in all {len(cells)} columns"] if step else []
    parts += [f"print the same standard deviation in all {len(cells)} columns"] if same_spreads else []
    by_chance = f"expected among all pairs of rows by chance: {expected:.1e}" if step else ""
    lines = [
        f"{column.label}: {y.printed} - {x.printed} = {(y.value or 0) - (x.value or 0):+.{x.decimals}f}"
        for column, x, y in cells
    ]
    return Finding(
        check="shifted_rows",
        severity="unclear",
        where=f"Table {table.id}",
        rows=(a.id, b.id),
        summary=f"{a.label} and {b.label} {' and '.join(parts)}: one may be a copy of the other.",
        arithmetic=(*lines, *([by_chance] if by_chance else [])),
        tolerance="none, the printed digits are compared",
        caveat="Arithmetic cannot exclude that two models were measured so; it is unlikely.",
        line=b.line,
    )


def _spreads(table: Table, row: Row) -> list[tuple[Column, Cell, float, int]]:
    """(column, mean, sd, its decimals): from ``a ± b`` cells and from a column of spreads."""
    found = []
    rates = [column for column in table.columns.values() if column.means in RATES]
    separate = table.columns_meaning("sd")
    for column in rates:
        cell = table.cell(row.id, column.id)
        if cell.value is not None and cell.sd is not None:
            found.append((column, cell, cell.sd, cell.sd_decimals))
    if len(separate) == 1 and len(rates) == 1:
        cell, sd = table.cell(row.id, rates[0].id), table.cell(row.id, separate[0].id)
        if cell.value is not None and sd.value is not None:
            found.append((rates[0], cell, sd.value, sd.decimals))
    return found


def _spread_finding(table: Table, row: Row, column: Column, cell: Cell, sd: float, most: float) -> Finding:
    return Finding(
        check="possible_spreads",
        severity="impossible",
        where=f"Table {table.id}",
        rows=(row.id,),
        summary=f"{row.label}, {column.label}: no values in the range of a rate have this mean and spread.",
        arithmetic=(f"mean {cell.value:g}: standard deviation at most {most * scale_of(column):.4g}; printed {sd:g}",),
        tolerance="one unit of the last printed digit of both",
        line=row.line,
    )


def _better(cell: Cell, than: Cell, column: Column) -> bool:
    difference = (cell.value or 0.0) - (than.value or 0.0)
    return difference < 0 if column.best == "min" else difference > 0


def _bold_finding(
    table: Table, group: str, column: Column, row: Row, cell: Cell, better: Sequence[tuple[Row, Cell]]
) -> Finding:
    return Finding(
        check="bold_is_best",
        severity="inconsistent",
        where=f"Table {table.id}" + (f", {group}" if group else ""),
        rows=(row.id, *(other.id for other, _ in better)),
        summary=f"{row.label}, {column.label}: printed in bold as the best, but it is not.",
        arithmetic=(f"bold {cell.printed}; better: " + ", ".join(f"{other.label} {c.printed}" for other, c in better),),
        line=row.line,
    )


def _twin(other: Table, column: Column) -> Column | None:
    """The column of the other table that means the same; None if there is none or more than one."""
    same = other.columns_meaning(column.means)
    return same[0] if len(same) == 1 and column.means != "text" else None


def _agree(column: Column, a: Cell, b: Cell) -> bool:
    """Equal as far as the coarser of the two prints."""
    width = sum(half_width(cell.decimals, 1.0, ROUNDING) for cell in (a, b)) if a.decimals != b.decimals else 1e-9
    return abs((a.value or 0.0) - (b.value or 0.0)) <= width and column.means != "text"


def _twice_finding(
    table: Table, row: Row, other: Table, other_row: Row, differing: Sequence[tuple[Column, Cell, Cell]]
) -> Finding:
    return Finding(
        check="printed_twice",
        severity="inconsistent",
        where=f"Tables {other.id} and {table.id}",
        rows=(row.id,),
        summary=f"{row.label}: two tables print different numbers for one result.",
        arithmetic=tuple(_twice_line(table, other, other_row, *item) for item in differing),
        tolerance="none for equal numbers of digits",
        caveat="Two runs could differ; the paper mentions one.",
        line=row.line,
    )


def _twice_line(table: Table, other: Table, other_row: Row, column: Column, a: Cell, b: Cell) -> str:
    elsewhere = [other.columns[key].label for key, c in other_row.cells.items() if c.value == a.value and c is not b]
    note = f" ({a.printed} is that row's {elsewhere[0]} in Table {other.id})" if elsewhere else ""
    return f"{column.label}: {b.printed} in Table {other.id}, {a.printed} in Table {table.id}{note}"
