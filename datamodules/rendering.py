"""A CT volume for a nodule whose annotations are real and whose intensities are not.

In: a row of :func:`datamodules.lidc.nodules` (or a nodule's id) and a seed; out: int16 HU and the nodule's mask.
Real: shape, size, the ratings that say how tissue looks, slice thickness and spacing of its scan. Rendered: every
HU. The same (nodule, seed) gives the same bytes in any process and any order. What each part does, and how it was
checked against real CT, is in ``docs/rendering.md``.
"""

import hashlib
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from datamodules.errors import InputError
from datamodules.lidc_table import load_store
from datamodules.render_background import background
from datamodules.render_nodule import Appearance, place_nodule
from datamodules.render_scanner import scan

RENDER_VERSION = 1  # raise it whenever a rendered byte changes: older caches are then made anew
MAX_SIZE = 256


class NoduleRow(Protocol):
    """What the renderer reads of a nodule's row; malignancy is not in it."""

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
    """Take from a row what may be rendered, and the spacing (z, y, x) of its scan in mm."""
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


def check_grid(size: int, spacing: float) -> None:
    """Refuse a grid that cannot be rendered.

    Raises:
        InputError: size or spacing out of range.
    """
    if not 8 <= size <= MAX_SIZE:
        raise InputError(f"size is {size} voxels; the renderer makes 8 to {MAX_SIZE} a side")
    if not 0.25 <= spacing <= 4.0:
        raise InputError(f"spacing is {spacing} mm; the renderer takes 0.25 to 4 mm")


def render_mask(
    appearance: Appearance,
    native: NDArray[np.bool_],
    native_spacing: tuple[float, float, float],
    size: int,
    spacing: float,
    seed: int,
) -> tuple[NDArray[np.int16], NDArray[np.bool_]]:
    """Render a nodule of given shape and appearance; the pure function behind :func:`render`.

    Args:
        appearance: ratings and scan thickness.
        native: mask (D, H, W) in the scan's grid.
        native_spacing: its voxels in mm (z, y, x).
        size: voxels along each side of the output.
        spacing: mm.
        seed: of every draw, together with the nodule's id.
    """
    seeds = (seed, *case_key(appearance.nodule_id))
    scene = background(size, spacing, seeds)
    placed = place_nodule(appearance, native, native_spacing, size, spacing, np.random.default_rng([*seeds, 10]))
    part = scene[placed.box]
    part += placed.opacity * (placed.hu - part)
    # The slice through the centre of mass falls where the real one did.
    phase = (np.rint(np.argwhere(native)[:, 0].mean()) - np.argwhere(native)[:, 0].mean()) * native_spacing[0]
    rng = np.random.default_rng([*seeds, 20])
    volume = scan(scene, spacing, appearance.slice_thickness, native_spacing[0], float(phase), rng)
    mask = np.zeros(volume.shape, dtype=bool)
    mask[placed.box] = placed.mask
    return volume, mask


def case_key(nodule_id: str) -> tuple[int, int]:
    """Two 32-bit numbers that name a nodule to a random generator."""
    digest = hashlib.sha256(nodule_id.encode()).digest()
    return int.from_bytes(digest[:4], "little"), int.from_bytes(digest[4:8], "little")
