"""The large structures around a nodule: chest wall with rib, mediastinum or diaphragm, bronchi.

In: the grid, a generator and a scene to draw on; out: the scene. Every place is drawn without knowing the
nodule: a wall placed by the nodule's extent told its size (background-only AUC 0.60 in a prototype).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medrepro.datamodules.rendering.fields import FloatArray, axis_mm, field_bank, field_piece
from medrepro.datamodules.rendering.vessels import vessel_share

WALL = 0.5  # share of cases
WALL_DISTANCE_MM = (4.0, 34.0)  # from the middle, whatever the nodule's size
WALL_RADIUS_MM = (70.0, 120.0)
RIB = 0.75  # share of walls
_WALL_HEADING = (0.35, 1.0, 1.0)  # ribs are beside and before the lung more than above it
_ROUGHNESS_MM = 0.7  # assumed
BODY = 0.35  # assumed: share of cases with mediastinum, heart or diaphragm in view
BODY_DISTANCE_MM = (8.0, 36.0)
BODY_RADIUS_MM = (18.0, 60.0)
_BODY_HEADING = (0.9, 0.6, 1.0)
_BODY_ROUGHNESS_MM = 2.5
BRONCHUS = 0.4  # assumed: share of cases with a bronchus and its artery in view
BRONCHUS_RADIUS_MM = (1.2, 3.2)
BRONCHUS_OFFSET_MM = 26.0
_FAT_HU, _AIR_HU = -95.0, -960.0
_MUSCLE_HU = (30.0, 60.0)
_CORTEX_HU, _MARROW_HU = (450.0, 800.0), (120.0, 260.0)


@dataclass(frozen=True)
class Sphere:
    """A large ball that passes the field's middle at ``distance`` mm in direction ``heading``.

    Attributes:
        heading: unit vector (z, y, x) from the field's middle to the nearest tissue.
        distance: mm from the middle to the surface.
        radius: mm.
        hollow: the lung is inside and the tissue outside (chest wall), or the other way round.
    """

    heading: NDArray[np.float64]
    distance: float
    radius: float
    hollow: bool

    def depth(self, axis: FloatArray) -> FloatArray:
        """How deep each voxel lies in the tissue, mm, negative in the lung; (D, H, W)."""
        sign = -1.0 if self.hollow else 1.0
        centre = self.heading * (self.distance + sign * self.radius)
        z, y, x = ((axis - np.float32(c)) ** 2 for c in centre)
        reach: FloatArray = np.sqrt(z[:, None, None] + y[None, :, None] + x[None, None, :]) - np.float32(self.radius)
        return reach if self.hollow else -reach


def add_wall(scene: FloatArray, spacing: float, rng: np.random.Generator) -> None:
    """Lay the chest wall over ``scene``: muscle with fat beyond a sphere, sometimes a rib in it."""
    heading = _heading(_WALL_HEADING, rng)
    sphere = Sphere(heading, rng.uniform(*WALL_DISTANCE_MM), rng.uniform(*WALL_RADIUS_MM), hollow=True)
    axis = axis_mm(len(scene), spacing)
    depth = sphere.depth(axis)
    tissue = _soft_tissue(len(scene), spacing, rng)
    if rng.random() < RIB:
        _add_rib(tissue, depth, axis, heading, rng)
    _cover(scene, tissue, depth, spacing, _ROUGHNESS_MM, rng)


def add_body(scene: FloatArray, spacing: float, rng: np.random.Generator) -> None:
    """Lay a rounded body over ``scene``, as the mediastinum, the heart or the diaphragm reach into a crop."""
    heading = _heading(_BODY_HEADING, rng)
    sphere = Sphere(heading, rng.uniform(*BODY_DISTANCE_MM), rng.uniform(*BODY_RADIUS_MM), hollow=False)
    depth = sphere.depth(axis_mm(len(scene), spacing))
    tissue = _soft_tissue(len(scene), spacing, rng)
    _cover(scene, tissue, depth, spacing, _BODY_ROUGHNESS_MM, rng)


def add_bronchus(scene: FloatArray, spacing: float, rng: np.random.Generator) -> None:
    """Draw a bronchus, air within a wall, and the artery that runs beside it."""
    axis = axis_mm(len(scene), spacing)
    heading = _heading((1.0, 1.0, 1.0), rng)
    offset = rng.uniform(-BRONCHUS_OFFSET_MM, BRONCHUS_OFFSET_MM, 3)
    radius = rng.uniform(*BRONCHUS_RADIUS_MM)
    wall, artery, hu = rng.uniform(0.7, 1.2), radius * rng.uniform(0.9, 1.4), rng.uniform(*_MUSCLE_HU)
    beside = np.cross(heading, _heading((1.0, 1.0, 1.0), rng)) * (radius + artery + wall) * 1.3
    for place, extent, value in (
        (offset + beside, artery, hu),
        (offset, radius + wall, hu - 60.0),
        (offset, radius, _AIR_HU),
    ):
        share = np.clip((np.float32(extent) - _line_distance(axis, place, heading)) / np.float32(spacing) + 0.5, 0, 1)
        scene += share * (np.float32(value) - scene)


def _heading(weights: tuple[float, float, float], rng: np.random.Generator) -> NDArray[np.float64]:
    vector = rng.standard_normal(3) * weights
    unit: NDArray[np.float64] = vector / np.sqrt((vector**2).sum())
    return unit


def _line_distance(axis: FloatArray, place: NDArray[np.float64], heading: NDArray[np.float64]) -> FloatArray:
    """Distance of each voxel from the line through ``place`` along ``heading``, mm, (D, H, W)."""
    z, y, x = (axis - np.float32(c) for c in place)
    along = (
        (z * np.float32(heading[0]))[:, None, None]
        + (y * np.float32(heading[1]))[None, :, None]
        + (x * np.float32(heading[2]))[None, None, :]
    )
    squared = (z**2)[:, None, None] + (y**2)[None, :, None] + (x**2)[None, None, :]
    distance: FloatArray = np.sqrt(np.maximum(squared - along**2, 0.0))
    return distance


def _soft_tissue(size: int, spacing: float, rng: np.random.Generator) -> FloatArray:
    """Muscle with islands of fat, (D, H, W) in HU."""
    fine, coarse = field_bank()
    muscle = np.float32(rng.uniform(*_MUSCLE_HU))
    tissue: FloatArray = np.where(field_piece(coarse, size, spacing, rng) > 0.9, np.float32(_FAT_HU), muscle)
    tissue += np.float32(8.0) * field_piece(fine, size, spacing, rng)
    return tissue


def _cover(
    scene: FloatArray, tissue: FloatArray, depth: FloatArray, spacing: float, roughness: float, rng: np.random.Generator
) -> None:
    """Replace the scene by tissue where ``depth`` (mm) is positive, with partial voxels at an uneven surface."""
    uneven = depth + np.float32(roughness) * field_piece(field_bank()[1], len(scene), spacing, rng)
    share = np.clip(uneven / np.float32(spacing) + np.float32(0.5), 0.0, 1.0)
    scene += share * (tissue - scene)


def _add_rib(
    tissue: FloatArray, depth: FloatArray, axis: FloatArray, heading: NDArray[np.float64], rng: np.random.Generator
) -> None:
    """Run a rib along the wall: a tube of cortical bone around marrow."""
    along = np.cross(heading, rng.standard_normal(3) * (1.0, 0.4, 0.4))
    across = np.cross(heading, along / np.sqrt((along**2).sum()))
    middle, offset = np.float32(rng.uniform(6.0, 9.0)), np.float32(rng.uniform(-14.0, 14.0))
    z, y, x = (axis * np.float32(c) for c in across)
    sideways = z[:, None, None] + y[None, :, None] + x[None, None, :] - offset
    radial = np.sqrt(((depth - middle) / np.float32(0.75)) ** 2 + sideways**2)
    tissue[radial < 6.0] = rng.uniform(*_CORTEX_HU)
    tissue[radial < 4.2] = rng.uniform(*_MARROW_HU)


LUNG_HU = (-872.0, 28.0)  # mean, deviation between cases
GRADIENT = 0.25  # HU/mm between cases, along y: the back of a lying patient is denser
FINE_HU, COARSE_HU = 14.0, 16.0
VESSEL_HU = (20.0, 60.0)


def background(size: int, spacing: float, seeds: tuple[int, ...]) -> FloatArray:
    """Compose one case's surroundings, (D, H, W) in HU.

    Args:
        size: voxels along each side.
        spacing: mm.
        seeds: what names the case; each part draws from a stream of its own.
    """
    scene = _lung(size, spacing, np.random.default_rng([*seeds, 1]))
    rng = np.random.default_rng([*seeds, 2])
    share = vessel_share(size, spacing, rng)
    scene += share * (np.float32(rng.uniform(*VESSEL_HU)) - scene)
    for part, (frequency, add) in enumerate(((BRONCHUS, add_bronchus), (BODY, add_body), (WALL, add_wall))):
        rng = np.random.default_rng([*seeds, 3 + part])
        if rng.random() < frequency:
            add(scene, spacing, rng)
    return scene


def _lung(size: int, spacing: float, rng: np.random.Generator) -> FloatArray:
    fine, coarse = field_bank()
    level, slope = np.float32(rng.normal(*LUNG_HU)), np.float32(rng.normal(0.0, GRADIENT))
    scene = np.float32(FINE_HU) * field_piece(fine, size, spacing, rng)
    scene += np.float32(COARSE_HU) * field_piece(coarse, size, spacing, rng)
    scene += level + slope * axis_mm(size, spacing)[None, :, None]
    return scene
