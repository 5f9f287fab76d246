"""Learning curves: one line a row, or, for a table of designs trained in several ways, one column of panels a design.

In: a :class:`TableView`, whose results carry what was logged after each epoch. Out: a :class:`Figure`, or none.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import MaxNLocator

from medrepro.reproduce.evaluation.metrics import Floats
from medrepro.reproduce.evaluation.table_view import TableView, ViewRow
from medrepro.reproduce.report.figures.canvas import WIDTH, Figure, label_ends, panels, the_first
from medrepro.reproduce.report.figures.curves import row_slots
from medrepro.reproduce.report.figures.style import INK, RC, Slot

FIRST_METRICS = ("train/loss", "val/loss", "val/auc", "val/accuracy")
MAX_METRICS = 3
MAX_DESIGNS = 6
HEIGHT = 1.65  # inches a panel
CAPTION = "Mean over runs after each epoch."


@dataclass(frozen=True)
class Trained:
    """One row and the mean over its runs of each metric that was logged."""

    row: ViewRow
    lines: Mapping[str, Floats]


def learning_figure(view: TableView, max_rows: int) -> Figure | None:
    """One panel a logged metric, one line a row.

    Args:
        view: the table.
        max_rows: lines a panel has room for. More rows are drawn in one column of panels a design (`vgg16` of
            `vgg16-ce` and `vgg16-ml`); if they are no such pairs, the first are drawn and the caption says so.
    """
    trained = [Trained(row, lines) for row in view.rows if (lines := _mean_history(view, row))]
    if not trained:
        return None
    designs = _designs(trained, max_rows) if len(trained) > max_rows else {}
    if designs:
        return Figure("learning", "Learning curves", CAPTION, _grid(view, designs), wide=True)
    shown = trained[:max_rows]
    return Figure("learning", "Learning curves", CAPTION + the_first(len(shown), len(trained)), _column(view, shown))


def _column(view: TableView, trained: Sequence[Trained]) -> Canvas:
    names, slots = _metrics(trained), row_slots(view)
    canvas, axes = panels(len(names), 1, HEIGHT, share_y=False)
    for axis, name in zip(axes, names, strict=True):
        drawn = [(one.lines[name], one.row.label, slots[one.row.id]) for one in trained if name in one.lines]
        _draw(axis, drawn)
        label_ends(axis, drawn)
        axis.set_title(_title(name), color=INK.light)
    axes[-1].set_xlabel("epoch")
    return canvas


def _grid(view: TableView, designs: Mapping[str, Sequence[Trained]]) -> Canvas:
    """One column a design, one line of panels a metric; the names of the methods stand behind the last column."""
    names, slots = _metrics([one for rows in designs.values() for one in rows]), row_slots(view)
    with mpl.rc_context(RC):
        canvas = Canvas(figsize=(2 * WIDTH, HEIGHT * len(names)), layout="constrained")
        axes = canvas.subplots(len(names), len(designs), squeeze=False, sharex=True, sharey="row")
    for line, name in enumerate(names):
        for column, (design, rows) in enumerate(designs.items()):
            axis = axes[line, column]
            drawn = [(one.lines[name], _method(one, design), slots[one.row.id]) for one in rows if name in one.lines]
            _draw(axis, drawn)
            if column == len(designs) - 1:
                label_ends(axis, drawn)
            if line == 0:
                axis.set_title(design, color=INK.light)
            if line == len(names) - 1:
                axis.set_xlabel("epoch")
        axes[line, 0].set_ylabel(_title(name))
    return canvas


def _draw(axis: Axes, lines: Sequence[tuple[Floats, str, Slot]]) -> None:
    for line, _, slot in lines:
        axis.plot(np.arange(1, len(line) + 1), line, color=slot.light, linestyle=slot.dash)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))


def _designs(trained: Sequence[Trained], max_rows: int) -> dict[str, list[Trained]]:
    """Rows of one design, which differ in their method alone, by the words their labels share; empty if not so."""
    found: dict[str, list[Trained]] = defaultdict(list)
    for one in trained:
        found[one.row.id.removesuffix(f"-{one.row.method}")].append(one)
    sizes = [len(rows) for rows in found.values()]
    if len(found) > MAX_DESIGNS or min(sizes) < 2 or max(sizes) > max_rows:
        return {}
    return {_shared_words([one.row.label for one in rows]): rows for rows in found.values()}


def _shared_words(labels: Sequence[str]) -> str:
    """Return the words that all labels begin with."""
    together = zip(*(label.split() for label in labels), strict=False)  # as far as the shortest goes
    return " ".join(words[0] for words in takewhile(lambda words: len(set(words)) == 1, together))


def _method(one: Trained, design: str) -> str:
    return one.row.label.removeprefix(design).strip()


def _metrics(trained: Sequence[Trained]) -> list[str]:
    """The logged metrics that are drawn, the usual ones first."""
    logged = list(dict.fromkeys(name for one in trained for name in one.lines))
    return sorted(logged, key=lambda n: FIRST_METRICS.index(n) if n in FIRST_METRICS else len(FIRST_METRICS))[
        :MAX_METRICS
    ]


def _title(name: str) -> str:
    return name.replace("train/", "training ").replace("val/", "validation ")


def _mean_history(view: TableView, row: ViewRow) -> dict[str, Floats]:
    """Each logged metric averaged over the row's runs; those with at least two epochs."""
    histories = [result.history for result in view.evidence.rows.get(row.id, {}).values()]
    found: dict[str, Floats] = {}
    for name in dict.fromkeys(name for history in histories for name in history):
        lines = [history[name] for history in histories if history.get(name)]
        epochs = min(len(line) for line in lines)
        if epochs > 1:
            found[name] = np.mean([line[:epochs] for line in lines], axis=0)
    return found
