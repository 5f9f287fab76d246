"""Smooth random fields in millimetres, cut from a fixed bank so that they cost nothing a case.

In: a grid and a generator; out: pieces of periodic fields of mean 0 and deviation 1.
"""

import functools

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

FloatArray = NDArray[np.float32]

FINE_MM, COARSE_MM = 3.0, 10.0  # sigma of the two fields
_SIDE = 96  # voxels of 1 mm; the fields repeat without a seam
_SEED = 20090723


def axis_mm(size: int, spacing: float) -> FloatArray:
    """Positions of a grid's voxels along one axis, mm from its middle, (size,)."""
    return ((np.arange(size) - (size - 1) / 2) * spacing).astype(np.float32)


@functools.lru_cache(maxsize=1)
def field_bank() -> tuple[FloatArray, FloatArray]:
    """Two fixed periodic fields, (96, 96, 96) each: sigma 3 mm and sigma 10 mm."""
    rng = np.random.default_rng(_SEED)
    fields = []
    for sigma in (FINE_MM, COARSE_MM):
        noise = rng.standard_normal((_SIDE,) * 3, dtype=np.float32)
        smooth = ndimage.gaussian_filter(noise, sigma, mode="wrap", truncate=3.0)
        fields.append((smooth - smooth.mean()) / smooth.std())
    return fields[0], fields[1]


def field_piece(field: FloatArray, size: int, spacing: float, rng: np.random.Generator) -> FloatArray:
    """Cut a random, randomly flipped piece (size, size, size) out of a periodic field."""
    steps = np.rint(axis_mm(size, spacing)).astype(np.int64)
    starts, signs = rng.integers(_SIDE, size=3), 2 * rng.integers(2, size=3) - 1
    z, y, x = ((start + sign * steps) % _SIDE for start, sign in zip(starts, signs, strict=True))
    piece: FloatArray = field[z[:, None], y].take(x, axis=2)
    return piece
