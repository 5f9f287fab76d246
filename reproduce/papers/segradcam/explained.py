"""Explain nodules of one test fold by one method, and measure how far its maps can be trusted.

The result has one row per nodule with every measure; the maps of some nodules are kept for figures.
"""

import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from medrepro.datamodules.segradcam import SEGradCAMDataModule
from medrepro.datamodules.support.cache import atomic_write
from medrepro.datamodules.support.errors import InputError
from medrepro.lightning_modules.explain import trust
from medrepro.lightning_modules.segradcam import Method, SEGradCAMModule, explainer
from medrepro.reproduce.papers.segradcam.compute import datamodule
from medrepro.reproduce.plan.cell import Cell
from medrepro.reproduce.run.outcome import Context, Outcome, data_block

STEPS = 8  # of deletion and insertion
KEPT = 2  # nodules of each class, right and wrong, whose maps are kept for the figures
TOLERANCE = 2  # voxels by which the hottest may miss the mask: 15 pixels in the source's images of 224 to 500
MALIGNANT = "-malignant"  # ends a row that explains the malignant class whatever is predicted
METHODS: dict[str, tuple[Method, int]] = {  # row -> (method, coarse or fine layer)
    "gaussian-centre": ("gaussian-centre", 0),
    "grad-cam": ("grad-cam", 0),
    "grad-cam-plus-plus": ("grad-cam++", 0),
    "grad-cam-plus-plus-malignant": ("grad-cam++", 0),
    "grad-cam-plus-plus-fine": ("grad-cam++", 1),
    "guided-backprop": ("guided-backprop", 0),
    "deconvolution": ("deconvolution", 0),
    "guided-grad-cam-plus-plus": ("guided-grad-cam++", 1),
    "occlusion": ("occlusion", 0),
}


def explain(cell: Cell, context: Context) -> Outcome:
    """Explain a class of some test nodules by the network that the cell needs, and measure the maps."""
    del context
    data, module, index = _chosen(cell)
    x, masks = data.images[index], torch.from_numpy(data.masks(index))
    with torch.no_grad():
        probability = module.probabilities(x)
    predicted = probability.argmax(dim=1)
    target = torch.ones_like(predicted) if cell.row.endswith(MALIGNANT) else predicted
    method, depth = METHODS[cell.row]
    layer = cell.config["module"]["layers"][depth]
    started = time.monotonic()
    heat = explainer(module.network, method, layer)(x, target)
    seconds = (time.monotonic() - started) / len(x)
    similarity = trust.randomisation_similarity(lambda net: explainer(net, method, layer), module.network, x, target)
    measures = {
        "pointing": trust.pointing_game(heat, masks, TOLERANCE),
        "energy": trust.energy_in_mask(heat, masks),
        "iou": trust.best_iou(heat, masks),
        "deletion": trust.deletion_auc(module.network, x, heat, target, STEPS),
        "insertion": trust.insertion_auc(module.network, x, heat, target, STEPS),
        "insertion-blur": trust.insertion_auc(module.network, x, heat, target, STEPS, reference="blur"),
        "randomised": similarity.abs(),
    }
    table = data.records.table.iloc[index].reset_index(drop=True)
    keep_maps(cell.path.with_suffix(".maps.npz"), table, probability, x, masks, heat)
    return _outcome(data, index, probability, measures, {"explain/seconds": round(seconds, 4)})


def ceiling(cell: Cell, context: Context) -> Outcome:
    """Measure the best that any map of the coarse layer could reach on the same nodules."""
    del context
    data, module, index = _chosen(cell)
    x, masks = data.images[index], torch.from_numpy(data.masks(index))
    sides: list[tuple[int, ...]] = []
    layer = module.network.get_submodule(cell.config["module"]["layers"][0])
    handle = layer.register_forward_hook(lambda _part, _inputs, output: sides.append(tuple(output.shape[2:])))
    with torch.no_grad():
        probability = module.probabilities(x)
    handle.remove()
    pointing, energy = trust.ceilings(masks, sides[0], TOLERANCE)
    return _outcome(data, index, probability, {"pointing": pointing, "energy": energy}, {"map/cells": sides[0][0]})


def _chosen(cell: Cell) -> tuple[SEGradCAMDataModule, SEGradCAMModule, npt.NDArray[np.int64]]:
    """Return the data, the trained network and the positions of the nodules that a cell explains."""
    data = datamodule(cell)
    data.setup()
    index = chosen_nodules(data, cell.config["module"]["nodules"], cell.seed, cell.fold)
    return data, _trained(cell.needs[0]), index


def _outcome(
    data: SEGradCAMDataModule,
    index: npt.NDArray[np.int64],
    probability: Tensor,
    measures: dict[str, Tensor],
    metrics: dict[str, float],
) -> Outcome:
    table = data.records.table.iloc[index].reset_index(drop=True)
    frame = table[["sample_id", "patient_id", "nodule_id", "label", "diameter_mm"]].copy()
    frame["prob_0"], frame["prob_1"] = probability[:, 0].numpy(), probability[:, 1].numpy()
    for name, values in measures.items():
        frame[name] = values.numpy().astype(np.float64)
    counts = {"n_samples": {"test": len(index)}, "n_patients": {"test": table["patient_id"].nunique()}}
    return Outcome(data={**data_block(data), **counts}, predictions=frame, metrics=metrics)


def _trained(cell: Cell) -> SEGradCAMModule:
    """Return the network of a finished cell.

    Raises:
        InputError: it is gone.
    """
    path = cell.work_dir / "model.ckpt"
    if not path.is_file():
        raise InputError(f"the network {path} is gone: delete {cell.path} and run again, so that it is trained again")
    return SEGradCAMModule.load_from_checkpoint(path, weights_only=True, map_location="cpu").eval()


def chosen_nodules(data: SEGradCAMDataModule, count: int, seed: int, fold: int) -> npt.NDArray[np.int64]:
    """Return positions of test nodules, as many of each class, drawn by seed and fold alone."""
    generator = np.random.default_rng([seed, fold, 3])
    test = data.parts.test
    labels = data.records.labels[test]
    drawn = [generator.permutation(test[labels == value])[: count // 2] for value in (0, 1)]
    found: npt.NDArray[np.int64] = np.sort(np.concatenate(drawn))
    return found


def keep_maps(path: Path, table: Any, probability: Tensor, x: Tensor, masks: Tensor, heat: Tensor) -> None:
    """Keep cubes, masks and maps of a few nodules, right and wrong, of both classes; 8 bit."""
    labels, predicted = table["label"].to_numpy(), probability.argmax(dim=1).numpy()
    groups = [np.flatnonzero((labels == value) & (predicted == said)) for value in (0, 1) for said in (0, 1)]
    kept = np.concatenate([group[:KEPT] for group in groups])
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(
            file,
            sample_id=table["sample_id"].to_numpy(dtype=str)[kept],
            label=labels[kept],
            probability=probability.numpy()[kept],
            diameter_mm=table["diameter_mm"].to_numpy(dtype=np.float64)[kept],
            image=(255 * x[kept, 0]).round().numpy().astype(np.uint8),
            mask=masks[kept].numpy(),
            heat=(255 * heat[kept]).round().numpy().astype(np.uint8),
        )
