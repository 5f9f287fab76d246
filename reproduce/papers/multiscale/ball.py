"""Measure what stands below the segmenters: a ball at the centre, of one size or of the known diameter."""

import numpy as np
import numpy.typing as npt
import torch
from monai.metrics.meandice import compute_dice
from monai.metrics.meaniou import compute_iou
from torch import Tensor

from medrepro.datamodules.multiscale import MultiScaleDataModule
from medrepro.lightning_modules.multiscale import truth
from medrepro.reproduce.plan.cell import Cell
from medrepro.reproduce.run.outcome import Context, Outcome, data_block

IDS = ["sample_id", "patient_id", "label", "nodule_id", "diameter_mm"]
STEP = 0.5  # voxels between the radii that are tried
BATCH = 64  # cases at a time


def ball(cell: Cell, context: Context) -> Outcome:
    """Choose the one radius on the fold's other nodules, or take each nodule's own, and measure the test part."""
    del context
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
