"""Cells that train nothing: a result whose validation curve is a formula of the parameters, in the real layout.

The test metrics are noise, so that a study that chose by them would be seen.
"""

from collections.abc import Callable

import numpy as np

from medrepro.datamodules.support.errors import InputError
from medrepro.reproduce.plan.cell import Cell, write_json
from medrepro.reproduce.plan.identity import code_sha256, source_fingerprint
from medrepro.reproduce.run.outcome import Context

Curve = Callable[[Cell], list[float]]


def by_gamma(cell: Cell) -> list[float]:
    """A curve whose end is best at gamma 0.5, a little different for each seed."""
    end = 0.9 - (cell.config["module"]["gamma"] - 0.5) ** 2 + 0.01 * cell.seed
    return [end - 0.1, end]


def sham_result(cell: Cell, monitor: str, curve: list[float]) -> None:
    """Write what the runner would."""
    if not np.isfinite(curve[-1]):
        raise InputError("the training loss is nan")
    noise = np.random.default_rng(abs(hash(cell.name)) % 2**32).random()
    result = {
        "history": {monitor: curve},
        "metrics": {"image/auc": noise},
        "config_sha256": cell.config_sha256,
        "code_sha256": code_sha256(cell.key),
        "source_fingerprint": source_fingerprint(cell.config["data"].get("data_root")),
    }
    write_json(cell.path, result)


class Sham:
    """Stands in for ``execute`` and remembers the cells."""

    def __init__(self, curve: Curve = by_gamma, monitor: str = "val/auc") -> None:
        self.curve, self.monitor = curve, monitor
        self.cells: list[Cell] = []

    def __call__(self, cell: Cell, context: Context) -> None:
        self.cells.append(cell)
        context.report(1.0, "loss 0.5")
        sham_result(cell, self.monitor, self.curve(cell))
