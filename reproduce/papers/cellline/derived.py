"""Rows that follow from other cells' predictions: per class, confidence, averages over tasks, counts of images.

In: a cell whose configuration names the cells it rests on; out: an Outcome of metrics. A base cell that is not
finished is computed first, once, whoever asks.
"""

import json
import time
from collections.abc import Callable
from typing import Any

import filelock
import numpy as np
import pandas as pd

from medrepro.datamodules.cellline import CellLineDataModule
from medrepro.reproduce.evaluation.calibration import confidence
from medrepro.reproduce.evaluation.metrics import Weights, evaluate
from medrepro.reproduce.papers.cellline.bases import base_cells
from medrepro.reproduce.papers.cellline.compute import execute_trained
from medrepro.reproduce.plan.cell import Cell
from medrepro.reproduce.run.execute import write_result
from medrepro.reproduce.run.outcome import Outcome, Report, Stop


def execute_derived(cell: Cell, report: Report, stop: Stop) -> Outcome | None:
    """Compute a derived cell from the results of its base cells."""
    results = [_result(base, report, stop) for base in base_cells(cell)]
    frames = [pd.read_parquet(base.path.with_suffix(".parquet")) for base in base_cells(cell)]
    train = cell.config["train"]
    data, marks = results[0]["data"], tuple(results[0]["marks"])
    if train["derived"] == "pooled":  # the test parts of all folds together are all images, each once
        return Outcome(data=data, predictions=pd.concat(frames, ignore_index=True), marks=marks)
    return Outcome(data=data, metrics=KINDS[train["derived"]](frames, train.get("of_class")), marks=marks)


def count_images(cell: Cell) -> Outcome:
    """Count one class's images and flasks (Table 1)."""
    records = CellLineDataModule(**cell.config["data"]).load_records()
    mine = records.labels == cell.config["train"]["of_class"]
    block = {
        "name": records.name, "kind": records.kind, "task": records.task, "surrogate_for": records.surrogate_for,
        "tier": records.tier, "licence": records.licence, "n_samples": {"all": len(records)},
        "n_patients": {"all": len(np.unique(records.patients))}, "sha256": records.sha256,
    }  # fmt: skip
    flasks = len(np.unique(records.patients[mine]))
    return Outcome(data=block, metrics={"count/images": int(mine.sum()), "count/flasks": flasks})


def _result(base: Cell, report: Report, stop: Stop) -> dict[str, Any]:
    """Return a base cell's result, computing and writing it first if it is not there."""
    base.path.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(base.path.with_suffix(".lock")):
        if base.finished() is None:
            started = time.monotonic()
            outcome = execute_trained(base, report, stop)
            if outcome is not None:
                write_result(base, outcome, time.monotonic() - started)
    result: dict[str, Any] = json.loads(base.path.read_text())
    return result


def _arrays(frame: pd.DataFrame) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    return frame.filter(like="prob_").to_numpy(dtype=float), frame["label"].to_numpy(dtype=np.int64)


def _per_class(frames: list[pd.DataFrame], of_class: int | None) -> dict[str, float]:
    """F1 of one class against the rest (Table 8)."""
    probabilities, labels = _arrays(frames[0])
    everyone = Weights(np.zeros(len(labels), dtype=np.int64), np.ones((1, 1)))
    return {"class/f1": float(evaluate(f"f1@{of_class}", labels, probabilities, everyone)[0])}


def _confidence(frames: list[pd.DataFrame], of_class: int | None) -> dict[str, float]:
    """Mean confidence of right and wrong answers about one class's test images, or about all (Table 9)."""
    probabilities, labels = _arrays(frames[0])
    found = confidence(probabilities, labels, None if of_class is None else labels == of_class)
    known = {"confidence/right": found.right, "confidence/wrong": found.wrong}
    return {name: value for name, value in known.items() if value is not None}


def _average(frames: list[pd.DataFrame], of_class: int | None) -> dict[str, float]:
    """Mean F1 and AUC over tasks (Table 6, last row)."""
    del of_class
    values: dict[str, list[float]] = {"f1": [], "auc": []}
    for frame in frames:
        probabilities, labels = _arrays(frame)
        everyone = Weights(np.zeros(len(labels), dtype=np.int64), np.ones((1, 1)))
        for name, found in values.items():
            found.append(float(evaluate(name, labels, probabilities, everyone)[0]))
    return {f"image/{name}": float(np.mean(found)) for name, found in values.items()}


KINDS: dict[str, Callable[[list[pd.DataFrame], int | None], dict[str, float]]] = {
    "per-class": _per_class,
    "confidence": _confidence,
    "average": _average,
}
