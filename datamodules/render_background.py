"""Everything around a nodule: lung, chest wall with ribs, mediastinum, airways, vessels.

In: the grid and generators of the case; out: HU without noise and without the nodule. No function here is
given the nodule, its mask or any rating, so nothing in the background can tell its size or malignancy.
"""

import functools

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from datamodules.render_vessels import vessel_share

FloatArray = NDArray[np.float32]

_LUNG_HU = (-872.0, 28.0)  # mean, deviation between cases
_GRADIENT = 0.25  # HU/mm between cases, along y: the back of a lying patient is denser
_FINE = (14.0, 3.0)  # HU, sigma in mm
_COARSE = (16.0, 10.0)
_VESSEL_HU = (20.0, 60.0)
_BANK_SIDE = 96  # voxels of 1 mm; fields repeat without a seam
_BANK_SEED = 20090723
_WALL = 0.5  # share of cases
_WALL_DISTANCE_MM = (4.0, 34.0)  # from the middle, whatever the nodule's size: else the wall tells it
_WALL_RADIUS_MM = (70.0, 120.0)
_RIB = 0.75  # share of walls


def background(size: int, spacing: float, seeds: tuple[int, ...]) -> FloatArray:
    """Compose one case's surroundings, (D, H, W) in HU.

    Args:
        size: voxels along each side.
        spacing: mm.
        seeds: what names the case; each part draws from its own stream.
    """
    volume = _lung(size, spacing, np.random.default_rng([*seeds, 1]))
    rng = np.random.default_rng([*seeds, 2])
    share = vessel_share(size, spacing, rng)
    volume += share * (np.float32(rng.uniform(*_VESSEL_HU)) - volume)
    rng = np.random.default_rng([*seeds, 3])
    if rng.random() < _WALL:
        _add_wall(volume, spacing, rng)
    return volume


@functools.lru_cache(maxsize=1)
def _field_bank() -> tuple[FloatArray, FloatArray]:
    """Two fixed periodic fields of mean 0 and deviation 1: sigma 3 mm and sigma 10 mm."""
    rng = np.random.default_rng(_BANK_SEED)
    fields = []
    for _, sigma in (_FINE, _COARSE):
        noise = rng.standard_normal((_BANK_SIDE,) * 3, dtype=np.float32)
        smooth = ndimage.gaussian_filter(noise, sigma, mode="wrap", truncate=3.0)
        fields.append((smooth - smooth.mean()) / smooth.std())
    return fields[0], fields[1]


def _field(field: FloatArray, size: int, spacing: float, rng: np.random.Generator) -> FloatArray:
    """Cut a random, randomly flipped piece out of a periodic field."""
    axes = []
    for start, flip in zip(rng.integers(_BANK_SIDE, size=3), rng.integers(2, size=3), strict=True):
        steps = np.rint((np.arange(size) - (size - 1) / 2) * spacing).astype(np.int64)
        axes.append((start + (-steps if flip else steps)) % _BANK_SIDE)
    return field[np.ix_(*axes)]


def _lung(size: int, spacing: float, rng: np.random.Generator) -> FloatArray:
    fine, coarse = _field_bank()
    level, slope = rng.normal(*_LUNG_HU), rng.normal(0.0, _GRADIENT)
    volume = _FINE[0] * _field(fine, size, spacing, rng)
    volume += _COARSE[0] * _field(coarse, size, spacing, rng)
    depth = ((np.arange(size) - (size - 1) / 2) * spacing).astype(np.float32)
    volume += np.float32(level) + np.float32(slope) * depth[None, :, None]
    return volume


def _add_wall(volume: FloatArray, spacing: float, rng: np.random.Generator) -> None:
    """Lay the chest wall over ``volume``: fat and muscle beyond a sphere, sometimes a rib."""
    size = len(volume)
    axis = ((np.arange(size) - (size - 1) / 2) * spacing).astype(np.float32)
    distance, radius = rng.uniform(*_WALL_DISTANCE_MM), rng.uniform(*_WALL_RADIUS_MM)
    heading = rng.standard_normal(3) * (0.35, 1.0, 1.0)
    heading /= np.sqrt((heading**2).sum())
    z, y, x = ((axis - np.float32(c)) ** 2 for c in heading * (distance - radius))
    beyond = np.sqrt(z[:, None, None] + y[None, :, None] + x[None, None, :]) - np.float32(radius)
    fine, coarse = _field_bank()
    muscle = rng.uniform(30.0, 60.0)
    tissue = np.where(_field(coarse, size, spacing, rng) > 0.9, np.float32(-95.0), np.float32(muscle))
    tissue += np.float32(8.0) * _field(fine, size, spacing, rng)
    if rng.random() < _RIB:
        _add_rib(tissue, beyond, axis, heading, rng)
    share = np.clip(beyond / np.float32(spacing) + np.float32(0.5), 0.0, 1.0)
    volume += share * (tissue - volume)


def _add_rib(
    tissue: FloatArray,
    beyond: FloatArray,
    axis: FloatArray,
    heading: NDArray[np.float64],
    rng: np.random.Generator,
) -> None:
    """Run a rib along the wall: a tube of cortical bone around marrow."""
    depth = rng.uniform(6.0, 9.0)
    along = np.cross(heading, rng.standard_normal(3) * (1.0, 0.4, 0.4))
    across = np.cross(heading, along / np.sqrt((along**2).sum()))
    offset = rng.uniform(-14.0, 14.0)
    z, y, x = (axis * np.float32(c) for c in across)
    sideways = z[:, None, None] + y[None, :, None] + x[None, None, :] - np.float32(offset)
    radial = np.sqrt(((beyond - np.float32(depth)) / np.float32(0.75)) ** 2 + sideways**2)
    tissue[radial < 6.0] = rng.uniform(450.0, 800.0)
    tissue[radial < 4.2] = rng.uniform(120.0, 260.0)
