"""Fill the readers' contours and take their consensus: boolean masks (D, H, W) in the scan's own grid.

The contour points are the first pixels *outside* a nodule, so they are removed again, as pylidc does; ``inclusion = 0``
contours are holes. All contours are filled at once by counting how many edges each pixel has above it (even-odd rule),
which gives matplotlib's answer point by point.
"""

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import pdist

from medrepro.datamodules.lidc.database import Database

BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]
CONSENSUS = 0.5  # spec of the field: at least half of the readers (pylidc: clevel)


@dataclass(frozen=True)
class FilledContours:
    """Every contour's filled polygon, packed one after the other.

    Attributes:
        start: (K + 1,) where each contour's pixels begin in ``pixels``.
        origin: (K, 2) first row and column of each contour's bounding box.
        shape: (K, 2) rows and columns of the box.
        pixels: flat uint8; contour k is (columns, rows) from ``start[k]`` on. Bit 0: enclosed, bit 1: on the contour.
    """

    start: IntArray
    origin: IntArray
    shape: IntArray
    pixels: NDArray[np.uint8]

    def box(self, contour: int) -> NDArray[np.uint8]:
        """Return the pixels of one contour's bounding box, (rows, columns)."""
        first, last, rows, columns = self._layout[contour]
        return self.pixels[first:last].reshape(columns, rows + 1)[:, 1:].T

    @functools.cached_property
    def _layout(self) -> list[list[int]]:
        """Return first and last pixel, rows and columns of each contour, as plain numbers for single look-ups."""
        layout: list[list[int]] = np.column_stack([self.start[:-1], self.start[1:], self.shape]).tolist()
        return layout


def fill_contours(points: NDArray[np.int32], start: IntArray) -> FilledContours:
    """Fill polygons with integer corners.

    Args:
        points: (P, 2) corners as (row, column), polygon after polygon; closing an open polygon is implied.
        start: (K + 1,) where each polygon begins.
    """
    low = np.minimum.reduceat(points, start[:-1]).astype(np.int64)
    high = np.maximum.reduceat(points, start[:-1]).astype(np.int64)
    shape = high - low + 1
    # One spare pixel before each column of rows takes the edges that pass above the box.
    pixel_start = np.concatenate([[0], np.cumsum((shape[:, 0] + 1) * shape[:, 1])])
    owner = np.repeat(np.arange(len(shape)), np.diff(start))

    def position(contour: IntArray, row: IntArray, column: IntArray) -> IntArray:
        lines = (column - low[contour, 1]) * (shape[contour, 0] + 1)
        flat: IntArray = pixel_start[contour] + lines + row - low[contour, 0] + 1
        return flat

    toggles = np.zeros(pixel_start[-1], dtype=np.uint8)
    following = np.arange(1, len(points) + 1)
    following[start[1:] - 1] = start[:-1]
    edge, row, column = _edge_crossings(points.astype(np.int64), points[following].astype(np.int64))
    np.bitwise_xor.at(toggles, position(owner[edge], row, column), np.uint8(1))
    pixels = np.bitwise_xor.accumulate(toggles[::-1])[::-1].copy()
    pixels[position(owner, points[:, 0].astype(np.int64), points[:, 1].astype(np.int64))] |= 2
    return FilledContours(pixel_start, low, shape, pixels)


def _edge_crossings(begin: IntArray, end: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """Return where edges cross columns of pixels: (edge, last row on the near side, column) per crossing.

    The comparisons (half-open in the column, and which edge owns a pixel lying on it) are those of
    matplotlib's ``Path.contains_points``, in integers.
    """
    low, high = np.minimum(begin[:, 1], end[:, 1]), np.maximum(begin[:, 1], end[:, 1])
    edge = np.repeat(np.arange(len(begin)), high - low)
    first = np.cumsum(high - low) - (high - low)
    column = low[edge] + 1 + np.arange(len(edge)) - first[edge]
    rise = begin[edge, 1] - end[edge, 1]
    run = (end[edge, 1] - column) * (begin[edge, 0] - end[edge, 0])
    rising = rise < 0
    row = np.where(rising, end[edge, 0] + (-run) // rise, end[edge, 0] - run // rise - 1)
    return edge, row, column


def annotation_mask(
    database: Database, filled: FilledContours, annotation: int, origin: IntArray, shape: IntArray
) -> BoolArray:
    """Return one reader's mask, (D, H, W), in the box that begins at voxel ``origin`` (slice, row, column).

    Equal to pylidc's ``Annotation.boolean_mask``, except that an outline without any pixel inside keeps its
    own points: a nodule drawn that small is not nothing.
    """
    mask = _combine(database, filled, annotation, origin, shape, keep_outline=False)
    return mask if mask.any() else _combine(database, filled, annotation, origin, shape, keep_outline=True)


def _combine(
    database: Database, filled: FilledContours, annotation: int, origin: IntArray, shape: IntArray, keep_outline: bool
) -> BoolArray:
    mask = np.zeros(tuple(shape), dtype=bool)
    contours = database.contours_of(annotation)
    own = slice(contours.start, contours.stop)
    places = np.column_stack([database.contour_slice[own], filled.origin[own]]) - origin
    drawn = set()
    holes_last = sorted(
        zip(database.contour_inclusion[own].tolist(), contours, places.tolist(), strict=True),
        key=lambda each: not each[0],
    )
    for included, contour, (plane, row, column) in holes_last:
        box = filled.box(contour)
        part = mask[plane, row : row + box.shape[0], column : column + box.shape[1]]
        if not included or keep_outline:
            part[box > 0] = included
        elif plane in drawn:  # as pylidc: a later outline also cuts into what an earlier one enclosed
            part |= (box & 1) > 0
            part &= box < 2
        else:
            np.equal(box, 1, out=part)
            drawn.add(plane)
    return mask


def consensus(
    database: Database, filled: FilledContours, annotations: list[int]
) -> tuple[BoolArray, tuple[int, int, int]]:
    """Return the mask of the voxels that at least half of the readers enclose, (D, H, W), and its first voxel's index.

    Where no voxel has half of the readers (outlines that touch without overlapping) the voxels with the
    most readers are taken. The box is cropped to the mask.
    """
    contours = np.concatenate([np.array(database.contours_of(annotation)) for annotation in annotations])
    slices = database.contour_slice[contours]
    low = np.array([slices.min(), *filled.origin[contours].min(axis=0)])
    high = np.array([slices.max() + 1, *(filled.origin[contours] + filled.shape[contours]).max(axis=0)])
    votes = np.zeros(tuple(high - low), dtype=np.uint8)
    for annotation in annotations:
        votes += annotation_mask(database, filled, annotation, low, high - low)
    mask = votes >= min(CONSENSUS * len(annotations), int(votes.max()))
    first = [int(np.flatnonzero(mask.any(axis=axes))[0]) for axes in ((1, 2), (0, 2), (0, 1))]
    last = [int(np.flatnonzero(mask.any(axis=axes))[-1]) + 1 for axes in ((1, 2), (0, 2), (0, 1))]
    z, y, x = (slice(a, b) for a, b in zip(first, last, strict=True))
    corner = low + first
    return mask[z, y, x], (int(corner[0]), int(corner[1]), int(corner[2]))


def largest_diameters(database: Database, filled: FilledContours) -> NDArray[np.float64]:
    """Return per annotation the longest distance within a contour in pixels (pylidc's ``diameter``)."""
    corners, start = _corners(database)
    diagonals = np.hypot(*(filled.shape - 1).T)
    longest = np.zeros(len(database.annotations))
    owner = database.contour_annotation
    for contour in np.lexsort([-diagonals, owner]).tolist():
        if diagonals[contour] > longest[owner[contour]]:  # else its points lie too close together
            distance = pdist(corners[start[contour] : start[contour + 1]]).max(initial=0.0)
            longest[owner[contour]] = max(longest[owner[contour]], distance)
    return longest


def _corners(database: Database) -> tuple[NDArray[np.int32], IntArray]:
    """Return contour points without those in the middle of a straight run: no longest distance ends there."""
    points, start = database.points, database.contour_start
    straight = np.zeros(len(points), dtype=bool)
    steps = np.diff(points, axis=0)
    straight[1:-1] = (steps[1:] == steps[:-1]).all(axis=1)
    straight[start[:-1]] = False
    straight[start[1:] - 1] = False
    kept = np.concatenate([[0], np.cumsum(~straight)])
    return points[~straight], kept[start]
