"""The scanner: blur in the plane, slices of the scan's thickness at the scan's spacing, noise.

In: a scene in HU and the real scan's slice geometry; out: the HU a reader would see, resampled to the output
grid. Thickness and spacing are those of the nodule's own scan, so whatever they have to do with malignancy in
reality (little) stays in.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse

FloatArray = NDArray[np.float32]

_BLUR_MM = 0.6  # in-plane point spread, sigma
_NOISE_HU = (np.log(46.0), 0.2)  # at 1.25 mm
_NOISE_THICKNESS_MM = (0.75, 3.0)
_NOISE_SIGMA_MM = 0.6  # assumed: in-plane correlation
AIR_HU, BONE_HU = -1024, 3071  # 12 bit


def scan(
    scene: FloatArray,
    spacing: float,
    slice_thickness: float,
    slice_spacing: float,
    phase: float,
    rng: np.random.Generator,
) -> NDArray[np.int16]:
    """Acquire a scene and bring it back to its own grid.

    Args:
        scene: (D, H, W) in HU, voxels of ``spacing`` mm along each axis.
        spacing: mm.
        slice_thickness: mm, the box each slice averages over.
        slice_spacing: mm between slices.
        phase: mm from the middle of the grid to the nearest slice.
        rng: noise of this case.

    Returns:
        (D, H, W) int16 in HU.
    """
    size, shape = len(scene), scene.shape[1:]
    blurred = scene
    for axis in (1, 2):
        blurred = ndimage.gaussian_filter1d(blurred, _BLUR_MM / spacing, axis=axis, mode="nearest", truncate=3.0)
    heights = _slice_heights(size * spacing, slice_spacing, phase)
    slices = _slab_average(heights, slice_thickness, size, spacing) @ blurred.reshape(size, -1)
    slices += _noise((len(heights), *shape), spacing, slice_thickness, rng).reshape(len(heights), -1)
    image = _interpolation(heights, size, spacing) @ slices
    rounded: NDArray[np.int16] = np.rint(np.clip(image, AIR_HU, BONE_HU)).astype(np.int16)
    return rounded.reshape(scene.shape)


def _slice_heights(extent: float, slice_spacing: float, phase: float) -> NDArray[np.float64]:
    """Positions of the slices within the grid, mm from its middle."""
    first = np.ceil((-extent / 2 - phase) / slice_spacing)
    last = np.floor((extent / 2 - phase) / slice_spacing)
    heights: NDArray[np.float64] = phase + np.arange(first, last + 1) * slice_spacing
    return heights


def _slab_average(heights: NDArray[np.float64], thickness: float, size: int, spacing: float) -> sparse.csr_array:
    """(slices, D) weights: the mean over a slab of ``thickness`` around each height."""
    planes = (np.arange(size) - (size - 1) / 2) * spacing
    high = np.minimum(heights[:, None] + thickness / 2, planes[None] + spacing / 2)
    low = np.maximum(heights[:, None] - thickness / 2, planes[None] - spacing / 2)
    weights = np.clip(high - low, 0.0, None)
    return sparse.csr_array((weights / weights.sum(axis=1, keepdims=True)).astype(np.float32))


def _interpolation(heights: NDArray[np.float64], size: int, spacing: float) -> sparse.csr_array:
    """(D, slices) weights: the mean over each output plane of the line through neighbouring slices."""
    planes = (np.arange(size) - (size - 1) / 2) * spacing
    position = np.interp(planes, heights, np.arange(len(heights)))
    weights = np.clip(1.0 - np.abs(position[:, None] - np.arange(len(heights))[None]), 0.0, None)
    return sparse.csr_array(weights.astype(np.float32))


def _noise(shape: tuple[int, ...], spacing: float, thickness: float, rng: np.random.Generator) -> FloatArray:
    """(slices, H, W) noise in HU, correlated in the plane; coarser voxels average it away."""
    level = rng.lognormal(*_NOISE_HU) * np.sqrt(1.25 / np.clip(thickness, *_NOISE_THICKNESS_MM))
    noise = rng.standard_normal(shape, dtype=np.float32)
    sigma = _NOISE_SIGMA_MM / spacing
    for axis in (1, 2):
        noise = ndimage.gaussian_filter1d(noise, sigma, axis=axis, mode="wrap", truncate=3.0)
    scale = level / max(1.0, spacing) / noise[:8].std()
    return noise * np.float32(scale)
