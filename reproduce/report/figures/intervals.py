"""Intervals as small inline plots on an axis that a column's rows share.

In: the estimates of a column. Out: SVG fragments of numbers only, coloured by CSS variables.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup
from matplotlib.ticker import MaxNLocator

from medrepro.reproduce.evaluation.estimates import Estimate

WIDTH, HEIGHT, MARGIN = 148, 18, 8  # pixels
FAR = 2.0  # of the models' range: baselines farther off do not stretch the axis


@dataclass(frozen=True)
class Scale:
    """The common axis of a column.

    Attributes:
        low: left end.
        high: right end.
        ticks: round values between.
        factor: on our values, 100 for per cent.
        zero: whether a line marks 0 (differences).
    """

    low: float
    high: float
    ticks: tuple[float, ...]
    factor: float
    zero: bool

    def at(self, value: float) -> float:
        """Horizontal position of a value, in pixels."""
        share = (value * self.factor - self.low) / (self.high - self.low)
        return round(MARGIN + share * (WIDTH - 2 * MARGIN), 1)


def shared_range(models: Sequence[Estimate], baselines: Sequence[Estimate], zero: bool) -> tuple[float, float] | None:
    """Ends of an axis that holds every model's interval, and baselines' unless they lie far off.

    A majority vote at AUC 0.5 would squeeze what is to be compared: a baseline more than twice the models' range
    away is left out, and drawn as an arrow. Differences hold 0. ``None`` without intervals.
    """
    ends = _ends(models)
    if not any(estimate.interval.low is not None for estimate in (*models, *baselines)):
        return None
    ends = (ends or _ends(baselines)) + ([0.0] if zero else [])
    reach = FAR * (max(ends) - min(ends))
    low, high = min(ends) - reach, max(ends) + reach
    near = [end for one in baselines if low <= one.value <= high for end in _ends([one])]
    return min(*ends, *near), max(*ends, *near)


def _ends(estimates: Sequence[Estimate]) -> list[float]:
    found = [(e.value, e.interval.low, e.interval.high) for e in estimates]
    return [end for ends in found for end in ends if end is not None]


def common_scale(models: Sequence[Estimate], baselines: Sequence[Estimate], factor: float, zero: bool) -> Scale | None:
    """The axis over :func:`shared_range`, with round ticks; ``None`` without intervals."""
    found = shared_range(models, baselines, zero)
    if found is None:
        return None
    low, high = found[0] * factor, found[1] * factor
    room = (high - low) * 0.04 or 0.5
    ticks = MaxNLocator(nbins=3, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    inside = tuple(float(tick) for tick in ticks if low - room <= tick <= high + room)
    return Scale(low - room, high + room, inside, factor, zero)


def _svg(body: str, height: int, label: str) -> Markup:
    hidden = f'role="img" aria-label="{label}"' if label else 'aria-hidden="true"'
    head = f'<svg class="interval" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" {hidden}>'
    return Markup(f"{head}{body}</svg>")


def _grid(scale: Scale) -> str:
    """Faint lines at the ticks, so that rows can be compared; a stronger one at zero."""
    lines = []
    for tick in scale.ticks:
        x = scale.at(tick / scale.factor)
        strong = scale.zero and abs(tick) < 1e-12
        colour = "muted" if strong else "faint"
        lines.append(f'<line x1="{x}" x2="{x}" y1="0" y2="{HEIGHT}" stroke="var(--{colour})" stroke-width="1"/>')
    return "".join(lines)


def interval_plot(estimate: Estimate, scale: Scale, colour: str) -> Markup:
    """A dot at the mean and a line over the interval; an arrow at the edge for what lies beyond the axis."""
    x, middle = scale.at(estimate.value), HEIGHT / 2
    if not 0 <= x <= WIDTH:
        tip, back = (2, 9) if x < 0 else (WIDTH - 2, WIDTH - 9)
        arrow = f'<path d="M{tip} {middle}L{back} {middle - 4}V{middle + 4}Z" fill="var(--{colour})"/>'
        return _svg(_grid(scale) + arrow, HEIGHT, f"{estimate.value * scale.factor:.3g}, off the axis")
    parts, label = [_grid(scale)], f"{estimate.value * scale.factor:.3g}"
    low, high = estimate.interval.low, estimate.interval.high
    if low is not None and high is not None:
        left, right = scale.at(low), scale.at(high)
        label += f", 95 % interval {low * scale.factor:.3g} to {high * scale.factor:.3g}"
        parts.append(
            f'<line x1="{left}" x2="{right}" y1="{middle}" y2="{middle}" stroke="var(--{colour})" '
            'stroke-width="2.5" stroke-linecap="round"/>'
        )
    parts.append(f'<circle cx="{x}" cy="{middle}" r="4" fill="var(--{colour})" stroke="var(--paper)"/>')
    return _svg("".join(parts), HEIGHT, label)


def axis_plot(scale: Scale) -> Markup:
    """The axis with its numbers, for the head of the column."""
    texts = [
        f'<text x="{scale.at(tick / scale.factor)}" y="11" text-anchor="middle">{tick:g}</text>' for tick in scale.ticks
    ]
    return _svg("".join(texts), 14, "")
