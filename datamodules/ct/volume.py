"""Hold a CT scan as HU with its place in the patient: voxels to millimetres and back, and crops in millimetres.

Every triple is in the order (z, y, x), and the millimetres are DICOM's: z rises towards the head, y towards the back, x
towards the patient's left (LPS).
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from medrepro.datamodules.support.errors import InputError

AIR = -1024  # HU; what lies outside a scan, declared padding, and the least that a crop holds
NOT_AIR, NOT_TISSUE = -500, -500  # a scan without values below and above is no CT in HU
MAX_VOXELS = 1024**3  # 2 GB of HU; more is a wrong header
OFF_LINE_MM = 0.1  # slices further from even steps than this are not one volume
DECIMALS = 9  # of voxel indices: what lies on the edge must not fall outside by rounding

Floats = npt.NDArray[np.float64]
Triple = tuple[float, float, float]


@dataclass(frozen=True)
class CT:
    """HU of one scan and where its voxels lie.

    Attributes:
        hu: int16 ``(D, H, W)``.
        origin: ``(3,)`` mm (z, y, x) of the centre of voxel (0, 0, 0).
        steps: ``(3, 3)``; column a is the way in mm (z, y, x) from a voxel to the next one along axis a of ``hu``.
        series_uid: of a DICOM series, else empty.
        patient_id: as the files say, else empty.

    Example:
        >>> scan = CT(np.full((4, 6, 6), -850, np.int16), np.zeros(3), np.diag([2.5, 0.7, 0.7]))
        >>> scan.to_world([2, 3, 3]).tolist()
        [5.0, 2.0999999999999996, 2.0999999999999996]
        >>> scan.crop([5.0, 2.1, 2.1], (2, 2, 2)).tolist()
        [[[-850, -850], [-850, -850]], [[-850, -850], [-850, -850]]]
    """

    hu: npt.NDArray[np.int16]
    origin: Floats
    steps: Floats
    series_uid: str = ""
    patient_id: str = ""

    @property
    def spacing(self) -> Triple:
        """Distance of neighbours along each axis in mm."""
        z, y, x = np.linalg.norm(self.steps, axis=0).tolist()
        return z, y, x

    @property
    def direction(self) -> Floats:
        """``(3, 3)``; column a is the unit vector (z, y, x) along axis a: the identity for a plain axial scan."""
        unit: Floats = self.steps / np.linalg.norm(self.steps, axis=0)
        return unit

    def to_world(self, voxels: npt.ArrayLike) -> Floats:
        """Return the mm (..., 3) of voxel indices (..., 3), fractions allowed."""
        return np.asarray(voxels, dtype=np.float64) @ self.steps.T + self.origin

    def to_voxel(self, points: npt.ArrayLike) -> Floats:
        """Return the fractional voxel indices (..., 3) of points (..., 3) in mm."""
        return (np.asarray(points, dtype=np.float64) - self.origin) @ np.linalg.inv(self.steps).T

    def canonical(self) -> "CT":
        """Return the same scan with axes permuted and flipped to lie nearest to z, y, x; no voxel is interpolated."""
        order = _nearest_axes(self.direction)
        hu, steps, origin = self.hu.transpose(order), self.steps[:, order], self.origin
        for axis in range(3):
            if steps[axis, axis] < 0:
                origin = origin + steps[:, axis] * (hu.shape[axis] - 1)
                hu, steps = np.flip(hu, axis), steps * np.where(np.arange(3) == axis, -1.0, 1.0)
        return replace(self, hu=np.ascontiguousarray(hu), origin=origin, steps=steps)

    def resampled(self, spacing: float = 1.0) -> "CT":
        """Return the scan on a grid along the patient's axes, interpolated linearly; what it did not see is air.

        An oblique, tilted or flipped scan comes out straight. The first voxel stays where the scan's lowest corner is.

        Args:
            spacing: mm between voxels, the same along each axis.
        """
        corners = self.to_world(np.stack(np.meshgrid(*([0, size - 1] for size in self.hu.shape)), -1).reshape(-1, 3))
        low, high = corners.min(axis=0), corners.max(axis=0)
        depth, height, width = (np.floor(np.round((high - low) / spacing, DECIMALS)).astype(int) + 1).tolist()
        hu = self._sampled(low, (depth, height, width), spacing)
        return replace(self, hu=hu, origin=low, steps=np.eye(3) * spacing)

    def crop(self, centre: npt.ArrayLike, shape: tuple[int, int, int], spacing: float = 1.0) -> npt.NDArray[np.int16]:
        """Return HU ``shape`` around a point, along the patient's axes, interpolated linearly; outside is air.

        Args:
            centre: mm (z, y, x).
            shape: voxels (D, H, W).
            spacing: mm between them.

        Raises:
            InputError: the centre lies outside the scan.
        """
        point = np.asarray(centre, dtype=np.float64)
        voxel = self.to_voxel(point)
        if not np.isfinite(voxel).all() or (voxel < -0.5).any() or (voxel > np.array(self.hu.shape) - 0.5).any():
            raise InputError(
                f"point {_mm(point)} mm (z, y, x) lies outside the scan, which spans {_mm(self.to_world([0, 0, 0]))} "
                f"to {_mm(self.to_world(np.array(self.hu.shape) - 1))}"
            )
        return self._sampled(point - (np.array(shape) - 1) / 2 * spacing, shape, spacing)

    def crop_mask(
        self,
        mask: npt.NDArray[np.bool_],
        first: npt.ArrayLike,
        centre: npt.ArrayLike,
        shape: tuple[int, int, int],
        spacing: float = 1.0,
    ) -> npt.NDArray[np.bool_]:
        """Return a mask on the grid of :meth:`crop`: True where at least half of it is, by linear interpolation.

        Args:
            mask: bool (d, h, w) in voxels of this scan.
            first: voxel index (z, y, x) of its first voxel, fractions allowed.
            centre: as for :meth:`crop`.
            shape: as for :meth:`crop`.
            spacing: as for :meth:`crop`.
        """
        low = np.asarray(centre, dtype=np.float64) - (np.array(shape) - 1) / 2 * spacing
        padded = np.pad(mask, 1).astype(np.float32)
        matrix, offset = self._grid(low, spacing)
        return _interpolated(padded, matrix, offset - np.asarray(first) + 1, shape, 0.0) >= 0.5

    def _grid(self, low: Floats, spacing: float) -> tuple[Floats, Floats]:
        """Matrix and offset that take an index of a grid, which begins at ``low``, to voxel indices."""
        inverse = np.linalg.inv(self.steps)
        return np.round(inverse * spacing, DECIMALS), np.round(inverse @ (low - self.origin), DECIMALS)

    def _sampled(self, low: Floats, shape: tuple[int, int, int], spacing: float) -> npt.NDArray[np.int16]:
        matrix, offset = self._grid(low, spacing)
        ends = offset + np.stack(np.meshgrid(*([0, n - 1] for n in shape)), -1).reshape(-1, 3) @ matrix.T
        first = np.clip(np.floor(ends.min(axis=0)).astype(int), 0, np.array(self.hu.shape) - 1)
        last = np.clip(np.ceil(ends.max(axis=0)).astype(int) + 1, first + 1, self.hu.shape)
        part = self.hu[tuple(slice(a, b) for a, b in zip(first, last, strict=True))]
        values = _interpolated(np.maximum(part, AIR).astype(np.float32), matrix, offset - first, shape, AIR)
        return np.rint(values).astype(np.int16)


def _interpolated(
    values: npt.NDArray[np.float32], matrix: Floats, offset: Floats, shape: tuple[int, int, int], outside: float
) -> npt.NDArray[np.float32]:
    straight = np.count_nonzero(matrix - np.diag(np.diagonal(matrix))) == 0 and (np.diagonal(matrix) > 0).all()
    rule = np.diagonal(matrix) if straight else matrix  # a vector takes scipy's faster way
    found: npt.NDArray[np.float32] = ndimage.affine_transform(
        values, rule, offset, output_shape=shape, output=np.float32, order=1, cval=outside
    )
    return found


def _nearest_axes(direction: Floats) -> list[int]:
    """Return for z, y and x the axis that runs along it most, each axis once."""
    best = max(((i, j, 3 - i - j) for i in range(3) for j in range(3) if i != j), key=lambda o: _along(direction, o))
    return list(best)


def _along(direction: Floats, order: tuple[int, int, int]) -> float:
    return float(np.abs(direction[np.arange(3), list(order)]).sum())


def _mm(point: Floats) -> str:
    return "(" + ", ".join(f"{value:.1f}" for value in point) + ")"


def checked_hu(values: npt.NDArray[np.generic], what: str) -> npt.NDArray[np.int16]:
    """Return values as int16 HU, rounded and clipped to its range.

    Args:
        values: ``(D, H, W)`` of any real type.
        what: names the scan in errors.

    Raises:
        InputError: not three axes, a value is NaN or infinite, or the range is no CT's.
    """
    if values.ndim != 3 or 0 in values.shape:
        raise InputError(f"{what}: shape {values.shape}; a volume has three axes and at least one voxel")
    if values.dtype.kind not in "iuf":
        raise InputError(f"{what}: voxels of type {values.dtype}; a CT has one number per voxel")
    if values.dtype.kind == "f":
        if not np.isfinite(values).all():
            raise InputError(f"{what}: NaN or infinite voxels; fix the file")
        values = np.rint(values)
    low, high = int(values.min()), int(values.max())
    if low > NOT_AIR or high < NOT_TISSUE:
        raise InputError(f"{what}: values from {low} to {high} are not HU of a CT (air is near -1000)")
    if values.dtype != np.int16:
        values = np.clip(values, -32768, 32767)
    return np.asarray(values, dtype=np.int16)


def even_step(positions: Floats, what: str) -> Floats:
    """Return the way in mm from a slice to the next one.

    Args:
        positions: ``(n, axes)`` in mm, of two or more slices in order.
        what: names the scan in errors.

    Raises:
        InputError: the slices do not lie at even steps on a line.
    """
    way: Floats = (positions[-1] - positions[0]) / (len(positions) - 1)
    off = np.abs(positions - positions[0] - np.arange(len(positions))[:, None] * way).max()
    if not off <= OFF_LINE_MM:
        raise InputError(f"{what}: its slices lie up to {off:.2f} mm off even steps; allowed: {OFF_LINE_MM} mm")
    return way


def checked_geometry(origin: npt.ArrayLike, steps: npt.ArrayLike, what: str) -> tuple[Floats, Floats]:
    """Return origin and steps as float64.

    Raises:
        InputError: a number is not finite, a spacing is zero, or the axes lie in one plane.
    """
    place, way = np.asarray(origin, dtype=np.float64), np.asarray(steps, dtype=np.float64)
    if not (np.isfinite(place).all() and np.isfinite(way).all()):
        raise InputError(f"{what}: origin, spacing or direction is not a number; fix the header")
    lengths = np.linalg.norm(way, axis=0)
    if (lengths < 1e-3).any() or (lengths > 100).any():
        raise InputError(f"{what}: spacing {_mm(lengths)} mm (z, y, x); allowed: above 0, at most 100")
    if abs(np.linalg.det(way / lengths)) < 0.1:
        raise InputError(f"{what}: its three axes lie in one plane; fix the header's direction")
    return place, way
