"""Compare LUNA16's published nodules (``annotations.csv``) with those of the annotation database.

The annotation database has no image origin, so in general only z can be compared; with a scan at hand,
:func:`medrepro.datamodules.lidc.scans.nodule_voxels` gives the place in 3-D.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from medrepro.datamodules.support.errors import InputError
from medrepro.datamodules.support.tables import line_of, read_table

ANNOTATIONS = "annotations.csv"
COLUMNS = ("seriesuid", "coordX", "coordY", "coordZ", "diameter_mm")
NEAR_MM = 5.0
MIN_READERS = 3  # LUNA16 publishes nodules of at least three


def read_annotations(path: Path) -> pd.DataFrame:
    """Read LUNA16's ``annotations.csv``.

    Returns:
        One row per nodule: ``series_uid``, ``z_mm``, ``y_mm``, ``x_mm`` (DICOM's), ``diameter_mm``.

    Raises:
        FileNotFoundError: it is not there.
        InputError: no CSV, a column is missing, or a cell is no number.
    """
    table = read_table(path, COLUMNS, f"LUNA16's {ANNOTATIONS} must lie in the folder of the subsets")
    numbers = table[list(COLUMNS[1:])].apply(pd.to_numeric, errors="coerce")
    bad = ~np.isfinite(numbers.to_numpy(dtype=np.float64)).all(axis=1)
    if bad.any():
        raise InputError(f"{path} line {line_of(bad.argmax())}: a coordinate or diameter is not a number")
    names = {"z_mm": "coordZ", "y_mm": "coordY", "x_mm": "coordX", "diameter_mm": "diameter_mm"}
    columns = {name: numbers[column] for name, column in names.items()}
    return pd.DataFrame({"series_uid": table["seriesuid"], **columns})


def matched(table: pd.DataFrame, annotations: pd.DataFrame, near_mm: float = NEAR_MM) -> pd.DataFrame:
    """Match every published nodule with the one of ours in its scan that is nearest in z.

    Args:
        table: nodules of ours, as :func:`medrepro.datamodules.lidc.nodules.nodules` gives them.
        annotations: as :func:`read_annotations` gives them.
        near_mm: what counts as the same height.

    Returns:
        ``annotations`` with ``nodule_id``, ``distance_z_mm`` and our ``our_diameter_mm``; missing where none is near.
    """
    by_scan = {str(uid): group for uid, group in table.groupby("series_uid")}
    rows = []
    for _, published in annotations.iterrows():
        ours = by_scan.get(str(published["series_uid"]))
        if ours is None:
            rows.append((None, np.nan, np.nan))
            continue
        distances = np.abs(ours["centroid_z_mm"].to_numpy() - float(published["z_mm"]))
        nearest = int(distances.argmin())
        near = distances[nearest] <= near_mm
        one = ours.iloc[nearest]
        rows.append((one["nodule_id"], distances[nearest], one["diameter_mm"]) if near else (None, np.nan, np.nan))
    found = pd.DataFrame(rows, columns=["nodule_id", "distance_z_mm", "our_diameter_mm"], index=annotations.index)
    return pd.concat([annotations, found], axis=1)


def agreement(annotations: pd.DataFrame, table: pd.DataFrame) -> dict[str, object]:
    """Compare published nodules with prepared ones in 3-D, for the data card.

    Args:
        annotations: as :func:`read_annotations` gives them.
        table: prepared nodules with ``series``, ``n_readers`` and ``world_z_mm``, ``world_y_mm``, ``world_x_mm``.
    """
    ours = table[table["n_readers"] >= MIN_READERS]
    places = {str(uid): group for uid, group in ours.groupby("series")}
    lost, distances = [], []
    chosen = annotations[annotations["series_uid"].isin(set(table["series"]))]
    for _, published in chosen.iterrows():
        point = published[["z_mm", "y_mm", "x_mm"]].to_numpy(dtype=np.float64)
        group = places.get(str(published["series_uid"]), ours.iloc[:0])
        away = np.linalg.norm(group[["world_z_mm", "world_y_mm", "world_x_mm"]].to_numpy() - point, axis=1)
        distance = float(away.min(initial=np.inf))
        if distance > NEAR_MM:
            lost.append({"series_uid": str(published["series_uid"]), "zyx_mm": [round(v, 2) for v in point.tolist()]})
        else:
            distances.append(distance)
    return {
        "published nodules of these scans": len(chosen),
        f"with one of ours within {NEAR_MM:g} mm": len(distances),
        "median distance in mm": round(float(np.median(distances)), 3) if distances else None,
        "unmatched": lost,
    }
