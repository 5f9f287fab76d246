"""Contours to masks: polygons against matplotlib, holes, tiny outlines, consensus and diameters by hand."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.path import Path as Polygon
from numpy.typing import NDArray
from scipy.spatial.distance import pdist

from medrepro.datamodules.lidc.database import Database
from medrepro.datamodules.lidc.masks import annotation_mask, consensus, fill_contours, largest_diameters


def contour_database(contours: list[tuple[int, int, bool, list[tuple[int, int]]]]) -> Database:
    """Make a database of contours (annotation, slice, inclusion, points as (row, column))."""
    counts = [len(points) for *_, points in contours]
    return Database(
        scans=pd.DataFrame(),
        annotations=pd.DataFrame({"annotation_id": range(1 + max(contour[0] for contour in contours))}),
        z_values={},
        contour_annotation=np.array([contour[0] for contour in contours]),
        contour_inclusion=np.array([contour[2] for contour in contours]),
        contour_slice=np.array([contour[1] for contour in contours]),
        contour_start=np.concatenate([[0], np.cumsum(counts)]),
        points=np.array([point for contour in contours for point in contour[3]], dtype=np.int32),
    )


def square(low: int, high: int) -> list[tuple[int, int]]:
    """Outline of a square, every pixel of it, as readers draw."""
    side = range(low, high)
    return (
        [(low, i) for i in side]
        + [(i, high) for i in side]
        + [(high, high + low - i) for i in side]
        + [(high + low - i, low) for i in side]
    )


def one_mask(contours: list[tuple[int, int, bool, list[tuple[int, int]]]], side: int = 12) -> NDArray[np.bool_]:
    database = contour_database(contours)
    filled = fill_contours(database.points, database.contour_start)
    depth = int(database.contour_slice.max()) + 1
    return annotation_mask(database, filled, 0, np.zeros(3, dtype=np.int64), np.array([depth, side, side]))


def plain_diameter(contours: list[NDArray[np.int32]]) -> float:
    return max(float(pdist(points).max(initial=0.0)) for points in contours)


@pytest.mark.parametrize("seed", range(25))
def test_fill_equals_matplotlib(seed: int) -> None:
    rng = np.random.default_rng(seed)
    polygons = [rng.integers(0, 15, (rng.integers(1, 12), 2)).astype(np.int32) for _ in range(6)]
    start = np.concatenate([[0], np.cumsum([len(polygon) for polygon in polygons])])
    filled = fill_contours(np.concatenate(polygons), start)
    for number, polygon in enumerate(polygons):
        rows, columns = filled.shape[number]
        grid = np.indices((rows, columns)).reshape(2, -1).T + filled.origin[number]
        closed = Polygon(np.concatenate([polygon, polygon[:1]]), closed=True)
        on_outline = {tuple(point) for point in polygon.tolist()}
        box = filled.box(number)
        np.testing.assert_array_equal((box & 1).ravel() > 0, closed.contains_points(grid))
        assert [bool(value & 2) for value in box.ravel()] == [tuple(point) in on_outline for point in grid.tolist()]


def test_outline_is_outside() -> None:
    expected = np.zeros((1, 12, 12), dtype=bool)
    expected[0, 3:8, 3:8] = True
    np.testing.assert_array_equal(one_mask([(0, 0, True, square(2, 8))]), expected)


def test_hole_is_cut_with_its_outline_even_when_drawn_first() -> None:
    expected = np.zeros((1, 12, 12), dtype=bool)
    expected[0, 2:10, 2:10] = True
    expected[0, 4:8, 4:8] = False
    hole, body = (0, 0, False, square(4, 7)), (0, 0, True, square(1, 10))
    np.testing.assert_array_equal(one_mask([hole, body]), expected)
    np.testing.assert_array_equal(one_mask([body, hole]), expected)


def test_outline_without_inside_keeps_its_points() -> None:
    mask = one_mask([(0, 0, True, [(3, 3), (3, 4), (4, 4)])])
    assert np.argwhere(mask).tolist() == [[0, 3, 3], [0, 3, 4], [0, 4, 4]]


def test_consensus_needs_half_of_the_readers() -> None:
    database = contour_database(
        [
            (0, 1, True, square(2, 8)),
            (1, 1, True, square(4, 10)),
            (2, 1, True, square(4, 10)),
            (2, 2, True, square(4, 8)),
        ]
    )
    filled = fill_contours(database.points, database.contour_start)
    mask, origin = consensus(database, filled, [0, 1, 2])
    assert origin == (1, 5, 5)  # two of three readers
    assert mask.shape == (1, 5, 5)
    assert mask.all()
    mask, origin = consensus(database, filled, [0, 2])
    assert (origin, mask.shape) == ((1, 3, 3), (2, 7, 7))  # one of two


def test_readers_without_common_voxel_keep_all_voxels() -> None:
    database = contour_database([(each, 0, True, square(5 * each, 5 * each + 4)) for each in range(3)])
    filled = fill_contours(database.points, database.contour_start)
    mask, _ = consensus(database, filled, [0, 1, 2])
    assert mask.sum() == 3 * 9


def test_diameter_is_within_one_contour() -> None:
    database = contour_database(
        [(0, 0, True, square(2, 8)), (0, 1, True, square(9, 11)), (1, 0, True, [(3, 3)]), (1, 1, False, square(1, 2))]
    )
    diameters = largest_diameters(database, fill_contours(database.points, database.contour_start))
    np.testing.assert_allclose(diameters, [6 * np.sqrt(2), np.sqrt(2)])


@pytest.mark.parametrize("seed", range(10))
def test_diameter_equals_all_pairs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    steps = rng.integers(-1, 2, (5, 60, 2)).repeat(2, axis=1)  # straight runs and turns
    walks = [(np.cumsum(walk, axis=0) + 200).astype(np.int32) for walk in steps]
    owners = np.sort(rng.integers(0, 2, 5)).tolist()
    owners[0], owners[-1] = 0, 1
    database = contour_database(
        [(owner, 0, True, [tuple(point) for point in walk.tolist()]) for owner, walk in zip(owners, walks, strict=True)]
    )
    diameters = largest_diameters(database, fill_contours(database.points, database.contour_start))
    for owner in (0, 1):
        own = [walk for each, walk in zip(owners, walks, strict=True) if each == owner]
        assert diameters[owner] == pytest.approx(plain_diameter(own))
