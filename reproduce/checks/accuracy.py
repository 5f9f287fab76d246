"""Accuracy is sensitivity and specificity mixed by the class counts: three checks on that identity.

In: tables with columns for sensitivity, specificity (or precision) and accuracy. Out: rows for which
ACC = p SE + (1 - p) SP fails at the stated counts, at every class mix, or at any mix the rows share.
The identity is linear, so it also holds for means over runs on one test set.
"""

from collections.abc import Callable, Sequence

from medrepro.reproduce.checks.findings import Finding, Result
from medrepro.reproduce.checks.intervals import CUTTING, ROUNDING, Interval, is_binary, points, rates_of
from medrepro.reproduce.printed.model import Cohort, Paper, Row, Table

_LINEAR = (
    "A mean over runs on one test set cannot explain it, the identity is linear. Metrics that were each taken "
    "at their own best epoch, another test set, or columns that are not what their heads say could."
)
_FOLDS = "Means over folds of unequal class mix need not keep the identity."
_TOLERANCE = "half a unit of the last printed digit of each number; impossible only if also beyond one unit"


def accuracy_at_counts(paper: Paper, table: Table) -> Result:
    """ACC = (P SE + N SP) / (P + N) at the class counts the paper prints."""
    cohort = paper.cohorts.get(table.protocol.cohort or "")
    if cohort is None or len(cohort.classes) != 2:
        return Result("accuracy_at_counts", 0)
    share = cohort.positives / cohort.total
    rows = _rows_with(table, "sensitivity", "specificity", "accuracy")
    broken = [row for row in rows if _gap(table, row, share, ROUNDING) > 0]
    if not broken:
        return Result("accuracy_at_counts", len(rows))
    beyond_cutting = [row for row in broken if _gap(table, row, share, CUTTING) > 0]
    excess = sum(_gap(table, row, share, ROUNDING) > 0.0005 for row in broken)
    finding = Finding(
        check="accuracy_at_counts",
        severity=_severity(table, bool(beyond_cutting)),
        where=f"Table {table.id}",
        rows=tuple(row.id for row in broken),
        summary=f"Accuracy does not follow from sensitivity and specificity at the printed class counts in "
        f"{len(broken)} of {len(rows)} rows ({excess} of them by more than 0.05 points beyond rounding).",
        arithmetic=(
            _counts_line(cohort),
            *(_mix_line(table, row, cohort, share) for row in broken),
            _swapped_line(table, rows, share),
        ),
        tolerance=_TOLERANCE,
        caveat=_LINEAR if table.protocol.test_set == "fixed" else _FOLDS,
        line=table.line,
    )
    return Result("accuracy_at_counts", len(rows), (finding,))


def accuracy_between(table: Table) -> Result:
    """ACC lies between SE and SP whatever the class mix."""
    rows = _rows_with(table, "sensitivity", "specificity", "accuracy")
    findings = []
    for row in rows:
        if _outside(table, row, ROUNDING):
            findings.append(_between_finding(table, row))
    return Result("accuracy_between", len(rows), tuple(findings))


def one_class_mix(table: Table) -> Result:
    """Rows on one test set share its class mix: is there one that fits them all?"""
    if not table.protocol.shared:
        return Result("one_class_mix", 0)
    tested, findings = 0, []
    for name, rows in table.groups().items():
        for mix in (_mix_of_rates, _mix_of_precision):
            implied = {row.id: mix(table, row, ROUNDING) for row in rows if is_binary(row) and not row.cited}
            known = {row_id: found for row_id, found in implied.items() if found is not None}
            tested += len(known)
            if len(known) >= 2 and not _common(list(known.values())):
                findings.append(_mix_finding(table, name, rows, known, mix))
    return Result("one_class_mix", tested, tuple(findings))


def _rows_with(table: Table, *meanings: str) -> list[Row]:
    rows = [row for row in table.rows.values() if is_binary(row)]
    return [row for row in rows if rates_of(table, row, *meanings) is not None]


def _rates(table: Table, row: Row, units: float) -> tuple[Interval, Interval, Interval]:
    rates = rates_of(table, row, "sensitivity", "specificity", "accuracy", units=units)
    if rates is None:
        raise ValueError(f"row {row.id} has no sensitivity, specificity and accuracy")
    return rates[0], rates[1], rates[2]


def _gap(table: Table, row: Row, share: float, units: float) -> float:
    """Distance of the printed accuracy from the interval that SE and SP allow; 0 if it meets it."""
    se, sp, acc = _rates(table, row, units)
    low = share * se.low + (1 - share) * sp.low
    high = share * se.high + (1 - share) * sp.high
    return max(acc.low - high, low - acc.high, 0.0)


def _outside(table: Table, row: Row, units: float) -> bool:
    se, sp, acc = _rates(table, row, units)
    return acc.low > max(se.high, sp.high) or acc.high < min(se.low, sp.low)


def _severity(table: Table, certain: bool) -> str:
    if not certain:
        return "unclear"
    return {"fixed": "impossible", "folds": "unclear"}.get(table.protocol.test_set, "inconsistent")


def _counts_line(cohort: Cohort) -> str:
    (positive, p), (negative, n) = cohort.classes.items()
    return f"{cohort.where}: {p} {positive}, {n} {negative}; share of {positive} {p}/{p + n} = {p / (p + n):.4f}"


def _mix_line(table: Table, row: Row, cohort: Cohort, share: float) -> str:
    se, sp, acc = (rate.middle for rate in _rates(table, row, ROUNDING))
    expected = share * se + (1 - share) * sp
    sums = f"({cohort.positives} x {points(se)} + {cohort.total - cohort.positives} x {points(sp)})"
    return (
        f"{row.label}: {sums} / {cohort.total} = {points(expected)}, printed {points(acc)}, "
        f"off by {100 * (acc - expected):+.3f} (allowed {100 * _allowance(table, row):.3f})"
    )


def _swapped_line(table: Table, rows: Sequence[Row], share: float) -> str:
    fitting = sum(_gap(table, row, 1 - share, ROUNDING) <= 0 for row in rows)
    return f"with the two class counts swapped, {fitting} of {len(rows)} rows fit"


def _allowance(table: Table, row: Row) -> float:
    """How far rounding alone can move ACC from the mix of the printed SE and SP."""
    se, sp, acc = _rates(table, row, ROUNDING)
    return (acc.high - acc.low) / 2 + max(se.high - se.low, sp.high - sp.low) / 2


def _between_finding(table: Table, row: Row) -> Finding:
    se, sp, acc = (rate.middle for rate in _rates(table, row, ROUNDING))
    side = "below both" if acc < min(se, sp) else "above both"
    severity = _severity(table, _outside(table, row, CUTTING))
    return Finding(
        check="accuracy_between",
        severity="unclear" if row.cited else severity,
        where=f"Table {table.id}",
        rows=(row.id,),
        summary=f"{row.label}: the accuracy lies {side} sensitivity and specificity; no class mix gives that.",
        arithmetic=(
            f"a weighted mean of {points(se)} and {points(sp)} lies in [{points(min(se, sp))}, "
            f"{points(max(se, sp))}]; printed {points(acc)}",
        ),
        tolerance=_TOLERANCE,
        caveat=_LINEAR if table.protocol.test_set == "fixed" else _FOLDS,
        line=row.line,
    )


MixOf = Callable[[Table, Row, float], Interval | None]


def _mix_of_rates(table: Table, row: Row, units: float) -> Interval | None:
    """Shares p with p SE + (1 - p) SP = ACC: two linear inequalities in p."""
    rates = rates_of(table, row, "sensitivity", "specificity", "accuracy", units=units)
    if rates is None:
        return None
    se, sp, acc = rates
    allowed = _solve(se.high - sp.high, acc.low - sp.high, Interval(0.0, 1.0))
    return _solve(sp.low - se.low, sp.low - acc.high, allowed)


def _solve(slope: float, bound: float, within: Interval) -> Interval:
    """The part of ``within`` on which slope * p >= bound."""
    if abs(slope) < 1e-12:
        return within if bound <= 1e-12 else Interval(1.0, 0.0)
    edge = bound / slope
    return within.clipped(edge, 1.0) if slope > 0 else within.clipped(0.0, edge)


def _mix_of_precision(table: Table, row: Row, units: float) -> Interval | None:
    """The share from errors: 1 - ACC = p (1 - R) + p R (1/PPV - 1)."""
    rates = rates_of(table, row, "accuracy", "sensitivity", "precision", units=units)
    if rates is None or rates[2].low <= 0.5:
        return None
    acc, recall, precision = rates
    per_positive = [1 + r * (1 / q - 2) for r in (recall.low, recall.high) for q in (precision.low, precision.high)]
    low, high = min(per_positive), max(per_positive)
    if low <= 0:
        return None
    return Interval((1 - acc.high) / high, (1 - acc.low) / low).clipped(0.0, 1.0)


def _common(intervals: Sequence[Interval]) -> bool:
    return max(i.low for i in intervals) <= min(i.high for i in intervals)


def _most_common(intervals: dict[str, Interval]) -> tuple[int, float]:
    """The share that fits most rows, and how many: the best is always some interval's lower end."""
    ends = [(sum(i.low in other for other in intervals.values()), -i.low) for i in intervals.values()]
    count, negative = max(ends)
    return count, -negative


def _mix_finding(table: Table, group: str, rows: Sequence[Row], known: dict[str, Interval], mix: MixOf) -> Finding:
    wide = [found for row in rows if (found := mix(table, row, CUTTING)) is not None]
    linear = mix is _mix_of_rates
    severity = _severity(table, not _common(wide))
    count, share = _most_common(known)
    lines = tuple(f"{table.rows[row_id].label}: {_share_text(found)}" for row_id, found in known.items())
    return Finding(
        check="one_class_mix",
        severity="inconsistent" if not linear and severity == "impossible" else severity,
        where=f"Table {table.id}" + (f", {group}" if group else ""),
        rows=tuple(known),
        summary=f"The rows are said to share one test set, but no share of positives fits them all; the best, "
        f"{share:.3f}, fits {count} of {len(known)}.",
        arithmetic=(_MIX_FORMULA[linear], *lines),
        tolerance=_TOLERANCE,
        caveat=_LINEAR if linear and table.protocol.test_set == "fixed" else _NONLINEAR,
        line=table.line,
    )


_MIX_FORMULA = {
    True: "share of positives p = (SP - ACC) / (SP - SE), with the range that rounding allows",
    False: "share of positives p = (1 - ACC) / (1 + R (1/PPV - 2)), with the range that rounding allows",
}
_NONLINEAR = (
    "For means over runs or folds the formula is approximate: p moves by less than (largest spread of R or PPV)^2 / "
    "(1 - ACC), 0.0014 at a spread of 1 point and an accuracy of 93 %. Folds of unequal class mix move it further."
)


def _share_text(found: Interval) -> str:
    return "no share in [0, 1]" if found.empty else f"p in [{found.low:.3f}, {found.high:.3f}]"
