"""A CT volume from a file or folder, and the cube around a point in it.

In: a DICOM series, NIfTI, ``.npy`` or ``.npz``; out: HU in the order (z, y, x), z towards the head, y towards the
back, x towards the patient's left, with the spacing of its voxels; and cubes resampled to a spacing asked for.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt
import pydicom
from scipy import ndimage

from medrepro.datamodules.support.errors import InputError

AIR = -1024  # HU; what lies outside the scan, and the scanner's padding below it
AXIAL = (1, 0, 0, 0, 1, 0)
Point = tuple[float, float, float]


@dataclass(frozen=True)
class CTVolume:
    """HU of one scan.

    Attributes:
        hu: int16 ``(D, H, W)``.
        z_mm: ``(D,)`` positions of the slices, rising.
        pixel_mm: row and column spacing.
        series_uid: of a DICOM series, else empty.
    """

    hu: npt.NDArray[np.int16]
    z_mm: npt.NDArray[np.float64]
    pixel_mm: tuple[float, float]
    series_uid: str = ""

    def index_of_z(self, z_mm: float) -> float:
        """Return the fractional slice at a position; outside the scan the nearest slice."""
        return float(np.interp(z_mm, self.z_mm, np.arange(len(self.z_mm))))

    def cube(self, centre: Point, side: int, spacing: float) -> npt.NDArray[np.int16]:
        """Return the cube ``(side, side, side)`` around ``centre``, interpolated linearly; outside the scan is air.

        Args:
            centre: voxel indices (z, y, x), fractions allowed.
            side: voxels of the cube.
            spacing: mm between them.

        Raises:
            InputError: the centre lies outside the volume.
        """
        if any(not 0 <= place < size for place, size in zip(centre, self.hu.shape, strict=True)):
            raise InputError(f"point {centre} (z, y, x) lies outside the volume of {self.hu.shape} voxels")
        steps = (np.arange(side) - (side - 1) / 2) * spacing
        z = np.interp(centre[0], np.arange(len(self.z_mm)), self.z_mm) + steps
        inside = (z >= self.z_mm[0]) & (z <= self.z_mm[-1])
        slices = np.where(inside, np.interp(z, self.z_mm, np.arange(len(self.z_mm))), -10.0)
        rows, columns = (place + steps / mm for place, mm in zip(centre[1:], self.pixel_mm, strict=True))
        grid = np.meshgrid(slices, rows, columns, indexing="ij")
        values = ndimage.map_coordinates(np.maximum(self.hu, AIR).astype(np.float32), grid, order=1, cval=AIR)
        return np.round(values).astype(np.int16)


def read_volume(path: Path, spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> CTVolume:
    """Read a volume of HU.

    Args:
        path: a folder of one DICOM series, a ``.nii`` or ``.nii.gz``, a ``.npy`` (z, y, x), or a ``.npz`` with
            ``volume`` and ``spacing``.
        spacing: (z, y, x) in mm of a ``.npy``, which carries none.

    Raises:
        FileNotFoundError: there is nothing at ``path``.
        InputError: it is none of these, or not one volume.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file or folder; give a DICOM folder, NIfTI, .npy or .npz")
    if path.is_dir():
        return _only_series(path)
    if path.name.endswith((".nii", ".nii.gz")):
        return _nifti(path)
    if path.suffix in (".npy", ".npz"):
        return _numpy(path, spacing)
    raise InputError(f"{path}: neither a folder of DICOM files nor .nii, .nii.gz, .npy or .npz")


def dicom_series(files: Iterable[Path]) -> dict[str, list[Path]]:
    """Group DICOM image files by series, reading headers only; other files are passed over."""
    series: dict[str, list[Path]] = defaultdict(list)
    for file in files:
        try:
            header = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=["SeriesInstanceUID", "Rows"])
        except (pydicom.errors.InvalidDicomError, OSError):
            continue
        if "Rows" in header:
            series[str(header.SeriesInstanceUID)].append(file)
    return dict(series)


def read_series(files: Iterable[Path]) -> CTVolume:
    """Read the axial slices of one DICOM series, sorted by position, as HU.

    Raises:
        InputError: slices are not axial, differ in size, or lie at one place.
    """
    slices = [pydicom.dcmread(file) for file in files]
    first = slices[0]
    for item in slices:
        if not np.allclose(item.ImageOrientationPatient, AXIAL, atol=1e-3):
            raise InputError(f"{item.filename!s}: slices must be axial, found {list(item.ImageOrientationPatient)}")
        if (item.Rows, item.Columns) != (first.Rows, first.Columns):
            raise InputError(
                f"{item.filename!s}: {item.Rows} x {item.Columns} px, others {first.Rows} x {first.Columns}"
            )
    slices.sort(key=lambda item: float(item.ImagePositionPatient[2]))
    z = np.array([float(item.ImagePositionPatient[2]) for item in slices])
    hu = np.stack([item.pixel_array * float(item.RescaleSlope) + float(item.RescaleIntercept) for item in slices])
    row, column = (float(mm) for mm in first.PixelSpacing)
    return _checked(hu, z, (row, column), str(first.SeriesInstanceUID))


def _only_series(folder: Path) -> CTVolume:
    series = dicom_series(sorted(file for file in folder.rglob("*") if file.is_file()))
    if len(series) != 1:
        raise InputError(f"{folder} holds {len(series)} DICOM series; give the folder of exactly one")
    return read_series(next(iter(series.values())))


def _nifti(path: Path) -> CTVolume:
    untyped: Any = nib
    image = untyped.as_closest_canonical(untyped.load(path))  # axes to the right, the front, the head
    data = np.asarray(image.dataobj)
    if data.ndim != 3:
        raise InputError(f"{path}: shape {data.shape}; a volume has three axes")
    x_mm, y_mm, z_mm = (float(mm) for mm in image.header.get_zooms())
    return _checked(data.T[:, ::-1, ::-1], np.arange(data.shape[2]) * np.float64(z_mm), (y_mm, x_mm))


def _numpy(path: Path, spacing: tuple[float, float, float]) -> CTVolume:
    try:
        content = np.load(path, allow_pickle=False)
        if path.suffix == ".npy":
            data = content
        else:
            data = content["volume"]
            spacing = (float(content["spacing"][0]), float(content["spacing"][1]), float(content["spacing"][2]))
        z = content["z"] if path.suffix == ".npz" and "z" in content else np.arange(len(data)) * np.float64(spacing[0])
    except (KeyError, ValueError, OSError) as error:
        raise InputError(f"{path} cannot be read: {error}") from error
    if data.ndim != 3:
        raise InputError(f"{path}: shape {data.shape}; a volume is (z, y, x)")
    return _checked(data, z, spacing[1:])


def _checked(
    hu: npt.NDArray[np.number], z: npt.NDArray[np.floating], pixel: tuple[float, float], uid: str = ""
) -> CTVolume:
    if len(z) < 2 or (np.diff(z) <= 0).any():
        raise InputError(f"{len(z)} slices with steps of {np.diff(z).min() if len(z) > 1 else 0} mm: not one volume")
    if not np.isfinite(hu).all() or hu.max() < 0 or hu.min() > -500:
        raise InputError(f"values from {hu.min()} to {hu.max()} are not HU of a chest CT (air is near -1000)")
    return CTVolume(np.clip(np.round(hu), -32768, 32767).astype(np.int16), z.astype(np.float64), pixel, uid)
