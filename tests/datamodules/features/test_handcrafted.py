"""Handcrafted features on bodies whose numbers are known, and against plain loops and scikit-image."""

from typing import Any

import numpy as np
import pytest
from scipy import stats
from scipy.ndimage import gaussian_filter
from skimage import feature as untyped_feature

from medrepro.datamodules.features import handcrafted
from medrepro.datamodules.features.handcrafted import FAMILIES, GREY_LEVELS, cooccurrence, feature_table, haar
from medrepro.datamodules.support.errors import InputError

feature: Any = untyped_feature


def ball(radius: float, side: int = 32, axes: int = 3) -> np.ndarray:
    grid = np.indices((side,) * axes) - (side - 1) / 2
    return np.asarray(np.linalg.norm(grid, axis=0) <= radius)


def noise(seed: int = 0, axes: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).normal(-300, 200, (32,) * axes)


def test_seven_families_as_the_paper_names_them() -> None:
    assert set(FAMILIES) == {"intensity", "shape", "texture", "morphology", "size", "random", "wavelet"}


@pytest.mark.parametrize("axes", [2, 3])
def test_size_and_shape_of_a_ball(axes: int) -> None:
    mask = ball(9, axes=axes)
    sizes, shapes = (f(noise(axes=axes), mask, 2.0) for f in (handcrafted.size, handcrafted.shape))
    exact = np.pi * 18**2 if axes == 2 else 4 / 3 * np.pi * 18**3
    assert sizes["content"] == pytest.approx(exact, rel=0.02)
    assert sizes["equivalent_diameter"] == pytest.approx(36, rel=0.01)
    assert sizes["largest_diameter"] == pytest.approx(36, rel=0.1)
    assert [sizes[f"side_{i}"] for i in range(axes)] == [36] * axes
    assert shapes["sphericity"] == pytest.approx(1, abs=0.1)
    assert shapes["elongation"] == shapes["flatness"] == pytest.approx(1)
    assert shapes["solidity"] == pytest.approx(1, abs=0.15)


def test_shape_of_a_cuboid_and_of_a_single_voxel() -> None:
    mask = np.zeros((32, 32, 32), bool)
    mask[10:14, 8:16, 4:28] = True
    shapes, sizes = handcrafted.shape(mask, mask), handcrafted.size(mask, mask)
    assert shapes["extent"] == shapes["solidity"] == 1
    assert shapes["elongation"] == pytest.approx(8 / 24)
    assert shapes["flatness"] == pytest.approx(4 / 24)
    assert sizes["largest_diameter"] == pytest.approx((4**2 + 8**2 + 24**2) ** 0.5)
    point = np.zeros((8, 8, 8), bool)
    point[4, 4, 4] = True
    for family in FAMILIES.values():
        assert np.isfinite(list(family(noise()[:8, :8, :8], point, 1.0).values())).all()


def test_intensity_uses_the_mask_alone() -> None:
    image, mask = noise(), ball(5)
    outside = np.where(mask, image, 3000)
    found = handcrafted.intensity(image, mask)
    assert found == handcrafted.intensity(outside, mask)
    assert found["mean"] == pytest.approx(image[mask].mean())
    assert found["skewness"] == pytest.approx(stats.skew(image[mask]))
    assert found["p90"] == pytest.approx(np.percentile(image[mask], 90))


def test_cooccurrence_equals_scikit_image_on_a_whole_picture() -> None:
    levels = np.random.default_rng(1).integers(0, GREY_LEVELS, (9, 11)).astype(np.uint8)
    low, high = handcrafted.GREY_RANGE
    image = low + (levels + 0.5) / GREY_LEVELS * (high - low)
    angles = [0, np.pi / 4, np.pi / 2, 3 * np.pi / 4]
    theirs = feature.graycomatrix(levels, [1], angles, GREY_LEVELS, symmetric=True).sum(axis=(2, 3))
    np.testing.assert_allclose(cooccurrence(image, np.ones_like(levels, bool)), theirs / theirs.sum())


def test_cooccurrence_equals_a_loop_in_three_dimensions() -> None:
    image, mask = noise()[:4, :4, :4], np.random.default_rng(2).random((4, 4, 4)) < 0.5
    low, high = handcrafted.GREY_RANGE
    levels = np.clip((image - low) / (high - low) * GREY_LEVELS, 0, GREY_LEVELS - 1).astype(int)
    counts = np.zeros((GREY_LEVELS, GREY_LEVELS))
    for a in np.argwhere(mask):
        for b in np.argwhere(mask):
            if 0 < np.abs(a - b).max() <= 1:
                counts[levels[tuple(a)], levels[tuple(b)]] += 1
    np.testing.assert_allclose(cooccurrence(image, mask), counts / counts.sum())


def test_texture_of_a_constant_body() -> None:
    found = handcrafted.texture(np.full((8, 8, 8), 40.0), ball(3, 8))
    assert (found["contrast"], found["energy"], found["homogeneity"]) == (0, 1, 1)


def test_haar_keeps_energy_and_separates_bands() -> None:
    image = noise()
    bands = haar(image)
    assert len(bands) == 8
    assert sum(np.square(band).sum() for band in bands.values()) == pytest.approx(np.square(image).sum())
    flat = haar(np.ones((4, 4, 4)))
    assert np.allclose(flat.pop("LLL"), 8**0.5)
    assert all(np.allclose(band, 0) for band in flat.values())


def test_a_sharp_edge_and_a_rough_outline_are_seen() -> None:
    mask = ball(8)
    sharp = np.where(mask, 30.0, -850.0)
    blurred = gaussian_filter(sharp, 3)
    assert (
        handcrafted.morphology(sharp, mask)["edge_gradient_mean"]
        > 2 * handcrafted.morphology(blurred, mask)["edge_gradient_mean"]
    )
    rough = mask.copy()
    rough[16, 16, :] = True
    assert (
        handcrafted.morphology(sharp, rough)["radius_variation"]
        > handcrafted.morphology(sharp, mask)["radius_variation"]
    )


def test_table_has_a_column_for_each_feature_and_is_the_same_twice() -> None:
    images, masks = [noise(0), noise(1)], [ball(5), ball(7)]
    table = feature_table(images, masks, list(FAMILIES))
    assert len(table) == 2
    assert {column.partition("/")[0] for column in table.columns} == set(FAMILIES)
    assert np.isfinite(table.to_numpy()).all()
    assert table.equals(feature_table(images, masks, list(FAMILIES)))


def test_errors() -> None:
    with pytest.raises(InputError, match="unknown feature families"):
        feature_table([noise()], [ball(5)], ["colour"])
    with pytest.raises(InputError, match="image 0"):
        feature_table([noise()], [np.zeros((32, 32, 32), bool)], ["size"])
