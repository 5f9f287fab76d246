"""The figures of a report: ROC, learning curves, confusion, calibration, intervals; and the gallery.

In: a :class:`TableView`. Out: as many :class:`Figure` as its results allow; a colour means one method in all of them.
"""

import matplotlib as mpl
from matplotlib.axes import Axes

from medrepro.reproduce.evaluation.estimates import Estimate
from medrepro.reproduce.evaluation.metrics import is_known
from medrepro.reproduce.evaluation.table_view import TableView
from medrepro.reproduce.report.figures.canvas import Figure, panels
from medrepro.reproduce.report.figures.curves import (
    calibration_figure,
    confusion_figure,
    numbers,
    roc_figure,
    row_slots,
)
from medrepro.reproduce.report.figures.gallery import Example, gallery
from medrepro.reproduce.report.figures.intervals import shared_range
from medrepro.reproduce.report.figures.learning import learning_figure
from medrepro.reproduce.report.figures.style import FAINT, INK, MUTED, RC, Slot

__all__ = ["Example", "Figure", "gallery", "standard_figures"]

LINE_HEIGHT = 0.24  # inches a row of the interval plot


def standard_figures(view: TableView, max_rows: int = 6) -> tuple[Figure, ...]:
    """ROC, learning curves, confusion matrix, calibration and intervals: whatever the results allow.

    A table without any classification metric, as of explanations, has no ROC, confusion or calibration: its rows
    carry one and the same network's predictions.

    Args:
        view: the table.
        max_rows: rows drawn in figures with one panel or line a row; the first ones, and the caption says so.
    """
    makers = [roc_figure, learning_figure, confusion_figure, calibration_figure, forest_figure]
    if not any(is_known(column.metric.rpartition("/")[2]) for column in view.spec.columns):
        makers = [learning_figure, forest_figure]
    with mpl.rc_context(RC):
        found = [make(view, max_rows) for make in makers]
    return tuple(figure for figure in found if figure is not None)


def forest_figure(view: TableView, max_rows: int) -> Figure | None:
    """Every interval of the table: one panel a column, rows from top to bottom, baselines below a line."""
    del max_rows  # a line is thin: all rows have room
    wanted = [i for i, column in enumerate(view.columns) if column.column.ci or column.kind == "difference"]
    shown = [index for index in wanted if _has_interval(view, index)]
    if not shown:
        return None
    height = LINE_HEIGHT * len(view.rows) + 0.55
    canvas, axes = panels(len(shown), 1, height, share_x=False)
    for axis, index in zip(axes, shown, strict=True):
        _draw_forest(axis, view, index)
    caption = "Mean over runs; lines: 95 % of patient resamples, differences paired by patient; arrows: off the axis."
    return Figure("forest", "Intervals", caption, canvas)


def _has_interval(view: TableView, index: int) -> bool:
    estimates = [row.cells[index].estimate for row in view.rows]
    return any(estimate is not None and estimate.interval.low is not None for estimate in estimates)


def _draw_forest(axis: Axes, view: TableView, index: int) -> None:
    column, slots = view.columns[index], row_slots(view)
    found = shared_range(*numbers(view, index), zero=column.kind == "difference") or (0.0, 1.0)
    scale, room = column.column.scale, 0.05 * (found[1] - found[0]) or 0.5
    left, right = (found[0] - room) * scale, (found[1] + room) * scale
    for line, row in enumerate(view.rows):
        estimate = row.cells[index].estimate
        if estimate is not None and not estimate.text:
            _draw_interval(axis, line, estimate, scale, (left, right), slots[row.id])
    if column.kind == "difference":
        axis.axvline(0, color=MUTED.light, linewidth=0.8, linestyle=(0, (2, 2)), zorder=0)
    above = sum(row.kind == "row" for row in view.rows)
    if 0 < above < len(view.rows):
        axis.axhline(above - 0.5, color=FAINT.light, linewidth=0.8)
    axis.set(ylim=(len(view.rows) - 0.5, -0.5), xlim=(left, right))
    axis.set_yticks(range(len(view.rows)), [row.label for row in view.rows], color=INK.light)
    axis.tick_params(axis="y", length=0, pad=9)
    axis.spines["left"].set_visible(False)
    axis.set_title(column.label, color=INK.light)


def _draw_interval(
    axis: Axes, line: int, estimate: Estimate, scale: float, ends: tuple[float, float], slot: Slot
) -> None:
    """A marker and a line; an arrow at the edge for what lies beyond it."""
    value, (left, right) = estimate.value * scale, ends
    if not left <= value <= right:
        edge, marker = (left, "<") if value < left else (right, ">")
        axis.plot(edge, line, color=slot.light, marker=marker, markersize=6, clip_on=False)
        return
    low, high = estimate.interval.low, estimate.interval.high
    if low is not None and high is not None:
        axis.hlines(line, low * scale, high * scale, color=slot.light, linewidth=1.8)
    axis.plot(value, line, color=slot.light, marker=slot.marker, markersize=5, linewidth=0)
