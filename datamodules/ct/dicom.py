"""Read one CT scan from its DICOM files: headers grouped by series, checked, sorted by position, decoded to HU.

Files come in any order and under any names, and are opened one by one as they are found: a DICOMDIR is never followed.
"""
# highdicom.get_volume_from_series (0.28) refuses a tilted gantry, copied files and positions rounded to 0.1 mm, accepts
# a missing rescale and two patients, and takes four times the memory: the checks would all stay here, so this does too

import struct
import zlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.uid import DeflatedExplicitVRLittleEndian, EnhancedCTImageStorage, LegacyConvertedEnhancedCTImageStorage

from medrepro.datamodules.ct.volume import AIR, CT, MAX_VOXELS, Floats, checked_geometry, checked_hu, even_step
from medrepro.datamodules.support.errors import InputError, one_line

TAGS = [
    "SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "PatientID", "Modality", "ImageType", "Rows", "Columns",
    "SamplesPerPixel", "NumberOfFrames", "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing",
]  # fmt: skip
BROKEN = (
    AttributeError, BytesLengthException, EOFError, IndexError, KeyError, NotImplementedError, OSError, RuntimeError,
    TypeError, ValueError, struct.error, zlib.error,
)  # fmt: skip  # what pydicom and its decoders raise on damaged files
SAME_PLACE_MM = 0.01
MAX_SIDE = 4096  # pixels; a CT has 512 or 1024
MULTI_FRAME = (EnhancedCTImageStorage, LegacyConvertedEnhancedCTImageStorage)
MAX_INFLATED = 256 << 20  # bytes of one inflated slice; a CT's has 0.5 MB
PREAMBLE, FIRST_ELEMENT = 132, 12  # bytes: preamble with "DICM"; tag, VR and value of the meta group's length
META = 1024  # bytes that hold the transfer syntax
BLOCK = 1 << 20


def check_deflated(file: Path) -> None:
    """Refuse a deflated file that would become larger than :data:`MAX_INFLATED`; other files pass.

    Raises:
        InputError: it would.
        OSError: the file cannot be read.
        zlib.error: it is not deflated as it says.
    """
    with file.open("rb") as stream:
        head = stream.read(META)
        if str(DeflatedExplicitVRLittleEndian).encode() not in head or head[128:PREAMBLE] != b"DICM":
            return
        length = int.from_bytes(head[PREAMBLE + FIRST_ELEMENT - 4 : PREAMBLE + FIRST_ELEMENT], "little")
        stream.seek(PREAMBLE + FIRST_ELEMENT + length)
        inflater, size = zlib.decompressobj(-zlib.MAX_WBITS), 0
        while not inflater.eof and (block := inflater.unconsumed_tail or stream.read(BLOCK)):
            size += len(inflater.decompress(block, BLOCK))
            if size > MAX_INFLATED:
                raise InputError(f"more than {MAX_INFLATED >> 20} MB when inflated: no CT slice")


@dataclass(frozen=True)
class Slice:
    """The header of one file: what it is and where the slice lies.

    Attributes:
        file: path.
        header: the tags of :data:`TAGS` that it has.
    """

    file: Path
    header: pydicom.Dataset

    def text(self, tag: str) -> str:
        """Return a tag as text, empty where it is missing."""
        return str(self.header.get(tag) or "")

    @property
    def is_localizer(self) -> bool:
        """Whether this is the scout view, which some scanners file with its series."""
        return "LOCALIZER" in (self.header.get("ImageType") or ())


@dataclass(frozen=True)
class DicomIndex:
    """The DICOM files of a folder, by series.

    Attributes:
        series: series uid -> its slices, of any modality.
        unreadable: files that begin as DICOM or cannot be opened, with the reason.
    """

    series: dict[str, list[Slice]]
    unreadable: list[tuple[Path, str]]

    def of_modality(self, modality: str) -> dict[str, list[Slice]]:
        """Return the series whose first file has this modality."""
        return {uid: slices for uid, slices in self.series.items() if slices[0].text("Modality") == modality}


def scan_dicom(files: Iterable[Path]) -> DicomIndex:
    """Group DICOM files by series, reading headers only; files that are no DICOM are passed over."""
    series: dict[str, list[Slice]] = defaultdict(list)
    unreadable: list[tuple[Path, str]] = []
    for file in files:
        if file.name.upper() == "DICOMDIR":
            continue
        try:
            check_deflated(file)
            header = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=list(TAGS))
            values = {tag: header.get(tag) for tag in TAGS}  # pydicom parses a value, and fails, when it is asked for
        except InvalidDicomError:
            continue
        except BROKEN as error:
            unreadable.append((file, one_line(error)))
            continue
        if uid := str(values["SeriesInstanceUID"] or ""):
            series[uid].append(Slice(file, header))
        else:
            unreadable.append((file, "no SeriesInstanceUID"))
    return DicomIndex(dict(series), unreadable)


def read_dicom_folder(folder: Path, series_uid: str | None = None) -> CT:
    """Read the only CT series below a folder, or the one named.

    Raises:
        InputError: no CT or several, an unreadable file, or as :func:`read_slices`.
    """
    found = scan_dicom(sorted(file for file in folder.rglob("*") if file.is_file()))
    if found.unreadable:
        file, reason = found.unreadable[0]
        raise InputError(f"{folder}: {len(found.unreadable)} files cannot be read, such as {file.name}: {reason}")
    series = found.of_modality("CT")
    if series_uid is not None:
        if series_uid not in series:
            raise InputError(f"{folder} holds no CT series {series_uid}; it holds {_listed(series)}")
        return read_slices(series[series_uid])
    if len(series) != 1:
        others = sorted({slices[0].text("Modality") or "none" for slices in found.series.values()} - {"CT"})
        beside = f" (other modalities: {', '.join(others)})" if others else ""
        wanted = "give the folder of exactly one, or its uid"
        raise InputError(f"{folder} holds {len(series)} CT series{beside}; {wanted}: {_listed(series)}")
    return read_slices(next(iter(series.values())))


def _listed(series: dict[str, list[Slice]]) -> str:
    return "; ".join(f"{uid} ({len(slices)} files)" for uid, slices in sorted(series.items())[:3]) or "none"


def read_slices(slices: Sequence[Slice]) -> CT:
    """Read one series: sorted along the normal of its slices, in HU, declared padding as air.

    A second file of the same slice is passed over. Scans of a tilted gantry keep their sheared axes.

    Raises:
        InputError: not a CT, files that do not belong together, a slice missing or twice with other pixels, or
            pixels that cannot be decoded; names the series and the file.
    """
    images = [item for item in slices if not item.is_localizer]
    what = f"series {slices[0].text('SeriesInstanceUID')}" if slices else "series"
    _check_alike(images, what)
    images, places = _sorted_by_position(images)
    distinct = np.concatenate([[True], np.diff(places) > SAME_PLACE_MM])
    kept = [item for item, first in zip(images, distinct, strict=True) if first]
    origin, steps = _geometry(kept, places[distinct], what)
    rows, columns = int(kept[0].header.Rows), int(kept[0].header.Columns)
    if max(rows, columns) > MAX_SIDE or rows * columns * len(kept) > MAX_VOXELS:
        raise InputError(
            f"{what}: {len(kept)} slices of {rows} x {columns} pixels are no CT; allowed: {MAX_SIDE} per side"
        )
    hu = np.empty((len(kept), rows, columns), dtype=np.int16)
    numbers = np.cumsum(distinct) - 1
    for item, number, first in zip(images, numbers.tolist(), distinct.tolist(), strict=True):
        values = decoded(item.file)
        if values.shape != hu.shape[1:]:
            raise InputError(f"{item.file}: its pixels are {values.shape}, its header says {rows} x {columns}")
        if first:
            hu[number] = values
        elif not np.array_equal(hu[number], values):
            raise InputError(
                f"{what}: two different slices at one position, {item.file.name} is one; remove one of them"
            )
    return CT(checked_hu(hu, what), origin, steps, slices[0].text("SeriesInstanceUID"), slices[0].text("PatientID"))


def _check_alike(images: Sequence[Slice], what: str) -> None:
    for item in images:
        if item.text("Modality") != "CT":
            raise InputError(f"{what}: {item.file.name} has modality {item.text('Modality') or 'none'}; CT is needed")
        if item.header.get("SOPClassUID") in MULTI_FRAME or int(item.header.get("NumberOfFrames") or 1) > 1:
            raise InputError(f"{what}: {item.file.name} is a multi-frame image; convert it to one file per slice")
        missing = [tag for tag in (*TAGS[-3:], "Rows", "Columns") if not item.header.get(tag)]
        if missing:
            raise InputError(f"{what}: {item.file.name} lacks {', '.join(missing)}: its place is unknown")
        if int(item.header.get("SamplesPerPixel") or 1) != 1:
            raise InputError(f"{what}: {item.file.name} is a colour image; a CT has one number per pixel")
    if len(images) < 2:
        raise InputError(f"{what}: {len(images)} slices; a volume has at least two")
    first = images[0]
    for tag, tolerance in (("Rows", 0.0), ("Columns", 0.0), ("PixelSpacing", 1e-4), ("ImageOrientationPatient", 1e-4)):
        for item in images:
            here, there = _numbers(first, tag), _numbers(item, tag)
            if here.shape != there.shape or not np.allclose(here, there, rtol=0, atol=tolerance):
                raise InputError(
                    f"{what}: {item.file.name} has {tag} {there.tolist()}, {first.file.name} has {here.tolist()}; "
                    "these are two series under one uid: sort them apart"
                )
    patients = sorted({item.text("PatientID") for item in images})
    if len(patients) > 1:
        raise InputError(f"{what}: belongs to several patients, {' and '.join(patients[:2])}; sort them apart")


def _numbers(item: Slice, tag: str, count: int = 0) -> Floats:
    """Return the numbers of a tag; ``count`` of them, unless 0."""
    try:
        values = np.atleast_1d(np.array(item.header[tag].value, dtype=np.float64))
    except (TypeError, ValueError) as error:
        raise InputError(f"{item.file}: {tag} is not a number: {one_line(error)}") from error
    if count and not (values.shape == (count,) and np.isfinite(values).all()):
        raise InputError(f"{item.file}: {tag} {values.tolist()} is not {count} numbers")
    return values


def _axes(item: Slice) -> tuple[Floats, Floats, Floats]:
    """Return unit vectors (x, y, z) along a row, down a column, and normal to both."""
    cosines = _numbers(item, "ImageOrientationPatient", 6)
    right, down = cosines[:3], cosines[3:]
    if not np.allclose([right @ right, down @ down, right @ down], [1, 1, 0], atol=1e-3):
        raise InputError(f"{item.file}: ImageOrientationPatient {cosines.tolist()} is not two axes at a right angle")
    return right, down, np.cross(right, down)


def _sorted_by_position(images: Sequence[Slice]) -> tuple[list[Slice], Floats]:
    normal = _axes(images[0])[2]
    places = np.array([_numbers(item, "ImagePositionPatient", 3) @ normal for item in images])
    order = sorted(range(len(images)), key=lambda n: (places[n], images[n].text("SOPInstanceUID"), images[n].file))
    return [images[n] for n in order], places[order]


def _geometry(images: Sequence[Slice], places: Floats, what: str) -> tuple[Floats, Floats]:
    """Return origin and steps, (z, y, x), of slices in order."""
    if len(images) < 2:
        raise InputError(f"{what}: all its slices lie at one position")
    gaps = np.diff(places)
    step = float(np.median(gaps))
    if (gaps > 1.5 * step).any():
        wide = int(np.argmax(gaps))
        lost = round(float(gaps[wide]) / step) - 1
        raise InputError(
            f"{what}: slices missing: {lost} between {images[wide].file.name} and {images[wide + 1].file.name} "
            f"({gaps[wide]:.2f} mm apart, others {step:.2f}); fetch the series again"
        )
    positions = np.stack([_numbers(item, "ImagePositionPatient", 3) for item in images])
    way = even_step(positions, what)
    spacing = _numbers(images[0], "PixelSpacing", 2)
    right, down, _ = _axes(images[0])
    steps = np.column_stack([way, down * spacing[0], right * spacing[1]])[::-1]
    return checked_geometry(positions[0][::-1], steps, what)


def decoded(file: Path) -> npt.NDArray[np.int16]:
    """Return one file's pixels (H, W) in HU; what the file declares as padding is air.

    Raises:
        InputError: they cannot be decoded, or the file does not say how they become HU.
    """
    try:
        image = pydicom.dcmread(file)
        stored = image.pixel_array
        if empty := [tag for tag in ("RescaleSlope", "RescaleIntercept") if image.get(tag) is None]:
            raise AttributeError(f"it lacks {' and '.join(empty)}")
        slope, intercept = float(image.RescaleSlope), float(image.RescaleIntercept)
        padding = _padding(image, stored)
    except AttributeError as error:
        raise InputError(
            f"{file}: {one_line(error)}; a CT slice needs pixels, RescaleSlope and RescaleIntercept"
        ) from error
    except (InvalidDicomError, MemoryError, *BROKEN) as error:
        raise InputError(f"{file}: its pixels cannot be decoded: {one_line(error)}; fetch it again") from error
    if not np.isfinite([slope, intercept]).all() or slope == 0:
        raise InputError(f"{file}: rescale slope {slope} and intercept {intercept} give no HU")
    if slope == 1 and intercept.is_integer():
        hu = stored.astype(np.int32) + int(intercept)
    else:
        hu = np.rint(stored * slope + intercept)
    if padding is not None:
        hu[padding] = AIR
    return np.clip(hu, -32768, 32767).astype(np.int16)


def _padding(image: pydicom.Dataset, stored: npt.NDArray[np.generic]) -> npt.NDArray[np.bool_] | None:
    """Return where pixels are declared to be padding: one value, or a range of them (PS3.3 C.7.5.1.1.2)."""
    value = image.get("PixelPaddingValue")
    if value is None:
        return None
    # some scanners write -2000 as the unsigned 63536: taken modulo 2^16 it is what is stored
    ends = np.array([int(value), int(image.get("PixelPaddingRangeLimit", value))]).astype(stored.dtype)
    found: npt.NDArray[np.bool_] = (stored >= ends.min()) & (stored <= ends.max())
    return found
