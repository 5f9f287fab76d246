"""Resampling of masks and the patterns of calcium."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from medrepro.datamodules.rendering.nodule import calcium_pattern, overlap_weights, resample_mask


@settings(max_examples=60, deadline=None)
@given(
    spacing=st.floats(0.3, 5.0),
    out_spacing=st.floats(0.3, 4.0),
    centre=st.floats(100.0, 110.0),
    size=st.integers(8, 40),
)
def test_weights_sum_to_one_within_an_endless_input(
    spacing: float, out_spacing: float, centre: float, size: int
) -> None:
    count = 2 * int(105 + size * out_spacing / spacing)
    weights = overlap_weights(count, spacing, centre + size * out_spacing / spacing / 2, size, out_spacing)
    assert weights.min() >= 0
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, atol=1e-9)


def test_weights_by_hand() -> None:
    weights = overlap_weights(2, 2.0, 0.5, 4, 1.0)  # two voxels of 2 mm become four of 1 mm
    np.testing.assert_allclose(weights, [[1, 0], [1, 0], [0, 1], [0, 1]], atol=1e-12)
    weights = overlap_weights(3, 1.0, 1.0, 8, 2.0)  # the middle of three falls between outputs 3 and 4
    np.testing.assert_allclose(weights[3:5], [[0.5, 0.25, 0], [0, 0.25, 0.5]], atol=1e-12)


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.5, 0.7, 0.7), (0.625, 0.9, 0.9)])
def test_resampling_keeps_volume_and_solid_inside(spacing: tuple[float, float, float]) -> None:
    shape = [round(14 / each) for each in spacing]
    box, share = resample_mask(np.ones(shape, dtype=bool), spacing, 64, 1.0)
    assert share.sum() == pytest.approx(np.prod(shape) * np.prod(spacing), rel=1e-5)
    middle = tuple(slice(32 - 3 - part.start, 32 + 3 - part.start) for part in box)
    np.testing.assert_allclose(share[middle], 1.0, atol=1e-6)  # no moire


def test_patterns_lie_where_their_names_say() -> None:
    grid = np.indices((25, 25, 25)) - 12
    mask = (grid**2).sum(axis=0) <= 100
    depth = ndimage.distance_transform_edt(mask).astype(np.float32)
    depth /= depth.max()
    patterns = {each: calcium_pattern(each, mask, depth, 1.0, np.random.default_rng(0)) for each in range(1, 7)}
    for each in range(1, 6):
        assert patterns[each].any()
        assert not (patterns[each] & ~mask).any()
    assert not patterns[6].any()
    assert patterns[3].sum() > 0.7 * mask.sum()
    assert patterns[5][12, 12, 12]
    assert ndimage.label(patterns[4])[1] == 1
    assert np.linalg.norm(np.argwhere(patterns[4]).mean(axis=0) - 12) > 2  # non-central
    assert ndimage.label(patterns[1])[1] > 1  # popcorn
    along = patterns[2][12, 12]
    assert (np.diff(along.astype(int)) == 1).sum() >= 3  # laminated: several shells
