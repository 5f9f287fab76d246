"""The nodule itself: its real shape on the output grid and the tissue its readers described.

In: the consensus mask in the scan's grid and the four ratings that say how tissue looks (texture,
calcification, internal structure, margin). Out: the mask at the output spacing, an opacity in [0, 1] and HU.
Malignancy is not among the inputs, and no other rating is.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]

_TEXTURE_RATINGS = (1.0, 2.0, 3.0, 4.0, 5.0)
_CORE_DEPTH = (1.3, 0.85, 0.5, 0.22, -1.0)  # normalised depth from which tissue is solid, per texture rating
_SOLID_HU = (-20.0, 60.0)
_GROUND_GLASS_HU = (-650.0, -520.0)
_CALCIUM_HU = (200.0, 800.0)
_INTERNAL_HU = {2: (0.0, 20.0), 3: (-110.0, -60.0), 4: (-960.0, -860.0)}  # fluid, fat, air
_INTERNAL_DEPTH = 0.4  # assumed: such contents fill the inner part
_TISSUE_NOISE_HU = 12.0  # assumed: unevenness of solid tissue
_PAD_MM = 6.0  # room around the mask for the blurred edge


@dataclass(frozen=True)
class Appearance:
    """What of a nodule's record the renderer may see: its name, four ratings and its scan's geometry.

    Attributes:
        nodule_id: seeds every random draw, together with the seed.
        texture: mean rating 1 (ground glass) - 5 (solid).
        margin: mean rating 1 (poorly defined) - 5 (sharp).
        calcification: majority category 1-6 (6 none).
        internal_structure: majority category 1-4 (1 soft tissue).
        slice_thickness: mm.
    """

    nodule_id: str
    texture: float
    margin: float
    calcification: int
    internal_structure: int
    slice_thickness: float


@dataclass(frozen=True)
class Placed:
    """A nodule on the output grid, within a box.

    Attributes:
        box: where the box lies in the output grid.
        mask: bool (d, h, w), at least half of the voxel belongs to the nodule.
        opacity: float32 (d, h, w) in [0, 1]; 0 leaves the background.
        hu: float32 (d, h, w), tissue in HU.
    """

    box: tuple[slice, slice, slice]
    mask: BoolArray
    opacity: FloatArray
    hu: FloatArray


def overlap_weights(count: int, spacing: float, centre: float, size: int, out_spacing: float) -> NDArray[np.float64]:
    """Share of each output voxel that each input voxel covers along one axis.

    Both are boxes without gaps, so that on an endless input each row sums to one: no moire inside a nodule.

    Args:
        count: input voxels.
        spacing: mm between them.
        centre: position, in input voxels, that falls on the middle of the output grid.
        size: output voxels.
        out_spacing: mm between them.

    Returns:
        (size, count) weights in [0, 1].
    """
    middle_in = (np.arange(count) - centre) * spacing
    middle_out = (np.arange(size) - (size - 1) / 2) * out_spacing
    high = np.minimum(middle_in[None] + spacing / 2, middle_out[:, None] + out_spacing / 2)
    low = np.maximum(middle_in[None] - spacing / 2, middle_out[:, None] - out_spacing / 2)
    weights: NDArray[np.float64] = np.clip(high - low, 0.0, None) / out_spacing
    return weights


def resample_mask(
    native: BoolArray, native_spacing: tuple[float, float, float], size: int, spacing: float
) -> tuple[tuple[slice, slice, slice], FloatArray]:
    """Bring a mask to the output grid, its centre of mass in the middle.

    Returns:
        The box it lies in (padded for the edge's blur, clipped to the grid) and the covered share of each of
        the box's voxels, float32 in [0, 1].
    """
    centre = np.argwhere(native).mean(axis=0)
    share = native.astype(np.float64)
    box = []
    pad = int(np.ceil(_PAD_MM / spacing))
    for axis in range(3):
        weights = overlap_weights(native.shape[axis], native_spacing[axis], centre[axis], size, spacing)
        touched = np.flatnonzero(weights.any(axis=1))
        part = slice(max(int(touched[0]) - pad, 0), min(int(touched[-1]) + 1 + pad, size))
        # einsum and not a matrix product: the bytes must not depend on how many threads a BLAS takes.
        share = np.moveaxis(np.einsum("ij,j...->i...", weights[part], np.moveaxis(share, axis, 0)), 0, axis)
        box.append(part)
    return (box[0], box[1], box[2]), share.astype(np.float32)


def place_nodule(
    appearance: Appearance,
    native: BoolArray,
    native_spacing: tuple[float, float, float],
    size: int,
    spacing: float,
    rng: np.random.Generator,
) -> Placed:
    """Bring a nodule to the output grid and give it tissue.

    Args:
        appearance: ratings and scan geometry.
        native: consensus mask (D, H, W) in the scan's grid.
        native_spacing: its voxel size in mm.
        size: voxels along each side of the output grid.
        spacing: mm between them.
        rng: draws of this nodule's tissue.
    """
    box, share = resample_mask(native, native_spacing, size, spacing)
    mask = share >= min(0.5, float(share.max()))
    depth = ndimage.distance_transform_edt(mask).astype(np.float32)
    depth /= depth.max()
    volume = float(native.sum()) * float(np.prod(native_spacing))
    radius = (3.0 * volume / (4.0 * np.pi)) ** (1.0 / 3.0)
    blur = min(0.4 + 0.4 * (5.0 - appearance.margin), 0.45 * radius) / spacing
    opacity = ndimage.gaussian_filter(share, blur, mode="constant", truncate=3.0)
    return Placed(box, mask, np.clip(opacity, 0.0, 1.0), _tissue(appearance, mask, depth, spacing, rng))


def _tissue(
    appearance: Appearance, mask: BoolArray, depth: FloatArray, spacing: float, rng: np.random.Generator
) -> FloatArray:
    """HU of the nodule's tissue in its box: texture, then contents, then calcium."""
    solid, glass, calcium = rng.uniform(*_SOLID_HU), rng.uniform(*_GROUND_GLASS_HU), rng.uniform(*_CALCIUM_HU)
    grain = _smooth_noise(mask.shape, 1.5 / spacing, rng)
    core = depth > np.interp(appearance.texture, _TEXTURE_RATINGS, _CORE_DEPTH)
    solidity = ndimage.gaussian_filter(core.astype(np.float32), 0.6 / spacing, mode="nearest")
    hu = glass + (solid - glass) * solidity + _TISSUE_NOISE_HU * grain
    if appearance.internal_structure in _INTERNAL_HU:
        content = rng.uniform(*_INTERNAL_HU[appearance.internal_structure])
        hu = np.where(depth > _INTERNAL_DEPTH, content, hu)
    pattern = calcium_pattern(appearance.calcification, mask, depth, spacing, rng)
    return np.where(pattern, calcium, hu).astype(np.float32)


def calcium_pattern(
    category: int, mask: BoolArray, depth: FloatArray, spacing: float, rng: np.random.Generator
) -> BoolArray:
    """Where calcium lies for LIDC's category: popcorn, laminated, solid, non-central, central (1-5), or none."""
    pattern = np.zeros(mask.shape, dtype=bool)
    if category == 1:
        pattern = (_smooth_noise(mask.shape, 1.2 / spacing, rng) > 0.4) & (depth > 0.15)
    elif category == 2:
        pattern = (np.cos(depth * 3.0 * 2.0 * np.pi) < -0.2) & (depth > 0.1)
    elif category == 3:
        pattern = depth > 0.1
    elif category == 4:
        pattern = _eccentric_ball(mask, depth, rng)
    elif category == 5:
        pattern = depth > 0.55
    return pattern


def _eccentric_ball(mask: BoolArray, depth: FloatArray, rng: np.random.Generator) -> BoolArray:
    """Return a ball of a third of the nodule's radius around a point half way out."""
    shell = np.argwhere((depth > 0.2) & (depth <= 0.6))
    inside = np.argwhere(mask)
    points = shell if len(shell) else inside
    centre = points[rng.integers(len(points))]
    radius = max(0.35 * (3.0 * len(inside) / (4.0 * np.pi)) ** (1.0 / 3.0), 0.8)
    grid = np.indices(mask.shape).transpose(1, 2, 3, 0)
    near: BoolArray = ((grid - centre) ** 2).sum(axis=-1) <= radius**2
    return near & mask


def _smooth_noise(shape: tuple[int, ...], sigma: float, rng: np.random.Generator) -> FloatArray:
    """Gaussian noise of mean 0 and deviation 1, smooth over ``sigma`` voxels."""
    noise = ndimage.gaussian_filter(rng.standard_normal(shape, dtype=np.float32), sigma, mode="wrap", truncate=3.0)
    return noise / max(float(noise.std()), 1e-6)
