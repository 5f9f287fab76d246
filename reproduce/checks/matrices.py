"""Whole numbers behind the percentages: confusion matrices that give a table's rows.

In: rows with two conditional rates, accuracy and perhaps F1 on one test set. Out: how many rows some
matrix of whole numbers explains when the two rates are read as printed (sensitivity, specificity), with
the classes swapped, or as PPV and NPV; with the matrices. Where the counts are not printed, n is searched.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from medrepro.reproduce.checks.findings import Finding, Result
from medrepro.reproduce.checks.intervals import CUTTING, ROUNDING, Interval, is_binary, rates_of
from medrepro.reproduce.printed.model import Paper, Row, Table

SEARCH_LIMIT = 1000  # largest n tried
BUDGET = 300_000  # matrices looked at before a search ends: coarse percentages fit too many
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Matrix:
    """Counts of one row: true and false positives and negatives."""

    tp: int
    fn: int
    fp: int
    tn: int

    def __str__(self) -> str:
        return f"TP {self.tp}, FN {self.fn}, FP {self.fp}, TN {self.tn}"


@dataclass(frozen=True)
class Rates:
    """A row's numbers as intervals: the two conditional rates, accuracy and, if printed, F1."""

    first: Interval
    second: Interval
    accuracy: Interval
    f1: Interval | None


@dataclass(frozen=True)
class Explanation:
    """The best test set under one reading of the columns.

    Attributes:
        reading: which reading.
        n: its size; positives: how many of them are positive.
        matrices: one for each row explained.
        sizes: how many of the sizes tried explain as many rows.
    """

    reading: str
    n: int = 0
    positives: int = 0
    matrices: Mapping[str, Matrix] = field(default_factory=dict)
    sizes: int = 0


def _as_printed(a: int, b: int, c: int, d: int) -> Matrix:
    return Matrix(tp=a, fn=b, fp=c, tn=d)


def _classes_swapped(a: int, b: int, c: int, d: int) -> Matrix:
    return Matrix(tp=d, fn=c, fp=b, tn=a)


def _predictive_values(a: int, b: int, c: int, d: int) -> Matrix:
    return Matrix(tp=a, fn=c, fp=b, tn=d)


# The first rate is a / (a + b), the second d / (c + d); a reading says what a, b, c and d are. Read as PPV
# and NPV the two parts are the predicted classes: the transposed matrix, so one search serves all readings.
READINGS = {
    "sensitivity and specificity": _as_printed,
    "the same with the classes swapped": _classes_swapped,
    "PPV and NPV": _predictive_values,
}


def confusion_matrices(paper: Paper, table: Table) -> Result:
    """Is there one integer confusion matrix a row, on one test set, that gives all its numbers?"""
    protocol = table.protocol
    if not protocol.shared or protocol.test_set != "fixed":
        return Result("confusion_matrices", 0)
    cohort = paper.cohorts.get(protocol.cohort or "")
    tested, findings = 0, []
    for group, rows in table.groups().items():
        rates = {row.id: found for row in rows if (found := _rates(table, row, CUTTING)) is not None}
        sizes = [cohort.total] if cohort else list(range(2, min(protocol.max_n.get(group, 0), SEARCH_LIMIT) + 1))
        if len(rates) < 2 or not sizes:
            continue
        tested += len(rates)
        best, tried = explain(rates, sizes, cohort.positives if cohort else None)
        if len(best[0].matrices) < len(rates):
            findings.append(_finding(table, group, rows, len(rates), best, sizes[:tried]))
    return Result("confusion_matrices", tested, tuple(findings))


def explain(rates: Mapping[str, Rates], sizes: Sequence[int], positives: int | None) -> tuple[list[Explanation], int]:
    """For each reading the smallest test set among those that explain the most rows, and how many sizes were tried.

    The search ends where the first reading, the printed one, explains every row: then there is nothing to find.
    """
    printed = next(iter(READINGS))
    best = {reading: Explanation(reading) for reading in READINGS}
    tried, seen = 0, 0
    for n in sizes:
        tried += 1
        found = {row_id: list(candidates(row, n)) for row_id, row in rates.items()}
        seen += sum(map(len, found.values()))
        for reading, as_matrix in READINGS.items():
            matrices = {
                row_id: [m for parts in listed if _has_f1(m := as_matrix(*parts), rates[row_id].f1)]
                for row_id, listed in found.items()
            }
            best[reading] = _better(best[reading], _best_share(reading, n, matrices, positives))
        if len(best[printed].matrices) == len(rates) or seen > BUDGET:
            break
    return list(best.values()), tried


def _best_share(reading: str, n: int, matrices: Mapping[str, list[Matrix]], positives: int | None) -> Explanation:
    """The number of positives that explains the most rows at one size."""
    by_share: dict[int, dict[str, Matrix]] = {}
    for row_id, listed in matrices.items():
        for matrix in listed:
            by_share.setdefault(matrix.tp + matrix.fn, {}).setdefault(row_id, matrix)
    allowed = {count: rows for count, rows in by_share.items() if positives in (None, count)}
    if not allowed:
        return Explanation(reading)
    count = max(allowed, key=lambda share: len(allowed[share]))
    return Explanation(reading, n, count, allowed[count], sizes=1)


def _better(old: Explanation, new: Explanation) -> Explanation:
    """More rows win; among equals the smaller size stays and the other is counted."""
    if len(new.matrices) > len(old.matrices):
        return new
    if new.matrices and len(new.matrices) == len(old.matrices):
        return Explanation(old.reading, old.n, old.positives, old.matrices, old.sizes + 1)
    return old


def candidates(row: Rates, n: int) -> Iterator[tuple[int, int, int, int]]:
    """All (a, b, c, d) of n samples with a/(a+b), d/(c+d) and (a+d)/n in the row's intervals."""
    first = np.arange(1, n)
    a_low, a_high = _range(row.first, first)
    d_low, d_high = _range(row.second, n - first)
    low, high = (int(bound[0]) for bound in _range(row.accuracy, np.array([n])))
    fits = (a_low <= a_high) & (d_low <= d_high) & (a_high + d_high >= low) & (a_low + d_low <= high)
    for i in np.flatnonzero(fits):
        for a in range(int(a_low[i]), int(a_high[i]) + 1):
            for d in range(max(int(d_low[i]), low - a), min(int(d_high[i]), high - a) + 1):
                yield a, int(first[i]) - a, n - int(first[i]) - d, d


def _range(rate: Interval, size: Ints) -> tuple[Ints, Ints]:
    """Smallest and largest whole k with k / size in the interval."""
    low = np.ceil(rate.low * size - 1e-9).astype(np.int64)
    high = np.floor(rate.high * size + 1e-9).astype(np.int64)
    return low, high


def _has_f1(matrix: Matrix, f1: Interval | None) -> bool:
    """Whether 2 TP / (2 TP + FP + FN) is in the interval; an undefined F1 fits nothing."""
    whole = 2 * matrix.tp + matrix.fp + matrix.fn
    return f1 is None or (whole > 0 and 2 * matrix.tp / whole in f1)


def _rates(table: Table, row: Row, units: float) -> Rates | None:
    rates = rates_of(table, row, "sensitivity", "specificity", "accuracy", units=units)
    if rates is None or row.cited or not is_binary(row):
        return None
    f1 = rates_of(table, row, "f1", units=units)
    first, second, accuracy = rates
    return Rates(first, second, accuracy, f1[0] if f1 else None)


def _finding(
    table: Table, group: str, rows: list[Row], tested: int, best: list[Explanation], sizes: Sequence[int]
) -> Finding:
    printed = best[0]
    winner = max(best, key=lambda found: len(found.matrices))
    better = len(winner.matrices) > len(printed.matrices)
    verdict = f"read as {winner.reading}, {len(winner.matrices)}" if better else "no other reading explains more"
    searched = f"n = {sizes[0]}" if len(sizes) == 1 else f"every n from {sizes[0]} to {sizes[-1]}, every class mix"
    return Finding(
        check="confusion_matrices",
        severity="inconsistent",
        where=f"Table {table.id}" + (f", {group}" if group else ""),
        rows=tuple(row.id for row in rows if row.id not in printed.matrices),
        summary=f"Read as printed, whole-number confusion matrices on one test set explain "
        f"{len(printed.matrices)} of {tested} rows; {verdict}.",
        arithmetic=(
            f"searched {searched}",
            *(_best_line(explanation, tested, len(sizes)) for explanation in best),
            *(f"{row.label}: {_matrix_text(table, row, winner)}" for row in rows if row.id in winner.matrices),
        ),
        tolerance="one unit of the last printed digit (rounded either way or cut)",
        caveat="" if table.protocol.runs == 1 else _RUNS,
        line=table.line,
    )


_RUNS = "Whole numbers need not exist for means over several runs; the paper speaks of none."


def _best_line(found: Explanation, rows: int, sizes: int) -> str:
    if not found.matrices:
        return f"as {found.reading}: no row"
    others = f"; {found.sizes} of the {sizes} sizes do as well" if sizes > 1 else ""
    return (
        f"as {found.reading}: at most {len(found.matrices)} of {rows} rows, first at n = {found.n} "
        f"with {found.positives} positives{others}"
    )


def _matrix_text(table: Table, row: Row, found: Explanation) -> str:
    """The matrix, and whether its numbers round to the printed ones or are only within one unit."""
    matrix, strict = found.matrices[row.id], _rates(table, row, ROUNDING)
    as_matrix = READINGS[found.reading]
    exact = strict is not None and any(
        as_matrix(*parts) == matrix and _has_f1(matrix, strict.f1) for parts in candidates(strict, found.n)
    )
    return str(matrix) + ("" if exact else " (a digit off by one)")
