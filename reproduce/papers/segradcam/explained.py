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
METHODS: dict[str, tuple[Method, int]] = {  # row -> (method, coarse or fine layer)
    "gaussian-centre": ("gaussian-centre", 0),
    "grad-cam": ("grad-cam", 0),
    "grad-cam-plus-plus": ("grad-cam++", 0),
    "grad-cam-plus-plus-fine": ("grad-cam++", 1),
    "guided-backprop": ("guided-backprop", 0),
    "deconvolution": ("deconvolution", 0),
    "guided-grad-cam-plus-plus": ("guided-grad-cam++", 1),
    "occlusion": ("occlusion", 0),
}


def explain(cell: Cell, context: Context) -> Outcome:
    """Explain the predicted class of some test nodules by the network that the cell needs, and measure the maps."""
    del context
    data = datamodule(cell)
    data.setup()
    module = _trained(cell.needs[0])
    settings = cell.config["module"]
    index = chosen_nodules(data, settings["nodules"], cell.seed, cell.fold)
    x, masks = data.images[index], torch.from_numpy(data.masks(index))
    with torch.no_grad():
        probability = module.probabilities(x)
    target = probability.argmax(dim=1)
    method, depth = METHODS[cell.row]
    layer = settings["layers"][depth]
    started = time.monotonic()
    heat = explainer(module.network, method, layer)(x, target)
    seconds = (time.monotonic() - started) / len(x)
    similarity = trust.randomisation_similarity(lambda net: explainer(net, method, layer), module.network, x, target)
    measures = {
        "pointing": trust.pointing_game(heat, masks),
        "energy": trust.energy_in_mask(heat, masks),
        "iou": trust.best_iou(heat, masks),
        "deletion": trust.deletion_auc(module.network, x, heat, target, STEPS),
        "insertion": trust.insertion_auc(module.network, x, heat, target, STEPS),
        "randomised": similarity,
    }
    table = data.records.table.iloc[index].reset_index(drop=True)
    frame = table[["sample_id", "patient_id", "nodule_id", "label", "diameter_mm"]].copy()
    frame["prob_0"], frame["prob_1"] = probability[:, 0].numpy(), probability[:, 1].numpy()
    for name, values in measures.items():
        frame[name] = values.numpy().astype(np.float64)
    keep_maps(cell.path.with_suffix(".maps.npz"), table, probability, x, masks, heat)
    counts = {"n_samples": {"test": len(index)}, "n_patients": {"test": table["patient_id"].nunique()}}
    return Outcome(
        data={**data_block(data), **counts}, predictions=frame, metrics={"explain/seconds": round(seconds, 4)}
    )


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
