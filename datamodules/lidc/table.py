"""The nodule table and the consensus masks, made once from the annotation database and kept in the cache.

Nothing derived is shipped: the first call makes one file in a few seconds, later calls read it.
"""

import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from medrepro.datamodules.lidc.database import RATINGS, Database, database_path, database_stamp, read_database
from medrepro.datamodules.lidc.grouping import cluster_database
from medrepro.datamodules.lidc.masks import BoolArray, FilledContours, consensus, fill_contours, largest_diameters
from medrepro.datamodules.support.array_store import Arrays, kept_arrays
from medrepro.datamodules.support.cache import cache_root
from medrepro.datamodules.support.errors import InputError

TABLE_VERSION = 1  # raise it when a column or a rule changes: older caches are then made again
_NO_CALCIFICATION = 6  # LIDC: "absent"
_SOFT_TISSUE = 1  # LIDC: internal structure of nearly every nodule
_ARRAYS = ("bits", "starts", "shapes", "origins")
_COLUMN = "column_"  # before the name of a column


@dataclass(frozen=True)
class NoduleStore:
    """All nodules of the database.

    Attributes:
        table: one row per nodule; its columns are listed at :func:`medrepro.datamodules.lidc.nodules.nodules`.
        bits: every consensus mask, flattened and packed eight voxels per byte, one after the other.
        starts: (N + 1,) first byte of each mask in ``bits``.
        shapes: (N, 3) mask shapes (D, H, W).
        origins: (N, 3) index of each mask's first voxel in its scan: slice, row, column.
    """

    table: pd.DataFrame
    bits: NDArray[np.uint8]
    starts: NDArray[np.int64]
    shapes: NDArray[np.int64]
    origins: NDArray[np.int64]

    def row(self, nodule_id: str) -> int:
        """Position of a nodule in the table.

        Raises:
            InputError: no nodule has this id.
        """
        if nodule_id not in self._rows:
            raise InputError(
                f"no LIDC nodule is called {nodule_id!r}; take the ids from "
                "medrepro.datamodules.lidc.nodules.nodules(), "
                f"the first is {self.table['nodule_id'].iloc[0]!r}"
            )
        return self._rows[nodule_id]

    @functools.cached_property
    def _rows(self) -> dict[str, int]:
        return {str(nodule_id): row for row, nodule_id in enumerate(self.table["nodule_id"])}

    def mask(self, row: int) -> BoolArray:
        """Consensus mask (D, H, W) of the nodule in ``row``."""
        shape = self.shapes[row]
        packed = self.bits[self.starts[row] : self.starts[row + 1]]
        return np.unpackbits(packed, count=int(shape.prod())).astype(bool).reshape(tuple(shape))


def load_store(cache_dir: str | Path | None = None) -> NoduleStore:
    """Return the store of all nodules: from this process, from the cache, or made from the database.

    Raises:
        InputError: the database is missing or the cache folder cannot be written.
    """
    source = database_path()
    stamp = f"v{TABLE_VERSION} {database_stamp(source)}"
    return _cached_store(source, cache_root(cache_dir) / "lidc-nodules.npz", stamp)


@functools.lru_cache(maxsize=4)
def _cached_store(source: Path, path: Path, stamp: str) -> NoduleStore:
    arrays = kept_arrays(path, lambda: _arrays(build_store(read_database(source))), stamp)
    columns = {name.removeprefix(_COLUMN): values for name, values in arrays.items() if name.startswith(_COLUMN)}
    return NoduleStore(table=pd.DataFrame(columns), **{name: arrays[name] for name in _ARRAYS})


def _arrays(store: NoduleStore) -> Arrays:
    """Return columns and masks as plain arrays."""
    columns = {f"{_COLUMN}{name}": _plain(store.table[name]) for name in store.table.columns}
    return columns | {name: getattr(store, name) for name in _ARRAYS}


def _plain(column: "pd.Series[str] | pd.Series[float]") -> NDArray[np.generic]:
    """Return the values as an array that needs no pickle: text as fixed-width unicode."""
    values = column.to_numpy()
    return values if values.dtype.kind in "biuf" else np.array(values.tolist(), dtype=np.str_)


def build_store(database: Database) -> NoduleStore:
    """Cluster the annotations, take each nodule's consensus and measure it."""
    clusters = cluster_database(database)
    filled = fill_contours(database.points, database.contour_start)
    masks = [consensus(database, filled, cluster) for cluster in clusters]
    packed = [np.packbits(mask) for mask, _ in masks]
    return NoduleStore(
        table=_table(database, filled, clusters, masks),
        bits=np.concatenate(packed),
        starts=np.concatenate([[0], np.cumsum([len(bits) for bits in packed])]),
        shapes=np.array([mask.shape for mask, _ in masks], dtype=np.int64),
        origins=np.array([origin for _, origin in masks], dtype=np.int64),
    )


def _table(
    database: Database,
    filled: FilledContours,
    clusters: list[list[int]],
    masks: list[tuple[BoolArray, tuple[int, int, int]]],
) -> pd.DataFrame:
    scan_ids = database.annotations["scan_id"].to_numpy()[[cluster[0] for cluster in clusters]]
    scans = database.scans.set_index("scan_id").loc[scan_ids].reset_index()
    table = scans[["scan_id", "patient_id", "series_uid"]].copy()
    table.insert(0, "nodule_id", _nodule_ids(scans))
    table["n_readers"] = [len(cluster) for cluster in clusters]
    _add_ratings(table, database.annotations, clusters)
    table["pixel_spacing_mm"] = scans["pixel_spacing"]
    table["slice_thickness_mm"] = scans["slice_thickness"]
    spacing = {scan: database.slice_spacing(scan) for scan in set(scan_ids.tolist())}
    table["slice_spacing_mm"] = scans["scan_id"].map(spacing)
    _add_measures(table, database, filled, clusters, masks)
    table["contrast_used"] = scans["contrast_used"]
    table["is_from_initial"] = scans["is_from_initial"]
    ids = database.annotations["annotation_id"].to_numpy()
    table["annotation_ids"] = [",".join(str(ids[row]) for row in cluster) for cluster in clusters]
    return table


def _nodule_ids(scans: pd.DataFrame) -> list[str]:
    """Name nodules by patient, scan and rank in the scan from the lowest slice up."""
    rank = scans.groupby("scan_id").cumcount()
    columns = zip(scans["patient_id"], scans["scan_id"], rank, strict=True)
    return [f"{patient}_s{scan:04d}_n{number:02d}" for patient, scan, number in columns]


def _add_ratings(table: pd.DataFrame, annotations: pd.DataFrame, clusters: list[list[int]]) -> None:
    malignancy = annotations["malignancy"].to_numpy()
    table["malignancy_mean"] = [float(malignancy[cluster].mean()) for cluster in clusters]
    table["malignancy_median"] = [float(np.median(malignancy[cluster])) for cluster in clusters]
    table["malignancy_ratings"] = [",".join(map(str, malignancy[cluster])) for cluster in clusters]
    for name in RATINGS[:-1]:
        values = annotations[name].to_numpy()
        table[name] = [float(values[cluster].mean()) for cluster in clusters]
    for name, usual in (("calcification", _NO_CALCIFICATION), ("internal_structure", _SOFT_TISSUE)):
        values = annotations[name].to_numpy()
        table[f"{name}_class"] = [majority(values[cluster], usual) for cluster in clusters]


def majority(values: NDArray[np.int64], usual: int) -> int:
    """Most frequent category; among equals ``usual`` if it is one of them, else the lowest."""
    counts = np.bincount(values, minlength=usual + 1)
    return usual if counts[usual] == counts.max() else int(counts.argmax())


def _add_measures(
    table: pd.DataFrame,
    database: Database,
    filled: FilledContours,
    clusters: list[list[int]],
    masks: list[tuple[BoolArray, tuple[int, int, int]]],
) -> None:
    pixel, depth = table["pixel_spacing_mm"].to_numpy(), table["slice_spacing_mm"].to_numpy()
    diameters = largest_diameters(database, filled)
    table["diameter_mm"] = [float(diameters[cluster].mean()) for cluster in clusters] * pixel
    table["volume_mm3"] = [int(mask.sum()) for mask, _ in masks] * (pixel**2 * depth)
    centres = np.array([np.argwhere(mask).mean(axis=0) + origin for mask, origin in masks])
    heights = [
        np.interp(centre, np.arange(len(database.z_values[scan])), database.z_values[scan])
        for scan, centre in zip(table["scan_id"], centres[:, 0], strict=True)
    ]
    table["centroid_z_mm"] = np.array(heights)
    table["centroid_y_mm"] = centres[:, 1] * pixel
    table["centroid_x_mm"] = centres[:, 2] * pixel
