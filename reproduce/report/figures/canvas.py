"""A finished drawing, for the page or for print.

In: a matplotlib figure drawn in the palette of ``_style.py``. Out: inline SVG that follows the page's light or dark
scheme and loads nothing, or a file.
"""

import html
import io
import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from scipy.optimize import isotonic_regression

from medrepro.datamodules.support.cache import atomic_write
from medrepro.reproduce.evaluation.metrics import Floats
from medrepro.reproduce.report.figures.style import MUTED, RC, Slot, css_colours

WIDTH = 4.4  # inches, about the width of a phone at the page's scale
DPI = 200
LABEL_SIZE = 9.0
LABEL_GAP = 0.15  # of a panel's height: one line of text


@dataclass(frozen=True)
class Figure:
    """A finished figure.

    Attributes:
        id: short name, unique on the page.
        title: heading.
        caption: what is shown and how it was computed.
        canvas: the matplotlib figure.
        wide: takes the page's whole width.
    """

    id: str
    title: str
    caption: str
    canvas: Canvas
    wide: bool = False

    def svg(self) -> str:
        """Inline SVG: colours as CSS variables, ids of its own, nothing loaded from elsewhere; drawn once."""
        return self._drawn

    @cached_property
    def _drawn(self) -> str:
        buffer = io.StringIO()
        with mpl.rc_context({**RC, "svg.hashsalt": self.id}):
            self.canvas.savefig(buffer, format="svg", bbox_inches="tight", pad_inches=0.04, metadata={"Date": None})
        return _inline(buffer.getvalue(), self.id, self.title)

    def save(self, path: Path) -> Path:
        """Write the figure for print; the suffix decides: ``.svg``, ``.pdf`` or ``.png`` (200 dpi, white)."""
        with atomic_write(path) as temporary, mpl.rc_context(RC):
            kind = path.suffix.removeprefix(".")
            self.canvas.savefig(temporary, format=kind, bbox_inches="tight", dpi=DPI, facecolor="white")
        return path


def _inline(svg: str, prefix: str, title: str) -> str:
    """Strip what only a file needs, make ids unique, and let CSS choose the colours."""
    found = re.search(r'<svg[^>]*viewBox="([^"]+)"[^>]*>(.*)</svg>', svg, re.DOTALL)
    if found is None:
        raise ValueError(f"matplotlib wrote no SVG for figure {prefix}")
    body = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", found[2], flags=re.DOTALL)
    body = re.sub(r'\b(?:xlink:)?(id|href)="(#?)([^":]+)"', rf'\1="\2{prefix}-\3"', body)
    body = body.replace("xlink:href", "href")
    body = _unique_ids(re.sub(r"url\(#([^)]+)\)", rf"url(#{prefix}-\1)", body))
    for colour, variable in css_colours().items():
        body = re.sub(colour, variable, body, flags=re.IGNORECASE)
    label = html.escape(title, quote=True)
    head = f'<svg class="plot" viewBox="{found[1]}" role="img" aria-label="{label}">'
    return f"{head}{body}</svg>"


def _unique_ids(body: str) -> str:
    """Number the ids of repeated equal images, to which nothing refers."""
    seen: Counter[str] = Counter()

    def number(match: re.Match[str]) -> str:
        seen[match[1]] += 1
        return match[0] if seen[match[1]] == 1 else f'id="{match[1]}-{seen[match[1]]}"'

    return re.sub(r'\bid="([^"]+)"', number, body)


def panels(
    count: int, columns: int, height: float, share_x: bool = True, share_y: bool = True
) -> tuple[Canvas, list[Axes]]:
    """A canvas with ``count`` panels of ``height`` inches, row by row, sharing their axes."""
    with mpl.rc_context(RC):
        lines = math.ceil(count / columns)
        canvas = Canvas(figsize=(WIDTH, height * lines), layout="constrained")
        grid = canvas.subplots(lines, columns, squeeze=False, sharex=share_x, sharey=share_y)
        axes = [axis for line in grid for axis in line]
        for spare in axes[count:]:
            spare.remove()
        return canvas, axes[:count]


def the_first(shown: int, all_rows: int) -> str:
    """What a caption adds when a figure has no room for all rows."""
    return f" The first {shown} of {all_rows} rows." if shown < all_rows else ""


def spread_apart(values: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Positions nearest to ``values``, in their order, at least ``gap`` apart, in [low, high] if they fit there."""
    if not len(values):
        return []
    order = np.argsort(values, kind="stable")
    steps = gap * np.arange(len(values))
    # Without the steps the positions need only be in order: isotonic regression, then the bounds.
    level = isotonic_regression(np.asarray(values, dtype=np.float64)[order] - steps).x
    positions = np.empty(len(values))
    positions[order] = np.clip(level, low, max(low, high - steps[-1])) + steps
    return [float(position) for position in positions]


def axis_titles(canvas: Canvas, x: str, y: str) -> None:
    """Name the axes that all panels share."""
    canvas.supxlabel(x, fontsize=9, color=MUTED.light)
    canvas.supylabel(y, fontsize=9, color=MUTED.light)


def label_ends(axis: Axes, lines: Sequence[tuple[Floats, str, Slot]]) -> None:
    """Write each line's name behind its end, moved apart where they would touch.

    Args:
        axis: one panel.
        lines: values at 1, 2, ..., the name and the style of each line.
    """
    low, high = axis.get_ylim()
    places = spread_apart([float(line[-1]) for line, _, _ in lines], (high - low) * LABEL_GAP, low, high)
    for (line, label, slot), place in zip(lines, places, strict=True):
        axis.annotate(
            label,
            (len(line), place),
            (6, 0),
            textcoords="offset points",
            color=slot.light,
            fontsize=LABEL_SIZE,
            va="center",
            annotation_clip=False,
        )
