"""Vessel trees: drawn volume against geometry, and growth within bounds."""

import numpy as np
import pytest

from medrepro.datamodules.rendering.vessels import draw_tubes, grow_trees, vessel_share


@pytest.mark.parametrize(("radius", "spacing"), [(2.2, 1.0), (1.5, 1.0), (2.0, 0.5)])
def test_a_straight_tube_has_its_cross_section(radius: float, spacing: float) -> None:
    along = np.arange(-40, 40.5, 0.5)
    points = np.column_stack([along, np.full_like(along, 0.3), np.full_like(along, -0.2)])
    share = draw_tubes(points, np.full(len(along), radius), 32, spacing)
    area = share.sum(axis=(1, 2)) * spacing**2
    np.testing.assert_allclose(area, np.pi * radius**2, rtol=0.08)
    assert share.max() <= 1


def test_thin_tubes_fade() -> None:
    points = np.column_stack([np.arange(-20.0, 21.0), np.zeros(41), np.zeros(41)])
    peaks = [float(draw_tubes(points, np.full(41, radius), 33, 1.0).max()) for radius in (0.3, 0.45, 0.6)]
    assert peaks[0] < 0.3 < peaks[1] < 0.7 < peaks[2] <= 1


def test_tubes_outside_the_grid_leave_it_empty() -> None:
    points = np.array([[0.0, 0.0, 60.0], [50.0, 0.0, 0.0], [0.0, -70.0, 0.0]])
    assert not draw_tubes(points, np.full(3, 2.0), 32, 1.0).any()


def test_trees_stay_in_their_bounds() -> None:
    points, radii = grow_trees(32.0, np.random.default_rng(4))
    assert len(points) == len(radii) > 500
    assert np.abs(points).max() <= 32 + 8 + 2.01
    assert radii.min() > 0.25
    assert radii.max() <= 2.3


def test_larger_fields_hold_more_trees_and_smaller_ones_the_same() -> None:
    wide = vessel_share(64, 1.0, np.random.default_rng(0))
    narrow = vessel_share(32, 1.0, np.random.default_rng(0))
    np.testing.assert_allclose(narrow, wide[16:48, 16:48, 16:48], atol=2e-5)
    assert 0.001 < wide.mean() < 0.05
