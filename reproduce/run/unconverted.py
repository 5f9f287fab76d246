"""Run cells of the papers that do not yet name their functions: removed with the last of them."""

import importlib
from collections.abc import Sequence

from medrepro.reproduce.plan.cell import UNCONVERTED, Cell
from medrepro.reproduce.run.outcome import Context, Outcome


def execute(cell: Cell, context: Context) -> Outcome | None:
    """Call the paper's own ``execute``."""
    paper = importlib.import_module(f"medrepro.reproduce.{cell.key}")
    outcome: Outcome | None = paper.execute(cell, context.report, context.stop)
    return outcome


def also_needs(cell: Cell, cells: Sequence[Cell]) -> list[str]:
    """Return what such a cell waits for: one without epochs needs every one that trains."""
    if cell.function != UNCONVERTED or cell.epochs:
        return []
    return [other.id for other in cells if other.function == UNCONVERTED and other.epochs]
