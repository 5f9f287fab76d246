"""Everything around a nodule: lung, vessels, bronchi, chest wall, mediastinum.

In: the grid and the numbers that name the case; out: HU without noise and without the nodule. No function here
is given the nodule, its mask or any rating, so nothing in the background can tell its size or malignancy.
"""

import numpy as np

from datamodules.render_bodies import BODY, BRONCHUS, WALL, add_body, add_bronchus, add_wall
from datamodules.render_fields import FloatArray, axis_mm, field_bank, field_piece
from datamodules.render_vessels import vessel_share

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
