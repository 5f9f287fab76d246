"""Read one CT scan from one file: NIfTI by nibabel, NRRD and MetaImage by SimpleITK, and numpy arrays.

A scan comes out with the axes of its file. NIfTI counts towards the right and the front, ITK as DICOM does; both come
out in mm (z, y, x) towards head, back and left.
"""

import zlib
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any
from zipfile import BadZipFile

import nibabel as nib
import numpy as np
import numpy.typing as npt
import SimpleITK
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError

from medrepro.datamodules.ct.volume import (
    CT,
    MAX_VOXELS,
    OFF_LINE_MM,
    Floats,
    Triple,
    checked_geometry,
    checked_hu,
    even_step,
)
from medrepro.datamodules.support.errors import InputError, one_line

BROKEN = (
    BadZipFile, EOFError, HeaderDataError, ImageFileError, KeyError, MemoryError, NotImplementedError, OSError,
    OverflowError, TypeError, ValueError, zlib.error,
)  # fmt: skip  # what nibabel, numpy and their decoders raise on damaged files
MM = {"mm": 1.0, "unknown": 1.0, "meter": 1000.0, "micron": 0.001}
HEADER_BYTES = 1 << 16
OTHER_FILE = ("ElementDataFile", "data file", "datafile")  # MetaImage; NRRD, spelt both ways

Loaded = tuple[npt.NDArray[np.generic], Floats, Floats]


def read_nifti(path: Path) -> CT:
    """Read ``.nii`` or ``.nii.gz``.

    Raises:
        InputError: it cannot be read, is no volume of HU, or does not say how it lies in the patient.
    """
    values, origin, steps = load_nifti(path)
    return CT(checked_hu(values, str(path)), origin, steps)


def read_itk(path: Path) -> CT:
    """Read ``.nrrd``, ``.mhd`` with its ``.raw`` or ``.zraw`` beside it, or ``.mha``.

    Raises:
        FileNotFoundError: the file with the voxels is missing.
        InputError: it cannot be read, is no volume of HU, or names a file outside its own folder.
    """
    values, origin, steps = load_itk(path)
    return CT(checked_hu(values, str(path)), origin, steps, series_uid=path.stem)


def read_numpy(path: Path, spacing: Triple = (1.0, 1.0, 1.0)) -> CT:
    """Read ``.npy``, or ``.npz`` with ``volume``, ``spacing`` and optionally ``z``; axes (z, y, x) as of :class:`CT`.

    Args:
        path: the file.
        spacing: mm (z, y, x) of a ``.npy``, which carries none.

    Raises:
        InputError: it cannot be read, is no volume of HU, or its ``z`` (mm per slice) are no even steps of its spacing.
    """
    z: Floats | None = None
    try:
        content = np.load(path, allow_pickle=False)
        if not isinstance(values := content, np.ndarray):
            values = content["volume"]
            mm, row, column = np.asarray(content["spacing"], dtype=np.float64).tolist()
            spacing = (mm, row, column)
            z = np.asarray(content["z"], dtype=np.float64).reshape(len(values), 1) if "z" in content else None
    except BROKEN as error:
        raise InputError(f"{path} cannot be read: {one_line(error)}") from error
    hu, start = checked_hu(values, str(path)), 0.0
    if z is not None and len(z) > 1:
        start, step = float(z[0, 0]), float(even_step(z, str(path))[0])
        if abs(step - spacing[0]) > OFF_LINE_MM:
            raise InputError(f"{path}: its slices lie {step:g} mm apart, its spacing says {spacing[0]:g}")
        spacing = (step, *spacing[1:])
    if not min(spacing) > 0:
        raise InputError(f"{path}: spacing {spacing} mm (z, y, x); allowed: above 0")
    origin, steps = checked_geometry((start, 0.0, 0.0), np.diag(spacing), str(path))
    return CT(hu, origin, steps)


def load_nifti(path: Path) -> Loaded:
    """Return the voxels (z, y, x) of a NIfTI file in any unit, their origin and steps, as :func:`read_nifti`."""
    untyped: Any = nib
    try:
        image = untyped.load(path)
        header = image.header
        if not (int(header["sform_code"]) or int(header["qform_code"])):
            raise InputError(f"{path}: neither sform nor qform says how it lies in the patient; save it with one")
        if len(image.shape) != 3 or np.prod(image.shape, dtype=float) > MAX_VOXELS:
            raise InputError(
                f"{path}: shape {image.shape}; a volume has three axes and at most {MAX_VOXELS:.0e} voxels"
            )
        values = np.asarray(image.dataobj)
        unit = MM[header.get_xyzt_units()[0]]
    except InputError:
        raise
    except BROKEN as error:
        raise InputError(f"{path} cannot be read as NIfTI: {one_line(error)}") from error
    affine = np.diag([-1, -1, 1, 1]) @ np.asarray(image.affine, dtype=np.float64) * unit  # right, front -> left, back
    origin, steps = checked_geometry(affine[:3, 3][::-1], affine[:3, :3][::-1, ::-1], str(path))
    return values.T, origin, steps


def load_itk(path: Path) -> Loaded:
    """Return the voxels (z, y, x) of an ITK file in any unit, their origin and steps, as :func:`read_itk`."""
    _check_data_file(path)
    itk: Any = SimpleITK  # ships no types
    reader = itk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
        size = reader.GetSize()
        if len(size) != 3 or reader.GetNumberOfComponents() != 1 or np.prod(size, dtype=float) > MAX_VOXELS:
            raise InputError(
                f"{path}: size {size} with {reader.GetNumberOfComponents()} numbers per voxel is no CT volume"
            )
        image = reader.Execute()
    except RuntimeError as error:
        lines = [line for line in str(error).splitlines() if line.strip()]
        raise InputError(f"{path} cannot be read: {lines[-1].strip() if lines else 'no reason given'}") from error
    spacing = np.array(image.GetSpacing())
    steps = np.array(image.GetDirection()).reshape(3, 3) * spacing
    origin, steps = checked_geometry(np.array(image.GetOrigin())[::-1], steps[::-1, ::-1], str(path))
    return np.asarray(itk.GetArrayFromImage(image)), origin, steps


def voxel_files(path: Path) -> list[Path]:
    """Return the file beside a ``.mhd`` header that holds its voxels; none for other files."""
    beside = [path.with_suffix(end) for end in (".raw", ".zraw")] if path.suffix == ".mhd" else []
    return [file for file in beside if file.is_file()]


def _check_data_file(path: Path) -> None:
    """Follow a header to another file only within its own folder."""
    with path.open("rb") as file:
        lines = file.read(HEADER_BYTES).decode("latin-1").splitlines()
    for line in lines:
        name, _, value = line.replace(":", "=", 1).partition("=")
        value = value.strip()
        if name.strip() not in OTHER_FILE or value.upper() == "LOCAL":
            continue
        if len(PurePosixPath(value).parts) != 1 or len(PureWindowsPath(value).parts) != 1 or value == "..":
            raise InputError(f"{path} keeps its voxels in {value!r}; allowed: one file in its own folder")
        if not (path.parent / value).is_file():
            raise FileNotFoundError(f"{path.parent / value} not found: {path.name} keeps its voxels there")
