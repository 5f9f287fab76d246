"""A CT volume for a nodule whose annotations are real and whose intensities are not.

Real: shape, size, the ratings that say how tissue looks, slice thickness and spacing of its scan. Rendered: every
HU. The same (nodule, seed) gives the same bytes in any process and any order. What each part does, and how it was
checked against real CT, is in ``docs/rendering.md``.
"""

import hashlib
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from medrepro.datamodules.rendering.anatomy import background
from medrepro.datamodules.rendering.nodule import Appearance, place_nodule
from medrepro.datamodules.rendering.scanner import scan
from medrepro.datamodules.support.errors import InputError

RENDER_VERSION = 1  # raise it whenever a rendered byte changes: older caches are then made again
MAX_SIZE = 256


def check_grid(size: int, spacing: float) -> None:
    """Refuse a grid that cannot be rendered.

    Raises:
        InputError: size or spacing out of range.
    """
    if not 8 <= size <= MAX_SIZE:
        raise InputError(f"size is {size} voxels; the renderer makes 8 to {MAX_SIZE} a side")
    if not 0.25 <= spacing <= 4.0:
        raise InputError(f"spacing is {spacing} mm; the renderer takes 0.25 to 4 mm")


class Nodule(NamedTuple):
    """Everything of a nodule that its rendering depends on.

    Attributes:
        appearance: its id, ratings and scan thickness.
        mask: bool (D, H, W) in the scan's grid.
        spacing: voxels of that grid in mm (z, y, x).
    """

    appearance: Appearance
    mask: NDArray[np.bool_]
    spacing: tuple[float, float, float]


class Rendering(NamedTuple):
    """Planes of one rendered nodule.

    Attributes:
        planes: (P,) their indices along z.
        images: int16 (P, H, W) in HU.
        masks: bool (P, H, W).
    """

    planes: NDArray[np.int64]
    images: NDArray[np.int16]
    masks: NDArray[np.bool_]


def render_planes(nodule: Nodule, size: int, spacing: float, seed: int, mask_only: bool) -> Rendering:
    """Render a nodule; with ``mask_only`` keep only the planes (z) that it touches. Other arguments as below."""
    volume, mask = render_mask(*nodule, size, spacing, seed)
    planes = np.flatnonzero(mask.any(axis=(1, 2))) if mask_only else np.arange(size)
    return Rendering(planes, volume[planes], mask[planes])


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
