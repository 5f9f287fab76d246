"""Walls, bodies and bronchi: at the distance drawn, with the tissue they are made of."""

import numpy as np
import pytest
from numpy.typing import NDArray

from medrepro.datamodules.rendering.anatomy import Sphere, add_body, add_bronchus, add_wall
from medrepro.datamodules.rendering.fields import axis_mm


def lung() -> NDArray[np.float32]:
    return np.full((64, 64, 64), -870.0, dtype=np.float32)


@pytest.mark.parametrize("hollow", [True, False])
def test_surface_lies_at_its_distance(hollow: bool) -> None:
    heading = np.array([0.0, 0.6, 0.8])
    depth = Sphere(heading, 20.0, 50.0, hollow).depth(axis_mm(65, 1.0))
    assert depth[32, 32, 32] == pytest.approx(-20, abs=1e-3)
    assert depth[32, 32 + 12, 32 + 16] == pytest.approx(0, abs=1e-3)  # 20 mm along the heading
    assert depth[32, 32 + 15, 32 + 20] == pytest.approx(5, abs=1e-3)
    sideways = depth[32 + 20, 32 + 12, 32 + 16]  # along the tangent: deeper in a wall, out of a body
    assert sideways > 3 if hollow else sideways < -3


@pytest.mark.parametrize("add", [add_wall, add_body])
@pytest.mark.parametrize("seed", range(6))
def test_tissue_comes_from_one_side_and_never_covers_the_middle(add: object, seed: int) -> None:
    scene = lung()
    assert callable(add)
    add(scene, 1.0, np.random.default_rng(seed))
    covered = scene > -400
    assert scene[31:33, 31:33, 31:33].max() < -860
    if covered.sum() > 500:
        assert np.linalg.norm(np.argwhere(covered).mean(axis=0) - 31.5) > 8
        assert -100 < np.median(scene[covered]) < 100
    assert scene.max() < 850


def test_bronchus_is_air_in_a_wall_beside_an_artery() -> None:
    scenes = [lung() for _ in range(12)]
    for seed, scene in enumerate(scenes):
        add_bronchus(scene, 0.5, np.random.default_rng(seed))
    seen = [scene for scene in scenes if scene.min() < -930]
    assert len(seen) >= 6
    for scene in seen:
        assert scene.max() > -200
