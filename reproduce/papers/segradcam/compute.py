"""Compute cells of the segradcam paper: trained, repeated from another table, classical, and parts of the network."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from medrepro.datamodules.features.handcrafted import FAMILIES
from medrepro.datamodules.segradcam import SEGradCAMDataModule
from medrepro.datamodules.support.array_store import kept_frame
from medrepro.datamodules.support.cache import cache_root
from medrepro.lightning_modules.segradcam import SEGradCAMModule
from medrepro.reproduce.papers.segradcam.counts import ANNOTATIONS
from medrepro.reproduce.papers.segradcam.protocol import KEY
from medrepro.reproduce.plan.cell import Cell
from medrepro.reproduce.plan.identity import code_sha256
from medrepro.reproduce.run.classical import fit_predict
from medrepro.reproduce.run.outcome import Context, Outcome, data_block, read_outcome
from medrepro.reproduce.run.training import fit
from medrepro.reproduce.run.trivial import predictions_frame


def datamodule(cell: Cell) -> SEGradCAMDataModule:
    """Return the cell's datamodule."""
    config = cell.config["data"]
    return SEGradCAMDataModule(**config, cache_dir=cell.runtime.cache_dir)


def train(cell: Cell, context: Context) -> Outcome | None:
    """Train the cell's network and predict the test part."""
    return fit(cell, lambda: SEGradCAMModule(**cell.config["module"]), datamodule(cell), context)


def repeat(cell: Cell, context: Context) -> Outcome:
    """Return the outcome of the network's cell once more; metrics are computed from its predictions again."""
    del context
    return replace(read_outcome(cell.needs[0]), metrics={})


def classical(cell: Cell, context: Context) -> Outcome:
    """Fit a classifier to handcrafted features of the training nodules, and predict the test nodules."""
    del context
    data = datamodule(cell)
    data.setup()
    choice, records = cell.config["module"], data.records
    families = list(FAMILIES) if choice["family"] == "all" else [choice["family"]]
    features = kept_features(data, families, cell.runtime.cache_dir)
    fitted, test = np.concatenate([data.parts.train, data.parts.val]), data.parts.test
    malignant = fit_predict(
        features.iloc[fitted],
        records.labels[fitted],
        records.patients[fitted],
        features.iloc[test],
        choice["classifier"],
        cell.seed,
    )
    frame = predictions_frame(data, np.stack([1 - malignant, malignant], axis=1))
    return Outcome(data=data_block(data), predictions=frame, metrics={"features/count": features.shape[1]})


def kept_features(data: SEGradCAMDataModule, families: Sequence[str], cache_dir: str | None = None) -> pd.DataFrame:
    """Return :meth:`SEGradCAMDataModule.handcrafted` of ``families``, one row per record of ``data``, which is set up.

    Raises:
        InputError: the data carry no masks, or the cache cannot be written.
    """
    return pd.concat([_family(data, family, cache_root(cache_dir) / "handcrafted") for family in families], axis=1)


def _family(data: SEGradCAMDataModule, family: str, folder: Path) -> pd.DataFrame:
    name = hashlib.sha256(f"{data.records.sha256} {family} {code_sha256(KEY)}".encode()).hexdigest()
    return kept_frame(folder / f"{family}-{name[:16]}.npz", lambda: data.handcrafted([family]))


def activation(cell: Cell, context: Context) -> Outcome:
    """Table 2: parameters and the output's channels, side and size of one part of the network for a 32^3 cube."""
    del context
    network = SEGradCAMModule(**cell.config["module"]).network.eval()
    part = network.get_submodule(cell.row)
    shapes: list[tuple[int, ...]] = []
    handle = part.register_forward_hook(lambda _part, _inputs, output: shapes.append(tuple(output.shape[1:])))
    with torch.no_grad():
        network(torch.zeros(1, 1, 32, 32, 32))
    handle.remove()
    shape = shapes[0]
    metrics = {
        "activation/channels": float(shape[0]),
        "activation/side": float(shape[1]) if len(shape) > 1 else 1.0,
        "activation/size": float(np.prod(shape)),
        "activation/parameters": float(sum(p.numel() for p in part.parameters())),
    }
    return Outcome(data=ANNOTATIONS, metrics=metrics)
