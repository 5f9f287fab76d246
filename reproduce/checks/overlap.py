"""Two means that bound each other: F1 from precision and recall, Jaccard from Dice.

In: tables with these columns. Out: rows outside the bounds. Both bounds hold for averages, too: F1 is
concave in (precision, recall), so a mean F1 never exceeds the F1 of the means; J = D / (2 - D) is convex,
so D / (2 - D) <= mean J <= mean D.
"""

import math

from medrepro.reproduce.checks.findings import Finding, Result
from medrepro.reproduce.checks.intervals import (
    CUTTING,
    ROUNDING,
    Interval,
    half_width,
    is_binary,
    points,
    rates_of,
    scale_of,
)
from medrepro.reproduce.printed.model import Row, Table

MOST_RUNS = 100  # runs or folds assumed at most when a paper does not print their number
_F1_TOLERANCE = "one unit of the last printed digit of each of the three numbers"


def f1_from_parts(table: Table) -> Result:
    """F1 = 2 P R / (P + R), exactly for one run, as an upper bound for means."""
    tested, findings = 0, []
    for row in (row for row in table.rows.values() if is_binary(row)):
        if rates_of(table, row, "precision", "sensitivity", "f1") is None:
            continue
        tested += 1
        finding = _f1_finding(table, row)
        findings.extend([finding] if finding else [])
    return Result("f1_from_parts", tested, tuple(findings))


def dice_and_jaccard(table: Table) -> Result:
    """D / (2 - D) <= J <= D, for pooled voxels (where the left holds with =) and for means over cases."""
    tested, findings = 0, []
    for row in table.rows.values():
        if rates_of(table, row, "dice", "jaccard") is None:
            continue
        tested += 1
        if _breaks_overlap(table, row, ROUNDING):
            findings.append(_overlap_finding(table, row))
    return Result("dice_and_jaccard", tested, tuple(findings))


def harmonic(precision: float, recall: float) -> float:
    """F1 of one precision and one recall, 0 where both are 0."""
    total = precision + recall
    return 2 * precision * recall / total if total > 0 else 0.0


def largest_deficit(precision: float, recall: float, sd_p: float, sd_r: float, runs: int) -> float:
    """How far a mean F1 can lie below the F1 of the means, given the spreads over runs.

    Exactly, F1 of the means - mean F1 = E[2 (R dp - P dr)^2 / ((P + R)^2 (p + r))] with dp, dr the deviations
    of a run. The square's mean is at most (R sd_p + P sd_r)^2, and no run is farther than sd sqrt(runs - 1).
    """
    reach = math.sqrt(max(runs - 1, 0)) * (sd_p + sd_r)
    smallest_sum = precision + recall - reach
    if smallest_sum <= 0:
        return 1.0
    spread = (recall * sd_p + precision * sd_r) ** 2
    return min(1.0, 2 * spread / ((precision + recall) ** 2 * smallest_sum))


def _f1_rates(table: Table, row: Row, units: float) -> tuple[Interval, Interval, Interval]:
    rates = rates_of(table, row, "precision", "sensitivity", "f1", units=units)
    if rates is None:
        raise ValueError(f"row {row.id} has no precision, recall and F1")
    return rates[0], rates[1], rates[2]


def _f1_finding(table: Table, row: Row) -> Finding | None:
    precision, recall, f1 = _f1_rates(table, row, CUTTING)
    high, low = harmonic(precision.high, recall.high), harmonic(precision.low, recall.low)
    if f1.low > high:
        return _f1_report(table, row, "impossible", "above", _ABOVE)
    if f1.high >= low:
        return None
    deficit = _deficit(table, row, precision, recall)
    if deficit is None:
        return _f1_report(table, row, "unclear", "below", _BELOW_UNKNOWN)
    if f1.high >= low - deficit:
        return None
    return _f1_report(table, row, "impossible", "below", f"{_spread_text(deficit, low - f1.high)}{_BOTH_CLASSES}")


def _deficit(table: Table, row: Row, precision: Interval, recall: Interval) -> float | None:
    """Largest deficit that averaging allows, None when nothing bounds it."""
    if table.protocol.runs == 1:
        return 0.0
    spreads = [_spread(table, row, meaning) for meaning in ("precision", "sensitivity")]
    if spreads[0] is None or spreads[1] is None:
        return None
    runs = table.protocol.runs or MOST_RUNS
    return largest_deficit(precision.middle, recall.middle, spreads[0], spreads[1], runs)


def _spread(table: Table, row: Row, meaning: str) -> float | None:
    column = table.columns_meaning(meaning)[0]
    cell = table.cell(row.id, column.id)
    if cell.sd is None:
        return None
    return cell.sd / scale_of(column) + half_width(cell.sd_decimals, scale_of(column), CUTTING)


def _spread_text(deficit: float, missing: float) -> str:
    if not deficit:
        return ""
    return (
        f"A mean over runs with the printed spreads lies at most {100 * deficit:.3f} points below; they would have "
        f"to be {math.sqrt(missing / deficit):.0f} times as wide. "
    )


_BOTH_CLASSES = "An F1 averaged over both classes is another quantity and could differ so."
_ABOVE = (
    "A mean over runs or folds cannot explain it: F1 is concave, so a mean F1 is at most the F1 of the mean "
    f"precision and recall. {_BOTH_CLASSES}"
)
_BELOW_UNKNOWN = f"A mean over runs that differ widely could explain it; no spread is printed. {_BOTH_CLASSES}"


def _f1_report(table: Table, row: Row, severity: str, side: str, caveat: str) -> Finding:
    precision, recall, f1 = (rate.middle for rate in _f1_rates(table, row, ROUNDING))
    expected = harmonic(precision, recall)
    return Finding(
        check="f1_from_parts",
        severity=severity,
        where=f"Table {table.id}",
        rows=(row.id,),
        summary=f"{row.label}: F1 lies {side} what its precision and recall allow.",
        arithmetic=(
            f"2 x {points(precision)} x {points(recall)} / ({points(precision)} + {points(recall)}) = "
            f"{points(expected)}, printed {points(f1)}, off by {100 * (f1 - expected):+.2f} points",
        ),
        tolerance=_F1_TOLERANCE,
        caveat=caveat,
        line=row.line,
    )


def _overlap_bounds(table: Table, row: Row, units: float) -> tuple[Interval, Interval]:
    """What Dice allows for the Jaccard index, and the printed Jaccard index."""
    rates = rates_of(table, row, "dice", "jaccard", units=units)
    if rates is None:
        raise ValueError(f"row {row.id} has no Dice and Jaccard index")
    dice, jaccard = rates
    return Interval(dice.low / (2 - dice.low), dice.high), jaccard


def _breaks_overlap(table: Table, row: Row, units: float) -> bool:
    allowed, jaccard = _overlap_bounds(table, row, units)
    return not allowed.meets(jaccard)


def _overlap_finding(table: Table, row: Row) -> Finding:
    allowed, jaccard = _overlap_bounds(table, row, ROUNDING)
    dice = allowed.high - half_width(table.cell(row.id, table.columns_meaning("dice")[0].id).decimals, 1, ROUNDING)
    side = "above the Dice coefficient" if jaccard.middle > dice else "below D / (2 - D)"
    return Finding(
        check="dice_and_jaccard",
        severity="impossible" if _breaks_overlap(table, row, CUTTING) else "unclear",
        where=f"Table {table.id}",
        rows=(row.id,),
        summary=f"{row.label}: the Jaccard index lies {side}; no segmentation gives that.",
        arithmetic=(
            f"Dice D = {dice:.4f} allows D / (2 - D) = {dice / (2 - dice):.4f} <= J <= D = {dice:.4f}; "
            f"printed J = {jaccard.middle:.4f}",
        ),
        tolerance="half a unit of the last printed digit of both numbers; impossible only if also beyond one unit",
        caveat="A mean over cases cannot explain it: in every single case D / (2 - D) = J <= D.",
        line=row.line,
    )
