"""Find the DICOM series below a folder: headers are read on several processes, little is kept of each."""

from dataclasses import dataclass, field
from pathlib import Path

from medrepro.datamodules.ct.dicom import scan_dicom
from medrepro.datamodules.support.errors import InputError
from medrepro.datamodules.support.processes import each
from medrepro.datamodules.support.progress import reporter

CHUNK = 400  # files per task: half a second


@dataclass
class FoundSeries:
    """A series by its headers.

    Attributes:
        uid: of the series.
        modality: of its first file.
        patient_id: of its first file.
        files: sorted.
    """

    uid: str
    modality: str
    patient_id: str
    files: list[Path] = field(default_factory=list)


@dataclass(frozen=True)
class Found:
    """The DICOM files below a folder.

    Attributes:
        series: by uid.
        unreadable: (file relative to the folder, reason).
    """

    series: dict[str, FoundSeries]
    unreadable: tuple[tuple[str, str], ...]

    def of_modality(self, modality: str) -> list[FoundSeries]:
        """Return the series of a modality, by patient and uid."""
        chosen = [one for one in self.series.values() if one.modality == modality]
        return sorted(chosen, key=lambda one: (one.patient_id, one.uid))


def existing_folder(folder: Path, flag: str = "--source") -> Path:
    """Return an existing folder.

    Raises:
        FileNotFoundError: it is not there.
        InputError: it is no folder.
    """
    if not folder.exists():
        raise FileNotFoundError(f"{folder}: no such folder; {flag} names the folder with the data")
    if not folder.is_dir():
        raise InputError(f"{folder} is a file; {flag} names the folder with the data")
    return folder


def find_series(root: Path, workers: int = 1, quiet: bool = False) -> Found:
    """Find all DICOM series below ``root``.

    Raises:
        FileNotFoundError: there is no such folder.
        InputError: there is no DICOM file in it.
    """
    files = sorted(file for file in existing_folder(root).rglob("*") if file.is_file())
    chunks = [tuple(files[start : start + CHUNK]) for start in range(0, len(files), CHUNK)]
    rows: list[tuple[Path, str, str, str]] = []
    unreadable: list[tuple[str, str]] = []
    with reporter("reading headers", len(chunks), quiet=quiet or len(chunks) < 10) as report:
        for _, (found, bad) in each(_headers, chunks, workers):
            rows += found
            unreadable += [(str(file.relative_to(root)), reason) for file, reason in bad]
            report()
    if not rows and not unreadable:
        raise InputError(f"{root}: none of its {len(files)} files is DICOM; give the folder of the downloaded series")
    series: dict[str, FoundSeries] = {}
    for file, uid, modality, patient in sorted(rows):
        series.setdefault(uid, FoundSeries(uid, modality, patient)).files.append(file)
    return Found(series, tuple(sorted(unreadable)))


def _headers(files: tuple[Path, ...]) -> tuple[list[tuple[Path, str, str, str]], list[tuple[Path, str]]]:
    found = scan_dicom(files)
    rows = [
        (one.file, uid, one.text("Modality"), one.text("PatientID"))
        for uid, slices in found.series.items()
        for one in slices
    ]
    return rows, found.unreadable
