"""The scanner: what it adds is noise of the stated size, and what it does to a scene is blur."""

import numpy as np
import pytest
from numpy.typing import NDArray

from medrepro.datamodules.rendering.scanner import scan


def response(thickness: float, spacing: float, phase: float = 0.0) -> NDArray[np.float64]:
    """How a bright plane of 1 mm at z = 20 shows along z: the noise is the same with and without it."""
    scene = np.full((41, 16, 16), -800.0, dtype=np.float32)
    lit = scene.copy()
    lit[20] += 1000.0
    images = [
        scan(each, 1.0, thickness, spacing, phase, np.random.default_rng(0)).astype(np.float64) for each in (scene, lit)
    ]
    profile: NDArray[np.float64] = (images[1] - images[0]).mean(axis=(1, 2))
    return profile


def noise_of(thickness: float, seed: int = 0) -> float:
    flat = np.full((33, 32, 32), -800.0, dtype=np.float32)
    image = scan(flat, 1.0, thickness, 1.0, 0.0, np.random.default_rng(seed))
    assert image.mean() == pytest.approx(-800, abs=3)
    return float(image.std())


def test_thin_slices_show_a_plane_where_it_is() -> None:
    profile = response(1.0, 1.0)
    assert profile[20] == pytest.approx(1000, abs=1)
    assert np.abs(np.delete(profile, 20)).max() <= 1


def test_thick_slices_dilute_it_over_their_thickness() -> None:
    profile = response(5.0, 1.0)
    np.testing.assert_allclose(profile[18:23], 200, atol=1)
    assert np.abs(profile[:17]).max() <= 1


def test_sparse_slices_may_miss_a_plane() -> None:
    assert response(1.0, 5.0).max() == pytest.approx(1000, abs=1)
    assert response(1.0, 5.0, phase=2.5).max() <= 1


def test_plane_blur_keeps_the_sum() -> None:
    scene = np.full((17, 33, 33), -800.0, dtype=np.float32)
    lit = scene.copy()
    lit[8, 16, 16] += 2000.0
    images = [scan(each, 1.0, 1.0, 1.0, 0.0, np.random.default_rng(1)).astype(float) for each in (scene, lit)]
    spread = (images[1] - images[0])[8]
    assert spread.sum() == pytest.approx(2000, rel=0.02)
    offsets = np.arange(33) - 16
    assert np.sqrt((spread.sum(axis=0) * offsets**2).sum() / spread.sum()) == pytest.approx(0.6, abs=0.05)


def test_noise_falls_with_thickness_and_varies_between_cases() -> None:
    assert noise_of(0.75) / noise_of(3.0) == pytest.approx(2.0, rel=0.02)  # sqrt(3 / 0.75)
    assert noise_of(5.0) == pytest.approx(noise_of(3.0), rel=0.02)  # clipped
    levels = [noise_of(1.25, seed) for seed in range(30)]
    assert np.median(levels) == pytest.approx(46, rel=0.15)
    assert np.std(np.log(levels)) == pytest.approx(0.2, abs=0.08)
