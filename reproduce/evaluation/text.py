"""Write numbers as text, the same on the terminal, in the report and in Markdown; a blank stays blank."""

from medrepro.reproduce.evaluation.estimates import Estimate
from medrepro.reproduce.plan.table import Column

NOTHING = 1e-9  # spreads below are rounding


def digits_of(column: Column) -> int:
    """Decimals of our values: as declared, else 1 for per cent and 3 for shares."""
    if column.digits is not None:
        return column.digits
    return 1 if column.scale == 100 else 3


def number(value: float, digits: int, signed: bool = False) -> str:
    """A number with fixed decimals, thousands set off, and no minus before a zero."""
    text = f"{value:{'+' if signed else ''},.{digits}f}"
    is_zero = not any(digit in "123456789" for digit in text)
    return text.lstrip("+-") if is_zero else text


def bounds(estimate: Estimate, column: Column) -> str:
    """``[0.82, 0.90]``, at most two decimals; empty without an interval, or where nothing varies."""
    low, high = estimate.interval.low, estimate.interval.high
    if low is None or high is None or high - low < NOTHING:
        return ""
    digits = min(2, digits_of(column))
    return f"[{number(low * column.scale, digits)}, {number(high * column.scale, digits)}]"


def mean(estimate: Estimate, column: Column) -> str:
    """The value alone; differences carry their sign."""
    if estimate.text:
        return estimate.text
    return number(estimate.value * column.scale, digits_of(column), signed=column.minus is not None)


def deviation(estimate: Estimate, column: Column) -> str:
    """``± 0.8``; empty with one run, and for what cannot vary (a baseline fitted without chance)."""
    if estimate.sd is None or estimate.sd < NOTHING:
        return ""
    return f"± {number(estimate.sd * column.scale, digits_of(column))}"


def compact(estimate: Estimate | None, column: Column) -> str:
    """One line: the mean with its interval where the column asks for one, else with the spread."""
    if estimate is None:
        return ""
    extra = bounds(estimate, column) if shows_interval(column) else deviation(estimate, column)
    return f"{mean(estimate, column)} {extra}".strip()


def full(estimate: Estimate | None, column: Column) -> str:
    """Mean, spread and, where the column asks for it, the interval."""
    if estimate is None:
        return ""
    parts = [mean(estimate, column), deviation(estimate, column)]
    parts += [bounds(estimate, column)] if shows_interval(column) else []
    return " ".join(part for part in parts if part)


def shows_interval(column: Column) -> bool:
    """Whether a column shows intervals: where declared, and for differences always."""
    return column.ci or column.minus is not None


def effect(estimate: Estimate) -> str:
    """``+0.012 [-0.004, +0.028]``: an effect in the unit of its metric; no bounds without an interval."""
    low, high = estimate.interval.low, estimate.interval.high
    limits = "" if low is None or high is None else f" [{low:+.3f}, {high:+.3f}]"
    return f"{estimate.value:+.3f}{limits}"


def p_value(p: float) -> str:
    """``p = 0.04``; below a thousandth only that."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}"


def duration(seconds: float) -> str:
    """``3 min 12 s``, ``2 h 05 min``, ``8 s``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def plural(count: int, noun: str) -> str:
    """``1 seed``, ``3 seeds``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
