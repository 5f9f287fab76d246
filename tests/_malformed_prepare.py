"""Malformed scans and tables of scans, for the prepare command."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tests._malformed import Case, Place, Words

PREPARE = "medrepro.datamodules.prepare.__main__"
Hu = npt.NDArray[np.int16]
HEAD = "scan,patient_id,label,z_mm,y_mm,x_mm\n"
COHORTS = "scan,patient_id,label,cohort,z_mm,y_mm,x_mm\n"
MHD = "ObjectType = Image\nNDims = 3\nDimSize = 16 16 16\nElementSpacing = {spacing}\nElementType = MET_SHORT\n"


def scan(slices: int = 16) -> Hu:
    hu = np.full((slices, 32, 32), -850, np.int16)
    hu[6:10, 12:20, 12:20] = 40
    return hu


def series(folder: Path, hu: Hu | None = None, spacing: tuple[float, float, float] = (2.0, 0.8, 0.8)) -> list[Path]:
    """A DICOM series; returns its files from the feet up."""
    from tests.datamodules._ct_series import write_ct

    return write_ct(folder, scan() if hu is None else hu, spacing)


def edit(path: Path, **values: object) -> None:
    import pydicom

    item = pydicom.dcmread(path)
    for name, value in values.items():
        setattr(item, name, value)
    item.save_as(path)


def all_edited(folder: Path, **values: object) -> None:
    for path in series(folder):
        edit(path, **values)


def cut(folder: Path) -> None:
    for path in series(folder):
        data = path.read_bytes()
        path.write_bytes(data[: data.rindex(b"\xe0\x7f\x10\x00")])  # before the tag PixelData


def one_missing(folder: Path) -> None:
    series(folder)[7].unlink()


def two_series(folder: Path) -> None:
    series(folder / "one")
    series(folder / "two")


def a_size_apart(folder: Path) -> None:
    edit(series(folder)[3], Rows=16)


def a_tilt_apart(folder: Path) -> None:
    edit(series(folder)[3], ImageOrientationPatient=[0, 1, 0, 0, 0, -1])


def a_directory_only(folder: Path) -> None:
    """What a DICOMDIR lists is not followed: it may name any file."""
    folder.mkdir(parents=True)
    (folder / "DICOMDIR").write_bytes(bytes(128) + b"DICM" + b"../../../etc/passwd")


def nifti(path: Path, hu: npt.NDArray[Any], cut_to: int | None = None) -> None:
    import nibabel

    path.parent.mkdir(parents=True, exist_ok=True)
    untyped: Any = nibabel
    untyped.Nifti1Image(hu.T, np.diag([-0.8, -0.8, 2.0, 1])).to_filename(path)
    if cut_to is not None:
        path.write_bytes(path.read_bytes()[:cut_to])


def samples(*rows: str, head: str = HEAD) -> Callable[[Place], Words]:
    """A lab's table of which no scan has been written."""

    def write(place: Place) -> Words:
        place.file("samples.csv", head + "".join(f"{row}\n" for row in rows))
        return prepare(place, "folder")

    return write


def prepare(place: Place, name: str, *words: str) -> Words:
    return [
        name,
        "--source",
        str(place.given),
        "--out",
        str(place.out),
        "--workers",
        "1",
        "--size",
        "8",
        "--quiet",
        *words,
    ]


def lab(name: str, write: Callable[[Path], object]) -> Callable[[Place], Words]:
    """A lab's folder whose only scan is ``name``."""

    def make(place: Place) -> Words:
        write(place.given / name)
        return samples(f"{name},P1,benign,-35,10,10")(place)

    return make


def metaimage(spacing: str, data: str) -> Callable[[Path], object]:
    def write(path: Path) -> None:
        path.with_suffix(".raw").write_bytes(scan(16)[:, :16, :16].tobytes())
        path.write_text(MHD.format(spacing=spacing) + f"ElementDataFile = {data}\n")

    return write


def with_a_secret(place: Place) -> Words:
    """A header that points out of the folder, at a file of the right size."""
    (place.root / "secret.raw").write_bytes(bytes(16**3 * 2))
    return lab("a.mhd", metaimage("1 1 1", "../secret.raw"))(place)


def nsclc_without_columns(place: Place) -> Words:
    series(place.given / "R01-001")
    place.file("clinical.csv", "Patient ID,Gender\nR01-001,Male\n")
    return prepare(place, "nsclc")


def of_bytes(place: Place) -> Words:
    place.file("samples.csv", bytes(range(256)))
    return prepare(place, "folder")


def nowhere(place: Place) -> Words:
    return ["folder", "--source", "/no/such", "--out", str(place.out)]


def of_another_version(place: Place) -> Words:
    lab("a", series)(place)
    place.out.mkdir()
    card = {"format": "medrepro prepared data", "version": 99, "name": "folder", "files": {name: {} for name in FILES}}
    (place.out / "card.json").write_text(json.dumps(card))
    return prepare(place, "folder")


FILES = ("images.npy", "masks.npy", "table.parquet", "series.parquet")


def half_of_something_else(place: Place) -> Words:
    lab("a", series)(place)
    (place.out / ".parts").mkdir(parents=True)
    (place.out / ".parts" / "plan.json").write_text("{}")
    return prepare(place, "folder")


def among_other_files(place: Place) -> Words:
    lab("a", series)(place)
    place.out.mkdir()
    (place.out / "thesis.doc").write_text("years of work")
    return prepare(place, "folder")


def prepare_at(fixture: str) -> Callable[[Place], Words]:
    def write(place: Place) -> Words:
        lab("a", series)(place)
        return [
            *prepare(place, "folder")[:3],
            "--out",
            str(place.fixture(fixture) / "out"),
            "--workers",
            "1",
            "--quiet",
        ]

    return write


def into_the_source(place: Place) -> Words:
    lab("a", series)(place)
    return [*prepare(place, "folder")[:3], "--out", str(place.given / "out")]


def flat(folder: Path) -> None:
    all_edited(folder, PixelSpacing=[0, 0])


def of_nan(path: Path) -> None:
    nifti(path, np.full((16, 32, 32), np.nan))


def tiny(folder: Path) -> None:
    series(folder, spacing=(0.1, 0.1, 0.1))


in_both = samples("a,P1,0,train,1,1,1", "b,P1,1,test,1,1,1", head=COHORTS)
CASES = (
    Case("a source that is not there", PREPARE, nowhere, "no such folder"),
    Case("an empty source", PREPARE, lambda p: prepare(p, "folder"), "samples.csv"),
    Case("a source without annotations", PREPARE, lambda p: prepare(p, "luna16"), "annotations.csv"),
    Case("a source without a clinical table", PREPARE, lambda p: prepare(p, "nsclc"), "by --clinical-csv"),
    Case("a clinical table of other columns", PREPARE, nsclc_without_columns, "lacks the columns"),
    Case("an unknown kind", PREPARE, lambda p: prepare(p, "nothing"), "invalid choice: 'nothing'"),
    Case("crops of 9 voxels", PREPARE, lambda p: prepare(p, "folder", "--size", "9"), "multiples of 8"),
    Case("crops of nan mm", PREPARE, lambda p: prepare(p, "folder", "--spacing", "nan"), "0.1 to 10 mm"),
    Case("a table without columns", PREPARE, samples("a", head="scan\n"), "lacks the columns patient_id, label"),
    Case("a table without rows", PREPARE, samples(), "0 rows"),
    Case("a table of bytes", PREPARE, of_bytes, "not a CSV table"),
    Case("a patient in two cohorts", PREPARE, in_both, "'P1' is in the cohorts test and train"),
    Case("a row without a cohort", PREPARE, samples("a,P1,0,,1,1,1", head=COHORTS), "line 2: cohort is empty"),
    Case("a place of nan", PREPARE, samples("a,P1,0,nan,1,1"), "line 2: .* z_mm"),
    Case("a row without a label", PREPARE, samples("a,P1,,1,1,1"), "line 2: label is empty"),
    Case("a scan that is not there", PREPARE, samples("a,P1,0,1,1,1"), "not found"),
    Case("a scan that climbs out", PREPARE, samples("../../etc,P1,0,1,1,1"), "leads out of the folder"),
    Case("a scan of an absolute path", PREPARE, samples("/etc,P1,0,1,1,1"), "leads out of the folder"),
    Case("an empty scan", PREPARE, lab("a", lambda path: path.mkdir()), "0 CT series"),
    Case("a scan cut off", PREPARE, lab("a", cut), "no pixel data to decode"),
    Case("a missing slice", PREPARE, lab("a", one_missing), "slices missing: 1 between"),
    Case("two series in one folder", PREPARE, lab("a", two_series), "2 CT series"),
    Case("another modality", PREPARE, lab("a", lambda f: all_edited(f, Modality="MR")), "other modalities: MR"),
    Case("pixels of 0 mm", PREPARE, lab("a", flat), "spacing .2.0, 0.0, 0.0. mm"),
    Case("a slice of another size", PREPARE, lab("a", a_size_apart), "has Rows"),
    Case("a slice of another direction", PREPARE, lab("a", a_tilt_apart), "has ImageOrientationPatient"),
    Case("a DICOMDIR alone", PREPARE, lab("a", a_directory_only), "0 CT series"),
    Case("a NIfTI cut off", PREPARE, lab("a.nii", lambda p: nifti(p, scan(), 2000)), "Expected 32768 bytes, got 1648"),
    Case("a NIfTI of nan", PREPARE, lab("a.nii", of_nan), "NaN or infinite voxels"),
    Case("a NIfTI that is none", PREPARE, lab("a.nii.gz", lambda p: p.write_bytes(b"text")), "not a gzip file"),
    Case("a MetaImage of 0 mm", PREPARE, lab("a.mhd", metaimage("0 0 0", "a.raw")), "spacing from"),
    Case("a MetaImage without its data", PREPARE, lab("a.mhd", metaimage("1 1 1", "b.raw")), "b.raw not found"),
    Case("a MetaImage of data elsewhere", PREPARE, with_a_secret, "allowed: one file in its own folder"),
    Case("a point outside the scan", PREPARE, lab("b", tiny), "lies outside the scan"),
    Case("a folder of another version", PREPARE, of_another_version, "format 99"),
    Case("a folder half prepared as something else", PREPARE, half_of_something_else, "half prepared as"),
    Case("a folder of other files", PREPARE, among_other_files, "is not empty"),
    Case("a folder in the source", PREPARE, into_the_source, "lies in the source"),
    Case("a prepared folder on a read-only disk", PREPARE, prepare_at("read_only"), "cannot write|Read-only|denied"),
)  # fmt: skip
