"""How a cell of the multi-scale paper is run: trained, or combined from its members.

In: a cell; out: its :class:`~reproduce._training.Outcome`. A classifier also leaves its validation predictions
beside its result: they, and nothing of the test part, choose the ensemble's weights.
"""

import dataclasses
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from datamodules.base import ReproDataModule
from datamodules.cache import atomic_write
from datamodules.errors import InputError
from datamodules.multiscale import MultiScaleDataModule
from datamodules.prepared_data import datamodule_for
from lightning_modules.base import ReproModule
from lightning_modules.multiscale import MultiScaleModule, MultiScaleSegmenter
from lightning_modules.networks.counting import macs, trainable_count
from reproduce._cell import Cell
from reproduce._fitting import train_cell
from reproduce._multiscale.ball import judge_ball
from reproduce._multiscale.weights import combine, grid_search
from reproduce._outcome import Outcome
from reproduce._training import data_block, predict

Report = Callable[[float, str], None]
Stop = Callable[[], bool]
IDS = ["sample_id", "patient_id", "label"]


def execute(cell: Cell, report: Report, stop: Stop) -> Outcome | None:
    """Run one cell by its kind; None on ranks other than the first."""
    if cell.config["kind"] == "ensemble":
        return ensemble(cell)
    if cell.config["kind"] == "ball":
        return judge_ball(cell)
    config = cell.config["data"]
    data = datamodule_for(MultiScaleDataModule, config)(**config, cache_dir=cell.runtime.cache_dir)
    module: dict[str, Any] = cell.config["module"]
    if cell.config["kind"] == "segmenter":
        return train_cell(cell, lambda: MultiScaleSegmenter(**module), data, report, stop, judge=judge_masks)

    def keep_validation(trained: ReproModule, seen: ReproDataModule) -> Mapping[str, float]:
        return write_validation(validation_path(cell), trained, seen)

    return train_cell(cell, lambda: MultiScaleModule(**module), data, report, stop, measure=keep_validation)


def validation_path(cell: Cell) -> Path:
    """Return where a classifier's validation predictions lie."""
    return cell.path.with_suffix(".val.parquet")


def write_validation(path: Path, module: ReproModule, data: ReproDataModule) -> Mapping[str, float]:
    """Keep the probabilities of the validation part; adds no metric."""
    frame = data.records.table.iloc[data.parts.val][IDS].reset_index(drop=True)
    with atomic_write(path) as temporary:
        frame.assign(prob_1=predict(module, data, "val")[:, 1]).to_parquet(temporary, index=False)
    return {}


@torch.no_grad()
def judge_masks(cell: Cell, module: ReproModule, data: ReproDataModule, history: Mapping[str, list[float]]) -> Outcome:
    """Measure Dice and Jaccard of each test case on this one device."""
    del cell
    if not isinstance(module, MultiScaleSegmenter):
        raise InputError(f"{type(module).__name__} finds no masks; Table 4 takes MultiScaleSegmenter")
    module.eval()
    loader = data.eval_loader(data.parts.test)
    overlaps = [module.overlap(batch["image"].to(module.device)) for batch in loader]
    dice, jaccard = (torch.cat(values).cpu().double().numpy() for values in zip(*overlaps, strict=True))
    frame = data.records.table.iloc[data.parts.test][[*IDS, "nodule_id", "diameter_mm"]].reset_index(drop=True)
    return Outcome(
        data=data_block(data),
        metrics={"image/dice": float(dice.mean()), "image/jaccard": float(jaccard.mean())},
        predictions=frame.assign(dice=dice, jaccard=jaccard),
        history=history,
        parameters=trainable_count(module.network),
        macs=macs(module.network, (1, *data.images.shape[2:])),
        marks=("leaky split",) if data.parts.leaky else (),
    )


def ensemble(cell: Cell) -> Outcome:
    """Combine a cell's members (Eq. 4) by weights from the grid on validation; test probabilities come last."""
    members = [dataclasses.replace(cell, row=row) for row in cell.config["module"]["members"]]
    validation = [_read(validation_path(member)) for member in members]
    labels = _same_samples(validation)["label"].to_numpy(dtype=np.int64)
    choice = grid_search(np.stack([frame["prob_1"].to_numpy(np.float64) for frame in validation]), labels)
    results = [json.loads(member.path.read_text()) for member in members]
    test = [_read(member.path.with_suffix(".parquet")) for member in members]
    malignant = combine(choice.weights, np.stack([frame["prob_1"].to_numpy(np.float64) for frame in test]))
    frame = _same_samples(test).assign(prob_0=(1 - malignant).astype(np.float32), prob_1=malignant.astype(np.float32))
    weights = {
        f"weight/{result['config']['data'].get('scale', 64)}": float(weight)
        for result, weight in zip(results, choice.weights, strict=True)
    }
    return Outcome(
        data=results[0]["data"],
        metrics={"validation/auc": choice.auc, "validation/evaluations": float(choice.evaluations), **weights},
        predictions=frame,
        parameters=sum(result["parameters"] for result in results),
        macs=sum(result["macs"] for result in results),
        marks=tuple(results[0]["marks"]),
    )


def _read(path: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(path)
    except FileNotFoundError:
        raise InputError(f"{path} is missing, so its ensemble cannot be made; run again with a fresh --out") from None


def _same_samples(frames: list[pd.DataFrame]) -> pd.DataFrame:
    """Return the first frame once all are known to hold the same samples in the same order."""
    for frame in frames[1:]:
        if not frame[IDS].equals(frames[0][IDS]):
            raise InputError("the ensemble's members saw different samples; run again with a fresh --out")
    return frames[0]
