"""Find the scans of LIDC-IDRI (DICOM) or LUNA16 (``.mhd``) below a folder, and where a nodule lies in one."""

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from medrepro.datamodules.ct.dicom import read_slices, scan_dicom
from medrepro.datamodules.ct.files import read_itk, voxel_files
from medrepro.datamodules.ct.search import existing_folder, find_series
from medrepro.datamodules.ct.volume import CT, Floats
from medrepro.datamodules.lidc.database import database_path, read_database
from medrepro.datamodules.lidc.nodules import consensus_mask
from medrepro.datamodules.support.errors import InputError

SPACING_TOLERANCE = 0.02  # of a voxel's side: what the database rounds away
MIN_NODULES = 20  # fewer cannot be trained on


@functools.lru_cache(maxsize=1)
def all_scans() -> dict[str, str]:
    """Return series uid -> patient of all scans in the annotation database, with nodules or without."""
    scans = read_database(database_path()).scans
    return dict(zip(scans["series_uid"], scans["patient_id"], strict=True))


@dataclass(frozen=True)
class KnownScans:
    """The scans below a folder that the annotation database knows.

    Attributes:
        files: series uid -> its DICOM files, or a MetaImage header with its voxels.
        others: number of further series.
        unreadable: (file relative to the folder, reason).
    """

    files: dict[str, list[Path]]
    others: int
    unreadable: tuple[tuple[str, str], ...] = ()


def dicom_scans(root: Path, workers: int = 1, quiet: bool = False) -> KnownScans:
    """Find the DICOM series of LIDC-IDRI below ``root``.

    Raises:
        FileNotFoundError: there is no such folder.
        InputError: there is no DICOM file in it.
    """
    found = find_series(root, workers, quiet)
    known = {one.uid: one.files for one in found.of_modality("CT") if one.uid in all_scans()}
    return KnownScans(known, len(found.series) - len(known), found.unreadable)


def metaimage_scans(root: Path) -> KnownScans:
    """Find the ``.mhd`` files of LUNA16 below ``root``, named by their series, with their ``.raw`` or ``.zraw``."""
    headers = sorted(file for file in root.rglob("*.mhd") if file.is_file())
    known = {file.stem: [file, *voxel_files(file)] for file in headers if file.stem in all_scans()}
    return KnownScans(known, len(headers) - len(known))


def read_scan(files: Sequence[Path], series_uid: str) -> CT:
    """Read one of :class:`KnownScans`, with the axes of its files: the annotations count the files' pixels."""
    if files[0].suffix == ".mhd":
        return read_itk(files[0])
    return read_slices(scan_dicom(files).series[series_uid])


def nodule_voxels(
    scan: CT, nodule: "pd.Series[float]", cache_dir: str | None = None
) -> tuple[Floats, Floats, npt.NDArray[np.bool_]]:
    """Return a nodule's centre in voxels of its scan, the voxel index where its outline begins, and the outline.

    The table's y and x are pixels of the files times the spacing; its z is the scanner's, so the slice follows from
    where the scan's slices lie.

    Raises:
        InputError: the scan has other spacings than the database says: it is another scan, or resampled.
    """
    mask, _, native = consensus_mask(str(nodule["nodule_id"]), cache_dir)
    y, x = float(nodule["centroid_y_mm"]) / native[1], float(nodule["centroid_x_mm"]) / native[2]
    low, high = scan.to_world([[0, y, x], [1, y, x]])[:, 0]
    ours = (abs(high - low), *scan.spacing[1:])
    if any(abs(a - b) > SPACING_TOLERANCE * b for a, b in zip(ours, native, strict=True)):
        raise InputError(
            f"voxels of {ours[0]:.3f} x {ours[1]:.3f} x {ours[2]:.3f} mm (z, y, x); the annotations were drawn on "
            f"{native[0]:.3f} x {native[1]:.3f} x {native[2]:.3f} mm: give the original series"
        )
    centre = np.array([(float(nodule["centroid_z_mm"]) - low) / (high - low), y, x])
    if high < low:  # slices stored from the head down: so is the outline
        mask = mask[::-1]
    return centre, centre - np.argwhere(mask).mean(axis=0), mask


def scan_cubes(
    root: Path, table: pd.DataFrame, side: int, spacing: float, cache_dir: str | None = None
) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.int64]]:
    """Cut every nodule whose scan is below ``root``: DICOM series, or the ``.mhd`` of LUNA16.

    Args:
        root: searched for scans, each read once.
        table: rows of the nodule table.
        side: voxels of a cube.
        spacing: mm between them.
        cache_dir: where the nodule table is kept.

    Returns:
        Cubes int16 ``(n, side, side, side)`` and the positions in ``table`` of their nodules, rising.

    Raises:
        FileNotFoundError: there is no such folder, or none of the scans in it.
        InputError: a file cannot be read, a scan is resampled or incomplete, or there are too few nodules.
    """
    found = _known_scans(existing_folder(root, "--data-root"))
    if found.unreadable:
        file, reason = found.unreadable[0]
        raise InputError(f"{root}: {len(found.unreadable)} files cannot be read, such as {file}: {reason}")
    table = table.reset_index(drop=True)
    cubes = dict(sorted(_cubes(found, table, side, spacing, cache_dir)))
    if not cubes:
        raise FileNotFoundError(
            f"{root}: none of the {table['series_uid'].nunique()} LIDC-IDRI scans is there "
            f"({len(found.files) + found.others} CT series found); download the collection LIDC-IDRI from TCIA and "
            "give its folder by --data-root"
        )
    if len(cubes) < MIN_NODULES:
        raise InputError(f"{root}: only {len(cubes)} nodules found, too few to train on; add scans")
    return np.stack(list(cubes.values())), np.array(list(cubes), dtype=np.int64)


def _known_scans(root: Path) -> KnownScans:
    found = metaimage_scans(root)
    if found.files:
        return found
    try:
        return dicom_scans(root)
    except InputError:  # no DICOM file at all: none of the scans is there
        return found


def _cubes(
    found: KnownScans, table: pd.DataFrame, side: int, spacing: float, cache_dir: str | None
) -> Iterator[tuple[int, npt.NDArray[np.int16]]]:
    """Yield the position in ``table`` and the cube of each nodule, scan by scan."""
    for uid, rows in table[table["series_uid"].isin(found.files)].groupby("series_uid"):
        files = found.files[str(uid)]
        try:
            scan = read_scan(files, str(uid))
            for position, nodule in rows.iterrows():
                centre = scan.to_world(nodule_voxels(scan, nodule, cache_dir)[0])
                yield int(str(position)), scan.crop(centre, (side,) * 3, spacing)
        except InputError as error:
            raise InputError(f"{files[0].parent}: {error}") from error
