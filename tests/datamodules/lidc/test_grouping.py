"""Grouping annotations into nodules: pylidc's rule by hand, and against plain all-pairs loops."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from medrepro.datamodules.lidc.grouping import cluster_outlines


def at(*places: tuple[int, int, int]) -> NDArray[np.int64]:
    return np.array(places, dtype=np.int64)


def plain_clusters(outlines: list[NDArray[np.int64]], tolerance: float) -> list[list[int]]:
    """Follow the rule with all distances and a flood fill."""
    distances = np.array([[cdist(a, b).min() for b in outlines] for a in outlines])
    while True:
        groups: list[list[int]] = []
        for start in range(len(outlines)):
            if any(start in group for group in groups):
                continue
            group, border = {start}, [start]
            while border:
                near = set(np.flatnonzero(distances[border.pop()] <= tolerance).tolist()) - group
                group |= near
                border += near
            groups.append(sorted(group))
        if max(map(len, groups)) <= 4 or tolerance * 0.9 < 0.1:
            return groups
        tolerance *= 0.9


def test_no_annotation_no_nodule() -> None:
    assert cluster_outlines([], 2.5) == []


def test_tolerance_itself_still_joins() -> None:
    assert cluster_outlines([at((0, 0, 0)), at((0, 3, 0))], 3.0) == [[0, 1]]
    assert cluster_outlines([at((0, 0, 0)), at((0, 3, 0))], 2.999) == [[0], [1]]


def test_distance_is_in_voxels_along_every_axis() -> None:
    assert cluster_outlines([at((0, 0, 0)), at((2, 0, 0))], 2.0) == [[0, 1]]
    assert cluster_outlines([at((0, 0, 0)), at((1, 1, 1))], 1.7) == [[0], [1]]
    assert cluster_outlines([at((0, 0, 0)), at((1, 1, 1))], 1.74) == [[0, 1]]


def test_single_linkage_joins_through_a_third() -> None:
    assert cluster_outlines([at((0, 0, 0)), at((0, 0, 4)), at((0, 0, 2))], 2.0) == [[0, 1, 2]]


def test_tolerance_shrinks_while_a_group_is_too_large() -> None:
    line = [at((0, 0, column)) for column in (0, 1, 2, 5, 6, 7)]
    assert cluster_outlines(line, 3.0) == [[0, 1, 2], [3, 4, 5]]


def test_five_annotations_in_one_place_stay_together() -> None:
    assert cluster_outlines([at((0, 0, 0))] * 5, 3.0) == [[0, 1, 2, 3, 4]]


@pytest.mark.parametrize("seed", range(30))
def test_equals_all_pairs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    outlines = [
        rng.integers(0, 12, 3) + rng.integers(0, 4, (rng.integers(1, 9), 3)) for _ in range(rng.integers(1, 14))
    ]
    tolerance = float(rng.choice([0.6, 1.0, 1.25, 2.5, 3.0, 5.0]))
    assert cluster_outlines(outlines, tolerance) == plain_clusters(outlines, tolerance)
