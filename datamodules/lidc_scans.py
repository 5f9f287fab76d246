"""Nodules cut out of the LIDC-IDRI scans themselves, where the annotations say.

In: a folder with the scans' DICOM files, as TCIA delivers them, and rows of the nodule table; out: cubes of HU.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from datamodules.ct_volume import CTVolume, Point, dicom_series, read_series
from datamodules.errors import InputError


def nodule_centre(volume: CTVolume, nodule: "pd.Series[float]") -> Point:
    """Return a nodule's centre as voxel indices (z, y, x).

    The table's z is the scanner's; its y and x are pixels times the spacing, as the database knows no origin.
    """
    row, column = volume.pixel_mm
    z = volume.index_of_z(float(nodule["centroid_z_mm"]))
    return z, float(nodule["centroid_y_mm"]) / row, float(nodule["centroid_x_mm"]) / column


def scan_cubes(
    root: Path, table: pd.DataFrame, side: int, spacing: float
) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.int64]]:
    """Cut every nodule whose scan is below ``root``.

    Args:
        root: searched for DICOM files, each scan read once.
        table: rows of the nodule table.
        side: voxels of a cube.
        spacing: mm between them.

    Returns:
        Cubes int16 ``(n, side, side, side)`` and the positions in ``table`` of their nodules, rising.

    Raises:
        FileNotFoundError: none of the scans is there.
    """
    series = dicom_series(sorted(root.rglob("*.dcm")))
    cubes: dict[int, npt.NDArray[np.int16]] = {}
    for uid, nodules in table.reset_index(drop=True).groupby("series_uid"):
        if uid not in series:
            continue
        volume = read_series(series[str(uid)])
        for position, nodule in nodules.iterrows():
            cubes[int(str(position))] = volume.cube(nodule_centre(volume, nodule), side, spacing)
    if not cubes:
        wanted = table["series_uid"].nunique()
        raise FileNotFoundError(
            f"{root}: none of the {wanted} LIDC-IDRI scans is there ({len(series)} DICOM series found); "
            "download the collection LIDC-IDRI from TCIA and give its folder by --data-root"
        )
    found = np.array(sorted(cubes), dtype=np.int64)
    if len(found) < 20:
        raise InputError(f"{root}: only {len(found)} nodules found, too few to train on; add scans")
    return np.stack([cubes[int(position)] for position in found]), found
