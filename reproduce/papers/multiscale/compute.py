"""Compute cells of the multi-scale paper: trained classifiers and segmenters, and ensembles of classifiers.

A classifier leaves its validation predictions beside its result: they, and nothing of the test part, choose the
ensemble's weights.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from medrepro.datamodules.base import ReproDataModule
from medrepro.datamodules.multiscale import MultiScaleDataModule
from medrepro.datamodules.support.cache import atomic_write
from medrepro.datamodules.support.errors import InputError
from medrepro.lightning_modules.base import ReproModule
from medrepro.lightning_modules.multiscale import MultiScaleModule, MultiScaleSegmenter
from medrepro.lightning_modules.networks.counting import macs, trainable_count
from medrepro.reproduce.papers.multiscale.ensemble import combine, grid_search
from medrepro.reproduce.plan.cell import Cell
from medrepro.reproduce.run.outcome import Context, Outcome, data_block, read_outcome
from medrepro.reproduce.run.training import fit, predict

IDS = ["sample_id", "patient_id", "label"]


def train(cell: Cell, context: Context) -> Outcome | None:
    """Train a classifier, predict the test part, and keep the validation predictions for ensembles."""

    def keep_validation(trained: ReproModule, seen: ReproDataModule) -> Mapping[str, float]:
        return write_validation(validation_path(cell), trained, seen)

    module = cell.config["module"]
    return fit(cell, lambda: MultiScaleModule(**module), datamodule(cell), context, extra_metrics=keep_validation)


def train_segmenter(cell: Cell, context: Context) -> Outcome | None:
    """Train a segmenter and measure the overlap of each test case."""
    module = cell.config["module"]
    return fit(cell, lambda: MultiScaleSegmenter(**module), datamodule(cell), context, evaluate=judge_masks)


def datamodule(cell: Cell) -> MultiScaleDataModule:
    """Return the cell's datamodule."""
    config = cell.config["data"]
    return MultiScaleDataModule(**config, cache_dir=cell.runtime.cache_dir)


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


def ensemble(cell: Cell, context: Context) -> Outcome:
    """Combine the cells needed (Eq. 4) by weights from the grid on validation; test probabilities come last."""
    del context
    validation = [_read(validation_path(member)) for member in cell.needs]
    labels = _same_samples(validation)["label"].to_numpy(dtype=np.int64)
    choice = grid_search(np.stack([frame["prob_1"].to_numpy(np.float64) for frame in validation]), labels)
    outcomes = [read_outcome(member) for member in cell.needs]
    test = [outcome.predictions for outcome in outcomes if outcome.predictions is not None]
    malignant = combine(choice.weights, np.stack([frame["prob_1"].to_numpy(np.float64) for frame in test]))
    frame = _same_samples(test).assign(prob_0=(1 - malignant).astype(np.float32), prob_1=malignant.astype(np.float32))
    scales = [member.config["data"].get("scale", 64) for member in cell.needs]
    weights = {f"weight/{scale}": float(weight) for scale, weight in zip(scales, choice.weights, strict=True)}
    return Outcome(
        data=outcomes[0].data,
        metrics={"validation/auc": choice.auc, "validation/evaluations": float(choice.evaluations), **weights},
        predictions=frame,
        parameters=sum(outcome.parameters or 0 for outcome in outcomes),
        macs=sum(outcome.macs or 0 for outcome in outcomes),
        marks=outcomes[0].marks,
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
