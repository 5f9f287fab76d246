"""Handcrafted features of a nodule: the seven families that the segradcam paper's Table 3 names.

In: images in HU with their masks, 2-D or 3-D; out: named numbers. The paper cites one study a family and prints no
definition: each family here is a standard textbook set (assumed), small enough to be read. ``random`` stands for
"classical random features": fixed random filters, as no definition is given at all.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import ndimage, stats
from scipy.spatial import ConvexHull, QhullError
from scipy.spatial.distance import pdist
from skimage import measure as untyped_measure

from medrepro.datamodules.support.errors import InputError

Image = npt.NDArray[np.number]
Mask = npt.NDArray[np.bool_]
Features = dict[str, float]
measure: Any = untyped_measure  # scikit-image carries no annotations

GREY_LEVELS = 16  # assumed: of the co-occurrence matrix
GREY_RANGE = (-1200.0, 600.0)  # Sec. 5.1's window, HU
RANDOM_FILTERS = 16  # assumed
RANDOM_SEED = 0  # the filters are part of the definition


def intensity(image: Image, mask: Mask, spacing: float = 1.0) -> Features:
    """Return first-order statistics of the HU inside the mask ``(*spatial)``."""
    del spacing
    values = image[mask].astype(np.float64)
    spread = values.std() > 0
    counts = np.histogram(values, bins=GREY_LEVELS, range=GREY_RANGE)[0]
    names = ("p10", "p50", "p90")
    return {
        "mean": float(values.mean()),
        "sd": float(values.std()),
        "skewness": float(stats.skew(values)) if spread else 0.0,
        "kurtosis": float(stats.kurtosis(values)) if spread else 0.0,
        "minimum": float(values.min()),
        "maximum": float(values.max()),
        "entropy": float(stats.entropy(counts + 1e-12)),
        **{name: float(value) for name, value in zip(names, np.percentile(values, (10, 50, 90)), strict=True)},
    }


def size(image: Image, mask: Mask, spacing: float = 1.0) -> Features:
    """Return volume (area in 2-D), equivalent and largest diameter and bounding box, in mm."""
    del image
    axes, content = mask.ndim, mask.sum() * spacing**mask.ndim
    equivalent = 2 * (content / np.pi) ** 0.5 if axes == 2 else (6 * content / np.pi) ** (1 / 3)
    sides = np.sort(_bounding_box(mask)) * spacing
    return {
        "content": float(content),
        "surface": _surface(mask, spacing),
        "equivalent_diameter": float(equivalent),
        "largest_diameter": _largest_diameter(mask) * spacing,
        **{f"side_{i}": float(side) for i, side in enumerate(sides)},
    }


def shape(image: Image, mask: Mask, spacing: float = 1.0) -> Features:
    """Return what does not change with size: sphericity, elongation, flatness, extent, solidity."""
    del image
    content, surface = float(mask.sum()) * spacing**mask.ndim, _surface(mask, spacing)
    disc, sphere = 2 * (np.pi * content) ** 0.5, np.pi ** (1 / 3) * (6 * content) ** (2 / 3)
    points = np.argwhere(mask).astype(np.float64)
    spread = (
        np.linalg.eigvalsh(np.cov(points.T, bias=True) + np.eye(mask.ndim) / 12) ** 0.5
    )  # a voxel has an extent of its own
    return {
        "sphericity": float((disc if mask.ndim == 2 else sphere) / surface),
        "elongation": float(spread[-2] / spread[-1]),
        "flatness": float(spread[0] / spread[-1]),
        "extent": float(mask.sum() / np.prod(_bounding_box(mask))),
        "solidity": _solidity(mask),
    }


def texture(image: Image, mask: Mask, spacing: float = 1.0) -> Features:
    """Return Haralick's contrast, correlation, energy, homogeneity and entropy of neighbours inside the mask."""
    del spacing
    joint = cooccurrence(image, mask)
    i, j = np.indices(joint.shape)
    mean_i, mean_j = (i * joint).sum(), (j * joint).sum()
    deviation = np.sqrt((((i - mean_i) ** 2) * joint).sum() * (((j - mean_j) ** 2) * joint).sum())
    covariance = ((i - mean_i) * (j - mean_j) * joint).sum()
    return {
        "contrast": float(((i - j) ** 2 * joint).sum()),
        "correlation": float(covariance / deviation) if deviation > 0 else 1.0,
        "energy": float((joint**2).sum()),
        "homogeneity": float((joint / (1 + (i - j) ** 2)).sum()),
        "entropy": float(-(joint * np.log(joint + 1e-12)).sum()),
    }


def morphology(image: Image, mask: Mask, spacing: float = 1.0) -> Features:
    """Return the margin: sharpness of the edge, contrast across it, roughness of the outline."""
    smooth = image.astype(np.float64)
    gradient = np.sqrt(sum(np.square(ndimage.sobel(smooth, axis)) for axis in range(mask.ndim))) / spacing
    edge = mask & ~ndimage.binary_erosion(mask)
    outside = ndimage.binary_dilation(mask, iterations=2) & ~ndimage.binary_dilation(mask)
    points = np.argwhere(edge) - np.argwhere(mask).mean(axis=0)
    radii = np.linalg.norm(points, axis=1)
    return {
        "edge_gradient_mean": float(gradient[edge].mean()),
        "edge_gradient_sd": float(gradient[edge].std()),
        "edge_contrast": float(smooth[mask].mean() - smooth[outside].mean()) if outside.any() else 0.0,
        "edge_sd": float(smooth[edge].std()),
        "radius_variation": float(radii.std() / max(radii.mean(), 0.5)),
        "radius_range": float((radii.max() - radii.min()) / max(radii.mean(), 0.5)),
    }


def wavelet(image: Image, mask: Mask, spacing: float = 1.0) -> Features:
    """Return mean magnitude and spread of each sub-band of one Haar decomposition inside the mask."""
    del spacing
    bands = haar(image)
    inside = haar(mask.astype(np.float64))["L" * mask.ndim] > 0
    found: Features = {}
    for name, band in bands.items():
        found[f"{name}_magnitude"] = float(np.abs(band[inside]).mean())
        found[f"{name}_sd"] = float(band[inside].std())
    return found


def random(image: Image, mask: Mask, spacing: float = 1.0) -> Features:
    """Return the largest response and the share of positive ones of fixed Gaussian 3-voxel filters inside the mask."""
    del spacing
    low, high = GREY_RANGE
    scaled = np.clip((image.astype(np.float64) - low) / (high - low), 0, 1)
    generator = np.random.default_rng([RANDOM_SEED, mask.ndim])
    found: Features = {}
    for number in range(RANDOM_FILTERS):
        kernel = generator.standard_normal((3,) * mask.ndim)
        response = ndimage.correlate(scaled, kernel - kernel.mean(), mode="nearest")[mask]
        found[f"max_{number}"] = float(response.max())
        found[f"positive_{number}"] = float((response > 0).mean())
    return found


FAMILIES: dict[str, Callable[[Image, Mask, float], Features]] = {
    "intensity": intensity,
    "shape": shape,
    "texture": texture,
    "morphology": morphology,
    "size": size,
    "random": random,
    "wavelet": wavelet,
}


def feature_table(
    images: Iterable[Image], masks: Iterable[Mask], families: Sequence[str], spacing: float = 1.0
) -> pd.DataFrame:
    """Return one row of features an image, columns ``family/name``.

    Args:
        images: HU, each ``(H, W)`` or ``(D, H, W)``.
        masks: of the same shapes, none empty.
        families: names from ``FAMILIES``.
        spacing: side of a pixel or voxel in mm.

    Raises:
        InputError: an unknown family, an empty mask, or a mask of another shape.
    """
    unknown = [family for family in families if family not in FAMILIES]
    if unknown:
        raise InputError(f"unknown feature families {unknown}; allowed: {', '.join(FAMILIES)}")
    rows = []
    for number, (image, mask) in enumerate(zip(images, masks, strict=True)):
        if image.shape != mask.shape or not mask.any():
            raise InputError(f"image {number} {image.shape} needs a mask of its own shape that is not empty")
        rows.append(
            {
                f"{family}/{name}": value
                for family in families
                for name, value in FAMILIES[family](image, mask, spacing).items()
            }
        )
    return pd.DataFrame(rows)


def cooccurrence(image: Image, mask: Mask) -> npt.NDArray[np.float64]:
    """Return the symmetric co-occurrence matrix of grey levels of all neighbours inside the mask, summing to 1.

    The window ``GREY_RANGE`` is divided into ``GREY_LEVELS``; neighbours touch at a face, edge or corner (13
    directions in 3-D, 4 in 2-D). A mask without neighbours counts its voxels as their own.
    """
    low, high = GREY_RANGE
    levels = np.clip((image.astype(np.float64) - low) / (high - low) * GREY_LEVELS, 0, GREY_LEVELS - 1).astype(np.int64)
    counts = np.zeros(GREY_LEVELS**2)
    for step in product((-1, 0, 1), repeat=mask.ndim):
        if step <= (0,) * mask.ndim:
            continue  # one of each pair of opposite directions
        first = tuple(slice(max(0, -s), size - max(0, s)) for s, size in zip(step, mask.shape, strict=True))
        second = tuple(slice(max(0, s), size - max(0, -s)) for s, size in zip(step, mask.shape, strict=True))
        both = mask[first] & mask[second]
        pairs = levels[first][both] * GREY_LEVELS + levels[second][both]
        counts += np.bincount(pairs, minlength=GREY_LEVELS**2)
    joint = counts.reshape(GREY_LEVELS, GREY_LEVELS)
    joint = joint + joint.T
    if joint.sum() == 0:
        joint = np.diag(np.bincount(levels[mask], minlength=GREY_LEVELS)).astype(np.float64)
    shares: npt.NDArray[np.float64] = joint / joint.sum()
    return shares


def haar(image: Image) -> dict[str, npt.NDArray[np.float64]]:
    """Return the sub-bands of one orthonormal Haar step along each axis, named by L and H; odd sides lose a voxel."""
    bands = {"": image.astype(np.float64)[tuple(slice(0, side // 2 * 2) for side in image.shape)]}
    for axis in range(image.ndim):
        split: dict[str, npt.NDArray[np.float64]] = {}
        for name, band in bands.items():
            even, odd = (np.take(band, range(start, band.shape[axis], 2), axis) for start in (0, 1))
            split[name + "L"], split[name + "H"] = (even + odd) / 2**0.5, (even - odd) / 2**0.5
        bands = split
    return bands


def _bounding_box(mask: Mask) -> npt.NDArray[np.int64]:
    points = np.argwhere(mask)
    sides: npt.NDArray[np.int64] = points.max(axis=0) - points.min(axis=0) + 1
    return sides


def _surface(mask: Mask, spacing: float) -> float:
    """Surface area (mm^2) by marching cubes, or perimeter (mm) in 2-D."""
    padded = np.pad(mask, 1)
    if mask.ndim == 2:
        contours = measure.find_contours(padded.astype(np.float64), 0.5)
        return float(sum(np.linalg.norm(np.diff(line, axis=0), axis=1).sum() for line in contours)) * spacing
    vertices, faces, _, _ = measure.marching_cubes(padded.astype(np.float32), 0.5)
    return float(measure.mesh_surface_area(vertices, faces)) * spacing**2


def _corners(mask: Mask) -> npt.NDArray[np.float64]:
    """Corners of the mask's edge voxels."""
    edge = np.argwhere(mask & ~ndimage.binary_erosion(mask)).astype(np.float64)
    steps = np.array(list(product((-0.5, 0.5), repeat=mask.ndim)))
    return np.unique((edge[:, None] + steps).reshape(-1, mask.ndim), axis=0)


def _largest_diameter(mask: Mask) -> float:
    """Largest distance between two corners of the mask, in voxels."""
    corners = _corners(mask)
    return float(pdist(corners[ConvexHull(corners).vertices]).max())


def _solidity(mask: Mask) -> float:
    """Share of the convex hull that the mask fills, in (0, 1]."""
    try:
        return float(mask.sum() / ConvexHull(_corners(mask)).volume)
    except QhullError:
        return 1.0
