"""CT series as scanners and archives write them: every transfer syntax, sign, order and orientation, on disk."""

import importlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom import uid as uids
from pydicom.dataset import FileMetaDataset

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
SYNTAXES = {
    "implicit little endian": uids.ImplicitVRLittleEndian,
    "explicit little endian": uids.ExplicitVRLittleEndian,
    "explicit big endian": uids.ExplicitVRBigEndian,
    "deflated": uids.DeflatedExplicitVRLittleEndian,
    "RLE": uids.RLELossless,
    "JPEG-LS": uids.JPEGLSLossless,
    "JPEG 2000 lossless": uids.JPEG2000Lossless,
    "JPEG lossless SV1": uids.JPEGLosslessSV1,
}


@dataclass(frozen=True)
class Scanner:
    """How a series is written.

    Attributes:
        syntax: key of :data:`SYNTAXES`.
        signed: two's complement, else unsigned.
        intercept: HU of the stored 0.
        slope: HU a stored step.
        orientation: direction cosines of a row and a column, (x, y, z).
        padding: stored value declared as padding, with the VR it is written in.
    """

    syntax: str = "explicit little endian"
    signed: bool = False
    intercept: int = -2048
    slope: float = 1.0
    orientation: tuple[float, ...] = AXIAL
    padding: int | None = None

    @property
    def normal(self) -> npt.NDArray[np.float64]:
        """(x, y, z) along which slices follow each other."""
        return np.cross(self.orientation[:3], self.orientation[3:])


def write_ct(
    folder: Path,
    hu: npt.NDArray[np.generic],
    spacing: tuple[float, float, float] = (2.5, 0.7, 0.8),
    origin: Sequence[float] = (-50.0, -120.0, -150.0),
    scanner: Scanner | None = None,
    uid: str | None = None,
    patient: str = "P1",
    seed: int = 0,
    step: Sequence[float] | None = None,
) -> list[Path]:
    """Write ``hu (z, y, x)``, ``origin`` in mm (z, y, x); returns the files in the volume's order.

    Names and the order of writing are shuffled. ``step`` (x, y, z) is the way to the next slice, along the normal
    unless given.
    """
    how = scanner or Scanner()
    folder.mkdir(parents=True, exist_ok=True)
    series, way = uid or uids.generate_uid(), np.array(how.normal * spacing[0] if step is None else step)
    study, frame = uids.generate_uid(entropy_srcs=[series, "study"]), uids.generate_uid(entropy_srcs=[series, "frame"])
    names = [f"{number:06d}.dcm" for number in np.random.default_rng(seed).permutation(len(hu))]
    for number in np.random.default_rng(seed + 1).permutation(len(hu)):
        item = _slice(np.asarray(hu[number]), how, spacing)
        item.SeriesInstanceUID, item.StudyInstanceUID, item.FrameOfReferenceUID = series, study, frame
        item.PatientID, item.InstanceNumber = patient, str(len(hu) - number)
        item.ImagePositionPatient = [round(float(v), 6) for v in np.array(origin)[::-1] + number * way]
        item.SOPInstanceUID = item.file_meta.MediaStorageSOPInstanceUID = uids.generate_uid(
            entropy_srcs=[series, str(number)]
        )
        _save(item, folder / names[number], how)
    return [folder / name for name in names]


def _slice(hu: npt.NDArray[np.generic], how: Scanner, spacing: tuple[float, float, float]) -> pydicom.Dataset:
    item = pydicom.Dataset()
    item.file_meta = FileMetaDataset()
    item.file_meta.MediaStorageSOPClassUID = item.SOPClassUID = uids.CTImageStorage
    item.Modality, item.ImageType = "CT", ["ORIGINAL", "PRIMARY", "AXIAL"]
    item.PatientName, item.PatientBirthDate, item.PatientSex = "", "", ""
    item.StudyDate, item.StudyTime, item.StudyID, item.AccessionNumber, item.SeriesNumber = "", "", "", "", "1"
    item.ReferringPhysicianName = item.Manufacturer = item.ManufacturerModelName = item.DeviceSerialNumber = ""
    item.SoftwareVersions, item.PositionReferenceIndicator = "", ""
    item.Rows, item.Columns = hu.shape
    item.SamplesPerPixel, item.PhotometricInterpretation = 1, "MONOCHROME2"
    item.BitsAllocated, item.BitsStored, item.HighBit, item.PixelRepresentation = 16, 16, 15, int(how.signed)
    item.PixelSpacing, item.SliceThickness = [spacing[1], spacing[2]], spacing[0]
    item.ImageOrientationPatient = [round(v, 9) for v in how.orientation]
    item.RescaleSlope, item.RescaleIntercept, item.RescaleType = how.slope, how.intercept, "HU"
    stored = np.rint((hu.astype(np.float64) - how.intercept) / how.slope).astype(np.int64)
    dtype = np.int16 if how.signed else np.uint16
    if how.padding is not None:
        item.add_new("PixelPaddingValue", "SS" if how.signed else "US", how.padding)
        stored[hu == how.padding * how.slope + how.intercept] = how.padding
    assert stored.min() >= np.iinfo(dtype).min
    item.PixelData = stored.astype(dtype).tobytes()
    return item


def _save(item: pydicom.Dataset, path: Path, how: Scanner) -> None:
    syntax = SYNTAXES[how.syntax]
    if syntax == uids.JPEGLosslessSV1:
        plain = path.with_suffix(".plain")
        _save(item, plain, Scanner())
        _to_jpeg_lossless(plain, path)
        plain.unlink()
        return
    item.file_meta.TransferSyntaxUID = syntax if not syntax.is_compressed else uids.ExplicitVRLittleEndian
    if syntax == uids.DeflatedExplicitVRLittleEndian:
        item.file_meta.TransferSyntaxUID = syntax
    elif syntax.is_compressed:
        item.compress(syntax, generate_instance_uid=False)
    elif syntax == uids.ExplicitVRBigEndian:
        item.PixelData = np.frombuffer(item.PixelData, "<u2").astype(">u2").tobytes()
    item.save_as(path, enforce_file_format=True)


def _to_jpeg_lossless(source: Path, target: Path) -> None:
    gdcm: Any = importlib.import_module("gdcm")
    reader, change, writer = gdcm.ImageReader(), gdcm.ImageChangeTransferSyntax(), gdcm.ImageWriter()
    reader.SetFileName(str(source))
    assert reader.Read()
    change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.JPEGLosslessProcess14_1))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer.SetFileName(str(target))
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    assert writer.Write()


def edit(file: Path, **tags: Any) -> None:
    """Change tags of a written slice; None removes one."""
    item = pydicom.dcmread(file)
    for name, value in tags.items():
        if value is None:
            del item[name]
        else:
            setattr(item, name, value)
    item.save_as(file, enforce_file_format=True)


def phantom(shape: tuple[int, int, int] = (6, 12, 16), seed: int = 0) -> npt.NDArray[np.int16]:
    """HU of noise in the lung's and the body's range, another value in every voxel's neighbourhood."""
    rng = np.random.default_rng(seed)
    hu = rng.integers(-1000, 0, shape)
    hu[shape[0] // 2, shape[1] // 2 :] = rng.integers(0, 400, (shape[1] - shape[1] // 2, shape[2]))
    return hu.astype(np.int16)


def tree_bytes(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder, by its name in it."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in _files(folder)}


def _files(folder: Path) -> Iterator[Path]:
    for where, _, names in os.walk(folder):
        yield from (Path(where, name) for name in sorted(names))
