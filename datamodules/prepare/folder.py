"""Prepare a lab's own scans: a cube of HU around every place that ``samples.csv`` names, with its label.

Columns of the table:

    scan        DICOM folder, .nii, .nii.gz, .nrrd, .mhd or .mha, from the table's folder
    patient_id  the unit of every split
    label       a class, by number or name
    mask        outline (DICOM SEG, NIfTI, NRRD, MetaImage) whose middle is the cube's, or empty
    z_mm y_mm x_mm   the cube's middle in DICOM's mm, where there is no mask
    series_uid, cohort, sample_id   optional; cohort may be train, val or test
"""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from medrepro.datamodules.ct.files import voxel_files
from medrepro.datamodules.ct.outlines import read_outline
from medrepro.datamodules.ct.read import read_ct
from medrepro.datamodules.ct.search import existing_folder
from medrepro.datamodules.ct.volume import CT, Floats
from medrepro.datamodules.prepare.lidc import about_scan, plain
from medrepro.datamodules.prepare.units import Part, Plan, Row, Unit
from medrepro.datamodules.support.errors import InputError
from medrepro.datamodules.support.tables import line_of, read_table

SAMPLES = "samples.csv"
NEEDED = ("scan", "patient_id", "label")
POINT = ("z_mm", "y_mm", "x_mm")
ABOUT: Row = {"licence": "as the owner of the scans says", "citation": "the owner of the scans", "unit": "HU"}


@dataclass(frozen=True)
class FolderUnit(Unit):
    """One scan and the samples in it.

    Attributes:
        scan: its file or folder.
        series_uid: of a DICOM folder with several series, else empty.
        samples: rows of the table, ``mask`` relative to the source.
        size: voxels along each side of a cube.
        spacing: mm.
    """

    scan: Path
    series_uid: str
    samples: tuple[Row, ...]
    size: int
    spacing: float

    def read(self) -> Part:
        """Read the scan and cut a cube around every sample."""
        scan = read_ct(self.scan, self.series_uid or None)
        cut = [self._cube(scan, sample) for sample in self.samples]
        images, masks = np.stack([image for image, _, _ in cut]), np.stack([outline for _, outline, _ in cut])
        return Part(images, masks, [row for _, _, row in cut], about_scan(scan))

    def _cube(self, scan: CT, sample: Row) -> tuple["np.ndarray", "np.ndarray", Row]:
        shape = (self.size,) * 3
        outline = np.zeros(shape, dtype=bool)
        if sample["mask"]:
            mask = read_outline(self.root / sample["mask"], scan)
            marked = np.argwhere(mask)
            first, last = marked.min(axis=0), marked.max(axis=0) + 1
            centre: Floats = scan.to_world(marked.mean(axis=0))
            box = mask[tuple(slice(a, b) for a, b in zip(first, last, strict=True))]
            outline = scan.crop_mask(box, first, centre, shape, self.spacing)
            volume = len(marked) * float(np.prod(scan.spacing))
            measured: Row = {"volume_mm3": round(volume, 1), "diameter_mm": round((6 * volume / np.pi) ** (1 / 3), 3)}
        else:
            centre, measured = np.array([float(sample[name]) for name in POINT]), {}
        places = {f"world_{axis}_mm": round(float(mm), 3) for axis, mm in zip("zyx", centre, strict=True)}
        known = {name: value for name, value in sample.items() if name not in ("scan", "mask", *POINT)}
        return scan.crop(centre, shape, self.spacing), outline, known | measured | places


def folder_plan(source: Path, size: int, spacing: float) -> Plan:
    """Plan the samples of ``samples.csv`` in ``source``.

    Raises:
        FileNotFoundError: there is no such folder or table.
        InputError: the table cannot be used; names the line.
    """
    table = read_samples(existing_folder(source) / SAMPLES)
    classes = sorted(
        set(table["label"]), key=lambda name: (not name.isdigit(), int(name) if name.isdigit() else 0, name)
    )
    table["label"] = [classes.index(name) for name in table["label"]]
    units, bad = [], []
    for (scan, uid), samples in table.groupby(["scan", "series_uid"], sort=True):
        rows = tuple({str(name): plain(value) for name, value in row.items()} for _, row in samples.iterrows())
        try:
            units.append(_unit(source, str(scan), str(uid), rows, size, spacing))
        except FileNotFoundError as error:
            bad.append((str(scan), str(error).replace(f"{source}/", "")))
    if not units:
        raise InputError(f"{source / SAMPLES}: none of its {len(bad)} scans is there; the first: {bad[0][1]}")
    counts = {"samples listed": len(table), "scans listed": len(units) + len(bad)}
    about = ABOUT | {"counts": counts, "classes": classes}
    return Plan("folder", {"size": size, "spacing_mm": spacing}, (size,) * 3, tuple(units), tuple(bad), about)


def _unit(source: Path, scan: str, uid: str, rows: tuple[Row, ...], size: int, spacing: float) -> FolderUnit:
    place = source / scan
    if not place.exists():
        raise FileNotFoundError(f"{place} not found: the column scan names it, from the table's folder")
    files = (
        sorted(file for file in place.rglob("*") if file.is_file()) if place.is_dir() else [place, *voxel_files(place)]
    )
    masks = sorted({source / str(row["mask"]) for row in rows if row["mask"]})
    read = tuple(file for file in (*files, *masks) if file.is_file())
    key = f"{scan} {uid}".strip()
    return FolderUnit(key, str(rows[0]["patient_id"]), read, source, len(rows), place, uid, rows, size, spacing)


def read_samples(path: Path) -> pd.DataFrame:
    """Read and check the table: text columns, missing ones empty, points as numbers.

    Raises:
        FileNotFoundError: it is not there.
        InputError: no CSV, a column or cell missing, a path out of the folder, a sample twice, or a patient in two
            cohorts; names the line.
    """
    table = read_table(path, NEEDED, f"it lists the scans, with the columns {', '.join(NEEDED)}, mask or mm")
    if len(table) == 0:
        raise InputError(f"{path}: 0 rows; list the scans, with the columns {', '.join(NEEDED)}")
    for name in ("mask", "series_uid", *POINT):
        table[name] = table[name] if name in table.columns else ""
    table["cohort"] = table["cohort"] if "cohort" in table.columns else "folder"
    if "sample_id" not in table.columns:
        table["sample_id"] = [f"{row.patient_id}_{n:04d}" for n, row in enumerate(table.itertuples())]
    for number, row in table.iterrows():
        if problem := _problem(row):
            raise InputError(f"{path} line {line_of(number)}: {problem}")
    _check_ids(path, table)
    return table


def _problem(row: "pd.Series[str]") -> str:
    empty = [name for name in (*NEEDED, "cohort", "sample_id") if not row[name]]
    if empty:
        return f"{', '.join(empty)} is empty"
    for name in ("scan", "mask"):
        parts = PurePosixPath(row[name].replace("\\", "/")).parts
        if ".." in parts or parts[:1] == ("/",) or ":" in row[name]:
            return f"{name} {row[name]!r} leads out of the folder; give a path inside it"
    if row["mask"]:
        return ""
    numbers = pd.to_numeric(row[list(POINT)], errors="coerce").to_numpy(dtype=np.float64)
    return "" if np.isfinite(numbers).all() else f"neither a mask nor three numbers in {', '.join(POINT)}"


def _check_ids(path: Path, table: pd.DataFrame) -> None:
    twice = table["sample_id"][table["sample_id"].duplicated()]
    if len(twice):
        raise InputError(f"{path}: sample_id {twice.iloc[0]!r} occurs more than once; ids must be unique")
    cohorts = table.groupby("patient_id")["cohort"].agg(lambda names: sorted(set(names)))
    both = cohorts[cohorts.map(len) > 1]
    if len(both):
        raise InputError(
            f"{path}: patient {both.index[0]!r} is in the cohorts {' and '.join(both.iloc[0])}; one is allowed"
        )
