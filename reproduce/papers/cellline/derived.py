"""Compute rows that follow from other cells' predictions: per class, confidence, averages, pooled folds; counts."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pandas as pd

from medrepro.datamodules.cellline import CellLineDataModule
from medrepro.reproduce.evaluation.calibration import confidence
from medrepro.reproduce.evaluation.metrics import Weights, evaluate
from medrepro.reproduce.plan.cell import Cell
from medrepro.reproduce.run.outcome import Context, Outcome, read_outcome


def count_images(cell: Cell, context: Context) -> Outcome:
    """Count one class's images and flasks (Table 1)."""
    del context
    records = CellLineDataModule(**cell.config["data"]).load_records()
    mine = records.labels == cell.config["module"]["of_class"]
    block = {
        "name": records.name, "kind": records.kind, "task": records.task, "surrogate_for": records.surrogate_for,
        "tier": records.tier, "licence": records.licence, "n_samples": {"all": len(records)},
        "n_patients": {"all": len(np.unique(records.patients))}, "sha256": records.sha256,
    }  # fmt: skip
    flasks = len(np.unique(records.patients[mine]))
    return Outcome(data=block, metrics={"count/images": int(mine.sum()), "count/flasks": flasks})


def pooled(cell: Cell, context: Context) -> Outcome:
    """Join the test parts of all folds: all images, each once."""
    del context
    bases = [read_outcome(base) for base in cell.needs]
    frames = [base.predictions for base in bases if base.predictions is not None]
    return Outcome(data=bases[0].data, predictions=pd.concat(frames, ignore_index=True), marks=bases[0].marks)


def per_class(cell: Cell, context: Context) -> Outcome:
    """F1 of one class against the rest (Table 8)."""
    del context
    return _from(cell, lambda frames: _f1(frames[0], cell.config["module"]["of_class"]))


def class_confidence(cell: Cell, context: Context) -> Outcome:
    """Mean confidence of right and wrong answers about one class's test images, or about all (Table 9)."""
    del context
    return _from(cell, lambda frames: _confidence(frames[0], cell.config["module"]["of_class"]))


def average(cell: Cell, context: Context) -> Outcome:
    """Mean F1 and AUC over tasks (Table 6, last row)."""
    del context
    return _from(cell, _average)


def _from(cell: Cell, measure: Callable[[list[pd.DataFrame]], dict[str, float]]) -> Outcome:
    bases = [read_outcome(base) for base in cell.needs]
    frames = [base.predictions for base in bases if base.predictions is not None]
    return Outcome(data=bases[0].data, metrics=measure(frames), marks=bases[0].marks)


def _arrays(frame: pd.DataFrame) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    return frame.filter(like="prob_").to_numpy(dtype=float), frame["label"].to_numpy(dtype=np.int64)


def _value(statistic: str, frame: pd.DataFrame) -> float:
    probabilities, labels = _arrays(frame)
    everyone = Weights(np.zeros(len(labels), dtype=np.int64), np.ones((1, 1)))
    return float(evaluate(statistic, labels, probabilities, everyone)[0])


def _f1(frame: pd.DataFrame, of_class: int) -> dict[str, float]:
    return {"class/f1": _value(f"f1@{of_class}", frame)}


def _confidence(frame: pd.DataFrame, of_class: int | None) -> dict[str, float]:
    probabilities, labels = _arrays(frame)
    found = confidence(probabilities, labels, None if of_class is None else labels == of_class)
    known = {"confidence/right": found.right, "confidence/wrong": found.wrong}
    return {name: value for name, value in known.items() if value is not None}


def _average(frames: list[pd.DataFrame]) -> dict[str, float]:
    return {f"image/{name}": float(np.mean([_value(name, frame) for frame in frames])) for name in ("f1", "auc")}
