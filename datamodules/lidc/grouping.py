"""Group the reader annotations of a scan into nodules by pylidc's rule, without its all-pairs cost.

pylidc's ``Scan.cluster_annotations`` joins annotations by single linkage on the smallest distance between
their contour points **in voxel indices**, with a tolerance numerically equal to the slice thickness in mm.
The units do not agree; it is its rule, and the published counts depend on it. Its distance matrix takes
minutes for the whole database; here boxes that lie far apart and outlines that share a point are settled
without a distance, and k-d trees do the rest.
"""

import itertools

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from medrepro.datamodules.lidc.database import Database

MAX_READERS = 4  # LIDC: four radiologists read each scan
SHRINK = 0.9  # pylidc: factor
MIN_TOLERANCE = 0.1  # pylidc: min_tol


def cluster_database(database: Database) -> list[list[int]]:
    """Group all annotations into nodules, scan by scan, within a scan by height.

    Returns:
        One list of rows of ``database.annotations`` per nodule, ordered as pylidc orders them.
    """
    outlines = annotation_outlines(database)
    heights = [float(points[:, 0].mean()) for points in outlines]
    rows_of_scan = database.annotations.groupby("scan_id").indices
    clusters: list[list[int]] = []
    for scan_id, thickness in zip(database.scans["scan_id"], database.scans["slice_thickness"], strict=True):
        rows = np.asarray(rows_of_scan.get(scan_id, []), dtype=np.int64).tolist()
        groups = cluster_outlines([outlines[row] for row in rows], float(thickness))
        found = [[rows[i] for i in group] for group in groups]
        clusters += sorted(found, key=lambda group: sum(heights[row] for row in group) / len(group))
    return clusters


def annotation_outlines(database: Database) -> list[NDArray[np.int64]]:
    """Return all contour points of each annotation, (n, 3) as (slice, row, column) indices."""
    slices = np.repeat(database.contour_slice, np.diff(database.contour_start))
    points = np.column_stack([slices, database.points])
    first = np.searchsorted(database.contour_annotation, np.arange(1, len(database.annotations)))
    return np.split(points, database.contour_start[first])


def cluster_outlines(outlines: list[NDArray[np.int64]], tolerance: float) -> list[list[int]]:
    """Group the outlines of one scan into nodules.

    Args:
        outlines: contour points (n, 3) of each annotation, voxel indices.
        tolerance: largest distance, in voxel indices, at which two outlines are one nodule; while any
            group holds more than four outlines it shrinks by 0.9, down to 0.1.

    Returns:
        Groups of positions in ``outlines``, in order of their first member.
    """
    if not outlines:
        return []
    distances = _pair_distances(outlines, tolerance)
    labels = _linked(distances <= tolerance)
    while np.bincount(labels).max() > MAX_READERS and tolerance * SHRINK >= MIN_TOLERANCE:
        tolerance *= SHRINK
        labels = _linked(distances <= tolerance)
    return [np.flatnonzero(labels == label).tolist() for label in range(labels.max() + 1)]


def _linked(adjacent: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Number the connected components: (n,) labels from 0 in order of first appearance."""
    # Row and column lists: scipy's own conversion of a dense matrix costs more than the search.
    rows, columns = adjacent.nonzero()
    graph = coo_array((np.ones(len(rows), dtype=np.int8), (rows, columns)), shape=adjacent.shape)
    labels: NDArray[np.int32] = connected_components(graph, directed=False)[1]
    return labels


def _pair_distances(outlines: list[NDArray[np.int64]], limit: float) -> NDArray[np.float64]:
    """Return the smallest point distance of each pair, exact up to ``limit``, infinite beyond."""
    low = np.array([points.min(axis=0) for points in outlines])
    high = np.array([points.max(axis=0) for points in outlines])
    gaps = np.maximum(low[:, None] - high[None], low[None] - high[:, None]).clip(min=0)
    near = np.sqrt((gaps**2).sum(axis=2)) <= limit
    keys = [frozenset(((points[:, 0] << 20) + (points[:, 1] << 10) + points[:, 2]).tolist()) for points in outlines]
    trees: dict[int, KDTree] = {}
    distances = np.full(near.shape, np.inf)
    np.fill_diagonal(distances, 0.0)
    for i, j in itertools.combinations(range(len(outlines)), 2):
        if near[i, j]:
            if keys[i].isdisjoint(keys[j]):
                if i not in trees:
                    trees[i] = KDTree(outlines[i])
                # The bound is exclusive, the rule "<= limit" is not.
                found, _ = trees[i].query(outlines[j], distance_upper_bound=limit + 1e-6)
                distances[i, j] = distances[j, i] = np.min(found)
            else:
                distances[i, j] = distances[j, i] = 0.0
    return distances
