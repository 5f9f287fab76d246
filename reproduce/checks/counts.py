"""Percentages and counts: can a rate be k of n, do shares and totals fit, do p values follow?

In: tables with rates on a cohort of known size, counts with percentages, p values beside counts.
Out: cells that no whole number gives, shares that do not fit their counts, p values no usual test gives.
"""

import math
from collections.abc import Iterable, Iterator, Sequence

from medrepro.reproduce.checks.findings import Finding, Result
from medrepro.reproduce.checks.intervals import CUTTING, Interval, half_width, interval_of, is_binary, points
from medrepro.reproduce.checks.pvalues import all_tests
from medrepro.reproduce.printed.model import Cell, Cohort, Column, Paper, Row, Table

MOST_RUNS_TRIED = 50
ALPHA = 0.05


def granularity(paper: Paper, table: Table) -> Result:
    """A share of n samples is k / n; a mean over r runs on them is k / (n r)."""
    cohort = paper.cohorts.get(table.protocol.cohort or "")
    if cohort is None or len(cohort.classes) != 2 or table.protocol.test_set != "fixed":
        return Result("granularity", 0)
    cells = list(_rate_cells(table, cohort))
    runs = table.protocol.runs or 1
    broken = [cell for cell in cells if not is_share(cell[2], cell[3] * runs)]
    findings = (_granularity_finding(table, cells, broken),) if broken else ()
    return Result("granularity", len(cells), findings)


def is_share(rate: Interval, n: int) -> bool:
    """Whether some whole k has k / n in the interval."""
    return math.ceil(rate.low * n - 1e-9) <= math.floor(rate.high * n + 1e-9)


def is_mean_of_folds(rate: Interval, n: int, folds: int) -> bool:
    """Whether a mean over folds of sizes floor(n / folds) and ceil(n / folds) can fall in the interval."""
    small, larger = divmod(n, folds)
    if not larger:
        return is_share(rate, n)
    for k in range(larger * (small + 1) + 1):
        done = k / (small + 1)
        rest = Interval((rate.low * folds - done) / (folds - larger), (rate.high * folds - done) / (folds - larger))
        if rest.high >= 0 and rest.low <= 1 and is_share(rest.clipped(0.0, 1.0), small * (folds - larger)):
            return True
    return False


RateCell = tuple[Row, Column, Interval, int]


def _rate_cells(table: Table, cohort: Cohort) -> Iterator[RateCell]:
    """Cells that are shares of the positives, the negatives or all samples."""
    sizes = {
        "sensitivity": cohort.positives,
        "specificity": cohort.total - cohort.positives,
        "accuracy": cohort.total,
    }
    for row in (row for row in table.rows.values() if is_binary(row) and not row.cited):
        for column in table.columns.values():
            cell = table.cell(row.id, column.id)
            if cell.value is not None and column.means in sizes:
                yield row, column, interval_of(cell, column, CUTTING), sizes[column.means]


def _granularity_finding(table: Table, cells: Sequence[RateCell], broken: Sequence[RateCell]) -> Finding:
    stated = table.protocol.runs
    enough = next((r for r in range(2, MOST_RUNS_TRIED + 1) if all(is_share(c[2], c[3] * r) for c in cells)), None)
    means = f"means over {enough} runs" if enough else f"no mean over up to {MOST_RUNS_TRIED} runs either"
    return Finding(
        check="granularity",
        severity="unclear" if stated is None else "impossible",
        where=f"Table {table.id}",
        rows=tuple(dict.fromkeys(row.id for row, *_ in broken)),
        summary=f"{len(broken)} of {len(cells)} percentages are no share k/n of the printed number of samples, "
        f"so they do not come from {'the stated runs' if stated else 'a single run'}.",
        arithmetic=tuple(_nearest(row, column, rate, n * (stated or 1)) for row, column, rate, n in broken),
        tolerance="one unit of the last printed digit",
        caveat=f"The paper does not say how many runs it averages; {means} would fit." if stated is None else "",
        line=table.line,
    )


def _nearest(row: Row, column: Column, rate: Interval, n: int) -> str:
    k = math.floor(rate.middle * n)
    return (
        f"{row.label}, {column.label}: {k}/{n} = {100 * k / n:.3f}, {k + 1}/{n} = {100 * (k + 1) / n:.3f}; "
        f"printed {points(rate.middle)}"
    )


def percentages(table: Table) -> Result:
    """``57 (36.8%)``: the share must be the count over the sum of its group."""
    tested, findings = 0, []
    for group, rows in table.groups().items():
        for column in table.columns_meaning("count"):
            cells = [(row, table.cell(row.id, column.id)) for row in rows]
            if not group or any(cell.value is None or cell.percent is None for _, cell in cells):
                continue
            total = sum(cell.value or 0.0 for _, cell in cells)
            tested += len(cells)
            wrong = [(row, cell) for row, cell in cells if not _share_fits(cell, total)]
            findings.extend([_percentage_finding(table, column, group, wrong, total)] if wrong else [])
    return Result("percentages", tested, tuple(findings))


def _share_fits(cell: Cell, total: float) -> bool:
    width = half_width(cell.percent_decimals, 1.0, CUTTING)
    return total > 0 and abs(100 * (cell.value or 0.0) / total - (cell.percent or 0.0)) <= width


def _percentage_finding(
    table: Table, column: Column, group: str, wrong: Iterable[tuple[Row, Cell]], total: float
) -> Finding:
    rows = list(wrong)
    return Finding(
        check="percentages",
        severity="impossible",
        where=f"Table {table.id}",
        rows=tuple(row.id for row, _ in rows),
        summary=f"{column.label}, {group}: the percentages do not follow from the counts.",
        arithmetic=tuple(
            f"{row.label}: {cell.value or 0:.0f}/{total:.0f} = {100 * (cell.value or 0) / total:.2f} %, "
            f"printed {cell.percent} %"
            for row, cell in rows
        ),
        tolerance="one unit of the last printed digit",
        caveat="Missing values would change the total; the table prints none.",
        line=table.line,
    )


def p_values(table: Table) -> Result:
    """A p value printed beside a group's counts must be what some usual test of them gives."""
    tested, findings = 0, []
    for column in table.columns_meaning("p-value"):
        for group, rows in table.groups().items():
            printed = [cell for row in rows if (cell := table.cell(row.id, column.id)).value is not None]
            counts = _counts(table, rows)
            if not group or len(printed) != 1 or counts is None:
                continue
            tested += 1
            tests = all_tests(counts)
            if not any(_p_fits(printed[0], p) for p in tests.values()):
                findings.append(_p_finding(table, group, rows, printed[0], counts, tests))
    return Result("p_values", tested, tuple(findings))


def _counts(table: Table, rows: Sequence[Row]) -> list[list[int]] | None:
    """The group's contingency table, None unless it is complete and has something in every line."""
    columns = table.columns_meaning("count")
    cells = [[table.cell(row.id, column.id).value for column in columns] for row in rows]
    whole = [[int(v) for v in line if v is not None and v == int(v)] for line in cells]
    if len(whole) < 2 or len(columns) < 2 or any(len(line) != len(columns) for line in whole):
        return None
    if not all(map(sum, whole)) or not all(map(sum, zip(*whole, strict=True))):
        return None
    return whole


def _p_fits(printed: Cell, p: float) -> bool:
    return abs(p - (printed.value or 0.0)) <= half_width(printed.decimals, 1.0, CUTTING)


def _p_finding(
    table: Table, group: str, rows: Sequence[Row], printed: Cell, counts: list[list[int]], tests: dict[str, float]
) -> Finding:
    value = printed.value or 0.0
    flips = all((p < ALPHA) != (value < ALPHA) for p in tests.values())
    verdict = f" On the other side of {ALPHA:g} in every one of them." if flips else ""
    labels = " · ".join(f"{row.label} {' / '.join(map(str, line))}" for row, line in zip(rows, counts, strict=True))
    return Finding(
        check="p_values",
        severity="inconsistent",
        where=f"Table {table.id}",
        rows=tuple(row.id for row in rows),
        summary=f"{group}: no usual test of the printed counts gives p = {printed.printed}.{verdict}",
        arithmetic=(labels, *(f"{name}: p = {p:.4f}" for name, p in tests.items())),
        tolerance=f"one unit of the last printed digit ({half_width(printed.decimals, 1.0, 1.0):.3f})",
        caveat="The paper does not name its test; a test on other data than these counts could differ.",
        line=printed.line,
    )
