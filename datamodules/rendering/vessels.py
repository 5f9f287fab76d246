"""Branching vessels of the lung, grown step by step and drawn with partial volumes.

In: the side of the field of view and a generator; out: the share of each voxel that is vessel. Nothing about
the nodule comes in, not even for the vessel that feeds it: that one starts in the middle of the field, and the
nodule is painted over it.
"""

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]

_FIELD_MM = 64.0  # trees are counted for this side; larger fields get more, smaller ones see a part
_TREES = 18  # plus Poisson(8)
_EXTRA_TREES = 8.0
_ROOT_LOG_RADIUS = (np.log(1.05), 0.4)
_ROOT_RADIUS_MM = (0.5, 2.3)
_BRANCHING = 0.105  # a mm
_CHILD_RADIUS = (0.5, 0.9)
_STOP_RADIUS_MM = 0.30
_WANDER = 0.10  # assumed: bend a mm, radians
_FORK = 0.6  # assumed: how far a branch turns away
_TAPER = 0.99  # assumed: a mm
_FEEDER = 0.35  # share of nodules that a vessel runs through
_MARGIN_MM = 8.0  # trees may start and wander this far outside
_MAX_STEPS = 70
_STEP_MM = 2  # tips move so far at a time, and leave a point each mm


def vessel_share(size: int, spacing: float, rng: np.random.Generator) -> FloatArray:
    """Grow the trees of one case and draw them.

    Args:
        size: voxels along each side.
        spacing: mm.
        rng: this case's vessels; the same trees grow for every grid within 64 mm.

    Returns:
        (D, H, W) share of vessel in each voxel, in [0, 1].
    """
    points, radii = grow_trees(max(size * spacing, _FIELD_MM) / 2, rng)
    return draw_tubes(points, radii, size, spacing)


def grow_trees(half: float, rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Grow trees in the cube of +-``half`` mm; all tips step together.

    Returns:
        Points (P, 3) in mm from the middle (z, y, x), every mm, and their radii (P,) in mm.
    """
    count = int((_TREES + rng.poisson(_EXTRA_TREES)) * (2 * half / _FIELD_MM) ** 3)
    place = rng.uniform(-half - _MARGIN_MM, half + _MARGIN_MM, (count, 3))
    if rng.random() < _FEEDER:
        place[0] = 0.0
    heading = _unit(rng.standard_normal((count, 3)))
    radius = np.clip(rng.lognormal(*_ROOT_LOG_RADIUS, count), *_ROOT_RADIUS_MM)
    points, radii = [place], [radius]
    for _ in range(_MAX_STEPS):
        heading = _unit(heading + _WANDER * np.sqrt(_STEP_MM) * rng.standard_normal(heading.shape))
        for _ in range(_STEP_MM):
            place = place + heading
            points.append(place)
        radius = radius * _TAPER**_STEP_MM
        radii += [radius] * _STEP_MM
        place, heading, radius = _branch(place, heading, radius, rng)
        alive = (radius >= _STOP_RADIUS_MM) & (np.abs(place) <= half + _MARGIN_MM).all(axis=1)
        place, heading, radius = place[alive], heading[alive], radius[alive]
        if not len(place):
            break
    return np.concatenate(points), np.concatenate(radii)


def _branch(
    place: NDArray[np.float64],
    heading: NDArray[np.float64],
    radius: NDArray[np.float64],
    rng: np.random.Generator,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Let each tip fork with the branching probability; the thinner child turns away, the parent tapers."""
    forks = np.flatnonzero(rng.random(len(place)) < _BRANCHING * _STEP_MM)
    away = _unit(heading[forks] + _FORK * rng.standard_normal((len(forks), 3)))
    child = radius[forks] * rng.uniform(*_CHILD_RADIUS, len(forks))
    radius = radius.copy()
    radius[forks] *= 0.93
    return (
        np.concatenate([place, place[forks]]),
        np.concatenate([heading, away]),
        np.concatenate([radius, child]),
    )


def _unit(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    lengths = np.sqrt((vectors**2).sum(axis=1, keepdims=True))
    unit: NDArray[np.float64] = vectors / np.maximum(lengths, 1e-9)
    return unit


def draw_tubes(points: NDArray[np.float64], radii: NDArray[np.float64], size: int, spacing: float) -> FloatArray:
    """Draw balls along the tubes, the densest winning in each voxel.

    A tube thinner than a voxel fills it only in part: its share falls with the square of its radius.
    """
    voxel = (points / spacing + (size - 1) / 2).astype(np.float32)
    reach = (radii / spacing + 0.5).astype(np.float32)
    strength = np.minimum((radii / (0.6 * spacing)) ** 2, 1.0).astype(np.float32)
    width = np.ceil(reach - 0.5).astype(np.int64)  # no voxel further from the nearest one is touched
    pad = int(width.max()) * 2
    share = np.zeros((size + 2 * pad,) * 3, dtype=np.float32)
    visible = ((voxel > -pad / 2 - 0.4) & (voxel < size - 1 + pad / 2 + 0.4)).all(axis=1)
    for each in range(1, int(width.max()) + 1):
        chosen = np.flatnonzero(visible & (width == each))
        _draw_balls(share, voxel[chosen] + np.float32(pad), reach[chosen], strength[chosen], each)
    return share[pad:-pad, pad:-pad, pad:-pad]


def _draw_balls(share: FloatArray, voxel: FloatArray, reach: FloatArray, strength: FloatArray, width: int) -> None:
    """Draw balls that touch up to ``width`` voxels each way around their nearest one; all lie within ``share``."""
    nearest = np.rint(voxel)
    side = np.arange(-width, width + 1)
    z, y, x = ((side + (nearest - voxel)[:, axis, None]) ** 2 for axis in range(3))
    squared = z[:, :, None, None] + y[:, None, :, None] + x[:, None, None, :]
    value = np.clip(reach[:, None, None, None] - np.sqrt(squared, dtype=np.float32), 0.0, 1.0)
    value *= strength[:, None, None, None]
    _, rows, columns = share.shape
    around = side[:, None, None] * rows * columns + side[None, :, None] * columns + side[None, None, :]
    middle = nearest.astype(np.int64) @ np.array([rows * columns, columns, 1])
    np.maximum.at(share.reshape(-1), (middle[:, None] + around.reshape(-1)).reshape(-1), value.reshape(-1))
