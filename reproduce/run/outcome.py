"""Define what the function of a cell takes and yields: :class:`Context` and :class:`Outcome`, without torch."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from medrepro.reproduce.plan.cell import Cell

if TYPE_CHECKING:
    from medrepro.datamodules.base import ReproDataModule

Report = Callable[[float, str], None]  # (epochs done, detail)
Stop = Callable[[], bool]

NO_DATA = {"name": "none", "kind": "no data: computed from the definition", "task": "none", "tier": "original"}
"""The ``data`` block of a result that depends on no data."""


@dataclass(frozen=True)
class Context:
    """What surrounds a cell while it is computed.

    Attributes:
        report: called with the epochs done and a short detail.
        stop: asked after every step whether to end early.
    """

    report: Report = lambda _done, _detail: None
    stop: Stop = lambda: False


@dataclass(frozen=True)
class Outcome:
    """What a cell's function returns, before it becomes a result file.

    Attributes:
        metrics: numbers that cannot be recomputed from predictions (``train/auc``, counts, Dice).
        predictions: one row per test sample: ids, label, ``prob_*``, ``baseline_*`` and covariates; None for tables
            without training.
        history: per-epoch values of each logged metric.
        data: the ``data`` block of the result.
    """

    data: Mapping[str, Any]
    metrics: Mapping[str, float | str] = field(default_factory=dict)
    predictions: pd.DataFrame | None = None
    history: Mapping[str, list[float]] = field(default_factory=dict)
    parameters: int | None = None
    macs: int | None = None
    marks: tuple[str, ...] = ()


def read_outcome(cell: Cell) -> Outcome:
    """Return the outcome of a finished cell, such as one that another cell needs."""
    result: dict[str, Any] = json.loads(cell.path.read_text())
    frame = None if result["predictions"] is None else pd.read_parquet(cell.path.with_suffix(".parquet"))
    names = ("data", "metrics", "history", "parameters", "macs")
    return Outcome(predictions=frame, marks=tuple(result["marks"]), **{name: result[name] for name in names})


def data_block(data: "ReproDataModule") -> dict[str, Any]:
    """Return the ``data`` block of a result: what was trained on, how much of it, and its fingerprint."""
    records = data.records
    parts = {"train": data.parts.train, "val": data.parts.val, "test": data.parts.test}
    return {
        "name": records.name,
        "kind": records.kind,
        "task": records.task,
        "surrogate_for": records.surrogate_for,
        "tier": records.tier,
        "licence": records.licence,
        "n_samples": {name: len(index) for name, index in parts.items()},
        "n_patients": {name: len(np.unique(records.patients[index])) for name, index in parts.items()},
        "sha256": records.sha256,
    }
