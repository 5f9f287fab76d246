"""Prepare NSCLC Radiogenomics (CT, SEG, clinical CSV): 64 x 64 slices through every tumour with its EGFR status.

A tumour is what its segmentation marks; the slices lie 1 mm apart, centred on it.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from medrepro.datamodules.ct.dicom import read_slices, scan_dicom
from medrepro.datamodules.ct.outlines import read_segmentation, referenced_series
from medrepro.datamodules.ct.search import Found, FoundSeries, existing_folder, find_series
from medrepro.datamodules.ct.volume import CT, Floats
from medrepro.datamodules.features.clinical import (
    AGE,
    CT_TO_SURGERY,
    EGFR,
    HISTOLOGY,
    PATIENT,
    SEX,
    SMOKING,
    known_status,
    read_clinical,
)
from medrepro.datamodules.prepare.lidc import about_scan
from medrepro.datamodules.prepare.units import Part, Plan, Row, Unit
from medrepro.datamodules.support.errors import InputError

STATUS = {"Wildtype": 0, "Mutant": 1}
COLUMNS = {"age": AGE, "sex": SEX, "smoking": SMOKING, "histology": HISTOLOGY, "days_ct_to_surgery": CT_TO_SURGERY}
EXPECTED_SLICES = 40  # per tumour, to estimate the disk space needed
ABOUT: Row = {
    "licence": "CC BY 3.0",
    "citation": "Bakr et al., A radiogenomic dataset of non-small cell lung cancer, Scientific Data 5 (2018) 180202",
    "unit": "HU",
    "classes": ["wild type", "mutant"],
}


@dataclass(frozen=True)
class TumourUnit(Unit):
    """One CT, the segmentation of its tumour, and the patient's row of the clinical table.

    Attributes:
        seg: the segmentation; the last of ``files``.
        label: 0 wild type, 1 mutant.
        clinical: columns of the table.
        size: pixels along each side of a slice.
        spacing: mm between pixels and between slices.
    """

    seg: Path
    label: int
    clinical: Row
    size: int
    spacing: float

    def read(self) -> Part:
        """Read both and cut the slices that the tumour touches."""
        scan = read_slices(next(iter(scan_dicom(file for file in self.files if file != self.seg).series.values())))
        mask = read_segmentation(self.seg, scan)
        images, outlines, heights = tumour_slices(scan, mask, self.size, self.spacing)
        voxel = float(np.prod(scan.spacing))
        shared = {
            "patient_id": self.patient_id,
            "label": self.label,
            "cohort": "nsclc",
            "nodule_id": f"{self.patient_id}_tumour",
            "diameter_mm": round((6 * int(mask.sum()) * voxel / np.pi) ** (1 / 3), 3),  # of a sphere as large
            "volume_mm3": round(int(mask.sum()) * voxel, 1),
            **self.clinical,
        }
        rows = [
            {
                "sample_id": f"{self.patient_id}_z{number:03d}",
                "z_mm": round(z, 3),
                "mask_pixels": int(m.sum()),
                **shared,
            }
            for number, (z, m) in enumerate(zip(heights, outlines, strict=True))
        ]
        return Part(images, outlines, rows, about_scan(scan))


def tumour_slices(
    scan: CT, mask: "np.ndarray", size: int, spacing: float
) -> tuple["np.ndarray", "np.ndarray", list[float]]:
    """Return HU ``(n, size, size)``, outlines and heights of the planes through a mask, lowest first.

    Args:
        scan: the CT.
        mask: bool of its shape.
        size: pixels along each side.
        spacing: mm between pixels and planes.
    """
    marked = np.argwhere(mask)
    places = scan.to_world(marked)
    centre: Floats = places.mean(axis=0)
    first, last = marked.min(axis=0), marked.max(axis=0) + 1
    reach = np.abs(places[:, 0] - centre[0]).max() + np.abs(scan.steps[0]).sum()
    shape = (2 * int(np.ceil(reach / spacing)) + 1, size, size)
    box = mask[tuple(slice(a, b) for a, b in zip(first, last, strict=True))]
    outline = scan.crop_mask(box, first, centre, shape, spacing)
    kept = np.flatnonzero(outline.any(axis=(1, 2)))
    if not len(kept):
        raise InputError("the segmentation is too thin for a slice of 1 mm pixels")
    heights = (centre[0] + (kept - (shape[0] - 1) / 2) * spacing).tolist()
    return scan.crop(centre, shape, spacing)[kept], outline[kept], heights


def nsclc_plan(source: Path, size: int, spacing: float, clinical: Path | None, workers: int, quiet: bool) -> Plan:
    """Plan the patients below ``source`` with known EGFR status, a CT and a segmentation.

    Args:
        source: folder of the DICOM files.
        size: pixels of a slice.
        spacing: mm.
        clinical: the clinical table; by default the only CSV in ``source``.
        workers: processes that read headers.
        quiet: no progress.

    Raises:
        FileNotFoundError: there is no such folder, or no clinical table.
        InputError: no patient can be prepared.
    """
    table = read_clinical(clinical or _only_csv(existing_folder(source)))
    known = {str(row[PATIENT]): row for _, row in known_status(table).iterrows()}
    found = find_series(source, workers, quiet)
    units: list[TumourUnit] = []
    bad = list(found.unreadable)
    for seg in found.of_modality("SEG"):
        if seg.patient_id not in known:
            continue
        try:
            units.append(_unit(source, seg, found, known[seg.patient_id], size, spacing))
        except InputError as error:
            bad.append((seg.uid, " ".join(str(error).split()).replace(f"{source}/", "")))
    units, twice = _one_each(units)
    bad += twice
    if not units:
        raise InputError(
            f"{source}: none of its patients has a CT, a segmentation and a known EGFR status "
            f"({len(found.of_modality('CT'))} CT, {len(found.of_modality('SEG'))} SEG, {len(known)} patients of known "
            f"status){'; ' + bad[0][0] + ': ' + bad[0][1] if bad else ''}"
        )
    counts = {
        "patients in the clinical table": len(table),
        "of known EGFR status": len(known),
        "CT series": len(found.of_modality("CT")),
        "segmentations": len(found.of_modality("SEG")),
        "patients with all": len(units),
    }
    settings = {"size": size, "spacing_mm": spacing}
    return Plan("nsclc", settings, (size, size), tuple(units), tuple(bad), ABOUT | {"counts": counts})


def _only_csv(source: Path) -> Path:
    tables = sorted(source.glob("*.csv"))
    if len(tables) != 1:
        raise FileNotFoundError(f"{source} holds {len(tables)} CSV files; name the clinical table by --clinical-csv")
    return tables[0]


def _unit(
    source: Path, seg: FoundSeries, found: Found, clinical: "pd.Series[str]", size: int, spacing: float
) -> TumourUnit:
    if len(seg.files) != 1:
        raise InputError(f"{len(seg.files)} segmentations in one series; one is needed")
    wanted = [uid for uid in referenced_series(seg.files[0]) if uid in found.series]
    if len(wanted) != 1 or found.series[wanted[0]].modality != "CT":
        raise InputError(f"{seg.files[0]}: {len(wanted)} series that it outlines are here; exactly one CT is needed")
    scan = found.series[wanted[0]]
    if scan.patient_id != seg.patient_id:
        raise InputError(f"{seg.files[0]} is of patient {seg.patient_id}, its CT of {scan.patient_id}")
    values = {name: _plain(clinical[column]) for name, column in COLUMNS.items()}
    label = STATUS[str(clinical[EGFR])]
    files = (*scan.files, seg.files[0])
    return TumourUnit(
        scan.uid, seg.patient_id, files, source, EXPECTED_SLICES, seg.files[0], label, values, size, spacing
    )


def _plain(value: object) -> object:
    if isinstance(value, int | float | np.number):
        return None if np.isnan(value) else float(value)
    return str(value)


def _one_each(units: list[TumourUnit]) -> tuple[list[TumourUnit], list[tuple[str, str]]]:
    """Keep the first unit of every patient; the others are reported, because they would count twice."""
    kept: dict[str, TumourUnit] = {}
    twice: list[tuple[str, str]] = []
    for unit in sorted(units, key=lambda one: (one.patient_id, one.key, one.seg)):
        if kept.setdefault(unit.patient_id, unit) is not unit:
            twice.append((unit.seg.name, f"patient {unit.patient_id} has another segmentation, which is used"))
    return list(kept.values()), twice
