"""Read an outline (DICOM segmentation by highdicom, NIfTI, NRRD or MetaImage) as a mask on the grid of its CT.

Where the two grids are the same, voxels are copied; otherwise the nearest voxel decides.
"""

from pathlib import Path
from typing import Any

import highdicom
import numpy as np
import numpy.typing as npt
import pydicom

from medrepro.datamodules.ct.dicom import BROKEN, check_deflated
from medrepro.datamodules.ct.files import load_itk, load_nifti
from medrepro.datamodules.ct.volume import CT, Floats
from medrepro.datamodules.support.errors import InputError, one_line

HALF = 0.5  # of a fractional segmentation's largest value
SAME_GRID = 0.02  # voxels
VOLUMES = (".nii", ".nii.gz", ".nrrd", ".mhd", ".mha")


def referenced_series(file: Path) -> tuple[str, ...]:
    """Return the uids of the series that a segmentation refers to.

    Raises:
        InputError: it cannot be read, or is no segmentation.
    """
    try:
        check_deflated(file)
        header = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=["Modality", "ReferencedSeriesSequence"])
        modality = str(header.get("Modality") or "none")
        found = tuple(str(item.SeriesInstanceUID) for item in header.get("ReferencedSeriesSequence") or ())
    except (pydicom.errors.InvalidDicomError, *BROKEN) as error:
        raise InputError(f"{file} cannot be read: {one_line(error)}") from error
    if modality != "SEG":
        raise InputError(f"{file} has modality {modality}; a segmentation (SEG) is needed")
    return found


def read_segmentation(file: Path, scan: CT) -> npt.NDArray[np.bool_]:
    """Return all segments of a SEG together, bool of the scan's shape.

    Raises:
        InputError: it cannot be read, refers to another series, or marks no voxel of the scan.
    """
    series = referenced_series(file)
    if scan.series_uid and series and scan.series_uid not in series:
        raise InputError(f"{file} outlines series {series[0]}, the scan is {scan.series_uid}")
    return on_grid(*_volume(file), scan, str(file))


def read_outline(file: Path, scan: CT) -> npt.NDArray[np.bool_]:
    """Return an outline on a scan's grid: a DICOM segmentation, or a volume whose voxels above 0 are inside.

    Raises:
        FileNotFoundError: there is no such file.
        InputError: it cannot be read, or marks no voxel of the scan.
    """
    if not file.is_file():
        raise FileNotFoundError(f"{file} not found: the column mask names a file, from the table's folder")
    if not file.name.lower().endswith(VOLUMES):
        return read_segmentation(file, scan)
    values, origin, steps = load_nifti(file) if ".nii" in file.name.lower() else load_itk(file)
    if values.ndim != 3 or values.dtype.kind not in "iufb" or not np.isfinite(values).all():
        raise InputError(f"{file}: {values.dtype} of shape {values.shape} is no outline; allowed: numbers, three axes")
    return on_grid(np.greater(values, 0), origin, steps, scan, str(file))


def on_grid(mask: npt.NDArray[np.bool_], origin: Floats, steps: Floats, scan: CT, what: str) -> npt.NDArray[np.bool_]:
    """Return a mask with a grid of its own on the grid of a scan.

    Args:
        mask: bool, of any shape.
        origin: mm (z, y, x) of its first voxel.
        steps: as :attr:`CT.steps`.
        scan: the CT.
        what: names the mask in errors.

    Raises:
        InputError: nothing of it lies in the scan.
    """
    marked = np.argwhere(mask)
    if not len(marked):
        raise InputError(f"{what}: it marks no voxel")
    found = np.zeros(scan.hu.shape, dtype=bool)
    to_scan = np.linalg.inv(scan.steps)
    matrix, offset = to_scan @ steps, to_scan @ (origin - scan.origin)
    turn = np.rint(matrix)
    same = (
        np.abs(matrix - turn).max() < SAME_GRID / max(mask.shape) and np.abs(offset - np.rint(offset)).max() < SAME_GRID
    )
    if same and abs(abs(np.linalg.det(turn)) - 1) < SAME_GRID:
        places = marked @ turn.astype(int).T + np.rint(offset).astype(int)
        inside = ((places >= 0) & (places < scan.hu.shape)).all(axis=1)
        found[tuple(places[inside].T)] = True
    else:
        _nearest(found, mask, marked, matrix, offset)
    if not found.any():
        raise InputError(f"{what}: what it marks lies outside the scan")
    return found


def _nearest(
    found: npt.NDArray[np.bool_],
    mask: npt.NDArray[np.bool_],
    marked: npt.NDArray[np.int64],
    matrix: Floats,
    offset: Floats,
) -> None:
    """Set the voxels of ``found`` whose nearest voxel of ``mask`` is marked."""
    ends = np.concatenate([marked - 0.5, marked + 0.5]) @ matrix.T + offset
    low = np.clip(np.floor(ends.min(axis=0)).astype(int), 0, found.shape)
    high = np.clip(np.ceil(ends.max(axis=0)).astype(int) + 1, 0, found.shape)
    block = np.stack(np.meshgrid(*(np.arange(a, b) for a, b in zip(low, high, strict=True)), indexing="ij"), axis=-1)
    places = np.rint((block - offset) @ np.linalg.inv(matrix).T).astype(int)
    inside = ((places >= 0) & (places < mask.shape)).all(axis=-1)
    values = np.zeros(inside.shape, dtype=bool)
    values[inside] = mask[tuple(places[inside].T)]
    found[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] = values


def _volume(file: Path) -> tuple[npt.NDArray[np.bool_], Floats, Floats]:
    """Return mask, origin and steps, (z, y, x) in mm, of all segments together."""
    try:
        segmentation: Any = highdicom.seg.segread(str(file))
        volume = segmentation.get_volume(combine_segments=False, rescale_fractional=True)
        values = np.asarray(volume.array)
        affine = np.asarray(volume.affine, dtype=np.float64)  # voxel (k, row, column) -> mm (x, y, z)
    except (pydicom.errors.InvalidDicomError, *BROKEN) as error:
        raise InputError(f"{file} cannot be read as a segmentation: {one_line(error)}") from error
    mask = np.asarray((values >= HALF).reshape(*values.shape[:3], -1).any(axis=-1))  # a last axis are segments
    return mask, affine[:3, 3][::-1], affine[:3, :3][::-1]
