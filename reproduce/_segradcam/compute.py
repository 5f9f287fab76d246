"""How a cell of the segradcam paper is run: trained, explained, classical or counted.

In: a cell; out: its :class:`~reproduce._training.Outcome`. An explained cell rests on a trained one and trains it
first if it is not there; a lock keeps two processes from training the same network.
"""

import json
import time
from collections.abc import Callable

import filelock
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from datamodules.handcrafted import FAMILIES
from datamodules.prepared_data import datamodule_for
from datamodules.segradcam import SEGradCAMDataModule
from datamodules.splits import group_kfold
from lightning_modules.segradcam import SEGradCAMModule
from reproduce._cell import Cell
from reproduce._classical import nested_cv
from reproduce._experiment import write_result
from reproduce._fitting import train_cell
from reproduce._ranks import first_only
from reproduce._segradcam.counts import count
from reproduce._segradcam.explained import explain_cell
from reproduce._segradcam.kept_features import kept_features
from reproduce._segradcam.protocol import base_of
from reproduce._training import Outcome, data_block

Report = Callable[[float, str], None]
Stop = Callable[[], bool]


def execute(cell: Cell, report: Report, stop: Stop) -> Outcome | None:
    """Run one cell by its kind; None on ranks other than the first."""
    kind = cell.config["kind"]
    if kind == "counted":
        return count(cell)
    if kind == "classical":
        return classical(cell)
    base = cell if kind == "trained" else base_of(cell)
    with first_only(_training_lock(base)):
        if kind == "trained" or base.finished() is None or not (base.work_dir / "model.ckpt").is_file():
            outcome = train(base, report, stop)
    if kind == "trained":
        return outcome
    return explain_cell(cell, base, datamodule(cell)) if kind == "explained" else repeat(base)


def repeat(base: Cell) -> Outcome:
    """Return a finished cell's outcome once more."""
    result = json.loads(base.path.read_text())
    names = ("data", "history", "parameters", "macs")
    frame = pd.read_parquet(base.path.with_suffix(".parquet"))
    return Outcome(predictions=frame, marks=tuple(result["marks"]), **{name: result[name] for name in names})


def _training_lock(cell: Cell) -> filelock.BaseFileLock:
    cell.work_dir.mkdir(parents=True, exist_ok=True)
    return filelock.FileLock(cell.work_dir / "training.lock")


def datamodule(cell: Cell) -> SEGradCAMDataModule:
    """Return the cell's datamodule."""
    config = cell.config["data"]
    return datamodule_for(SEGradCAMDataModule, config)(**config, cache_dir=cell.runtime.cache_dir)


def train(cell: Cell, report: Report, stop: Stop) -> Outcome | None:
    """Train the cell's network and write its result before anybody else may ask for it."""
    started = time.monotonic()
    outcome = train_cell(cell, lambda: SEGradCAMModule(**cell.config["module"]), datamodule(cell), report, stop)
    if outcome is not None:
        write_result(cell, outcome, time.monotonic() - started)
    return outcome


def classical(cell: Cell) -> Outcome:
    """Test every nodule once by nested cross-validation on handcrafted features, or on the diameter's logarithm."""
    data = datamodule(cell)
    data.setup()
    choice, seed, folds = cell.config["module"], cell.seed, data.folds
    records = data.records
    families = list(FAMILIES) if choice["family"] == "all" else [choice["family"]]
    features = kept_features(data, families, cell.runtime.cache_dir)
    probability = nested_cv(features, records.labels, records.patients, choice["classifier"], folds, seed)
    frame = records.table[["sample_id", "patient_id", "nodule_id", "label"]].copy()
    frame["prob_0"], frame["prob_1"] = 1 - probability, probability
    frame["diameter_mm"] = records.table["diameter_mm"]
    for name, score in baselines(data, folds, seed).items():
        frame[f"baseline_{name}"] = score
    block = data_block(data)
    everyone = {
        "n_samples": {"train": len(records), "test": len(records)},
        "n_patients": {"all": len(np.unique(records.patients))},
    }
    return Outcome(data={**block, **everyone}, predictions=frame, metrics={"features/count": features.shape[1]})


def baselines(data: SEGradCAMDataModule, folds: int, seed: int) -> dict[str, np.ndarray]:
    """Return out-of-fold probabilities of the diameter alone and of the training prevalence."""
    records = data.records
    labels: np.ndarray = records.labels
    values = np.log1p(pd.to_numeric(records.table["diameter_mm"]).to_numpy(dtype=np.float64))[:, None]
    found = {name: np.zeros(len(labels)) for name in ("diameter", "majority")}
    for test in group_kfold(labels, records.patients, folds, seed):
        rest = np.setdiff1d(np.arange(len(labels)), test)
        found["diameter"][test] = LogisticRegression().fit(values[rest], labels[rest]).predict_proba(values[test])[:, 1]
        found["majority"][test] = labels[rest].mean()
    return found
