"""A figure of rows that are steps of one number: batch sizes, margins, sample sizes.

In: a :class:`TableView` and where each row stands. Out: a :class:`Figure`, one panel a column.
"""

from collections.abc import Mapping, Sequence

import matplotlib as mpl
from matplotlib.axes import Axes

from medrepro.reproduce.evaluation.table_view import TableView, ViewRow
from medrepro.reproduce.report.figures.canvas import LABEL_GAP, LABEL_SIZE, Figure, panels, spread_apart
from medrepro.reproduce.report.figures.style import BASELINE, INK, MUTED, RC, SLOTS

HEIGHT = 2.0  # inches a panel
OURS = SLOTS[0]
CAPTION = "Ours: mean over runs; bars: 95 % of patient resamples, or sd over seeds where no cases are kept."
PRINTED = " Crosses: the paper's, printed of other data."


def series_figure(view: TableView, at: Mapping[str, float], axis_title: str, labels: Sequence[str]) -> Figure | None:
    """Draw columns against a number.

    Args:
        view: the table.
        at: the number of each row that is drawn, by the row's id.
        axis_title: what the number is.
        labels: the columns drawn, one panel each, as their own labels name them ("ACC, images").

    Returns:
        The figure; None where no row has a result.

    Raises:
        ValueError: a label names none of the table's columns.
    """
    ours = {column.column.label: i for i, column in enumerate(view.columns) if column.kind == "ours"}
    if absent := sorted(set(labels) - ours.keys()):
        raise ValueError(f"no columns {', '.join(absent)}; the table has: {', '.join(ours)}")
    rows = [row for row in view.rows if row.id in at and row.cells[ours[labels[0]]].estimate is not None]
    if not rows:
        return None
    rows.sort(key=lambda row: at[row.id])
    with mpl.rc_context(RC):
        canvas, axes = panels(len(labels), 1, HEIGHT, share_y=False)
        printed = [_draw(axis, view, rows, at, ours[label]) for axis, label in zip(axes, labels, strict=True)]
        axes[-1].set_xlabel(axis_title)
        axes[-1].set_xticks([at[row.id] for row in rows])
    return Figure("series", f"Against the {axis_title}", CAPTION + PRINTED * any(printed), canvas)


def _draw(axis: Axes, view: TableView, rows: Sequence[ViewRow], at: Mapping[str, float], index: int) -> bool:
    """Draw one column of ours, the paper's beside it and the baselines; returns whether the paper prints any."""
    scale = view.columns[index].column.scale
    for row in rows:
        estimate = row.cells[index].estimate
        if estimate is None:
            continue
        low, high = estimate.interval.low, estimate.interval.high
        if low is None or high is None:
            low, high = estimate.value - (estimate.sd or 0), estimate.value + (estimate.sd or 0)
        axis.vlines(at[row.id], low * scale, high * scale, color=OURS.light, linewidth=1.2)
    values = [(at[row.id], cell.value * scale) for row in rows if (cell := row.cells[index].estimate) is not None]
    axis.plot(*zip(*values, strict=True), color=OURS.light, marker=OURS.marker, markersize=5)
    _draw_baselines(axis, view, index, max(at.values()))
    axis.set_title(view.columns[index].column.label, color=INK.light)
    return _draw_printed(axis, view, rows, at, index)


def _draw_printed(axis: Axes, view: TableView, rows: Sequence[ViewRow], at: Mapping[str, float], index: int) -> bool:
    column = view.columns[index].column
    beside = [i for i, one in enumerate(view.columns) if one.kind == "paper" and one.column is column]
    found = [(at[row.id], row.cells[i].sort) for i in beside for row in rows if row.cells[i].sort is not None]
    if found:
        x, y = zip(*found, strict=True)
        axis.plot(x, y, color=MUTED.light, marker="x", markersize=5, linewidth=0)
    return bool(found)


def _draw_baselines(axis: Axes, view: TableView, index: int, end: float) -> None:
    """A line for each baseline that tells cases apart, and its name, moved apart where names would touch."""
    known = [row for row in view.rows if row.kind == "baseline" and row.id != "majority"]
    found = [(row, estimate.value) for row in known if (estimate := row.cells[index].estimate) is not None]
    values = [value * view.columns[index].column.scale for _, value in found]
    for value in values:
        axis.axhline(value, color=BASELINE.light, linestyle=BASELINE.dash, linewidth=1.0, zorder=0)
    low, high = axis.get_ylim()
    places = spread_apart(values, (high - low) * LABEL_GAP, low, high)
    for (row, _), place in zip(found, places, strict=True):
        axis.annotate(
            row.label, (end, place), (10, 0), textcoords="offset points", va="center", fontsize=LABEL_SIZE,
            color=MUTED.light, annotation_clip=False,
        )  # fmt: skip
