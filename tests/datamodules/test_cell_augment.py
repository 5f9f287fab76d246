import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medrepro.datamodules.augment import CellAugment, Fill
from medrepro.datamodules.support.errors import InputError

SIZE = 16


def columns() -> np.ndarray:
    """Images whose pixels tell their column: 10 (c + 1), so that black never occurs."""
    row = (10 * (np.arange(SIZE) + 1)).astype(np.uint8)
    return np.broadcast_to(row, (4, 1, SIZE, SIZE)).copy()


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), fill=st.sampled_from(["nearest", "constant"]))
def test_a_shift_moves_columns_and_fills_from_the_side(seed: int, fill: Fill) -> None:
    images = columns()
    moved = CellAugment(fill=fill, shift=0.4)(images, seed, 1)
    shifts = np.random.default_rng([seed, 1]).uniform(-1, 1, size=(4, 5))[:, 4] * 0.4 * SIZE
    for image, shift in zip(moved, shifts, strict=True):
        position = np.arange(SIZE) + shift  # where each output column looks in the input
        known = np.interp(position, np.arange(SIZE), 10.0 * (np.arange(SIZE) + 1))
        inside = (position >= 0) & (position <= SIZE - 1)
        expected = known if fill == "nearest" else np.where(inside, known, 0)
        sure = inside | (position < -1) | (position > SIZE) | (fill == "nearest")  # the rim blends with the fill
        np.testing.assert_allclose(image[0, 0][sure], expected[sure], atol=1)
        assert (image[0] == image[0, 0]).all()


def test_draws_differ_and_are_reproducible() -> None:
    augment, images = CellAugment(), columns()
    first = augment(images, 0, 1)
    np.testing.assert_array_equal(first, augment(images, 0, 1))
    assert (first != augment(images, 0, 2)).any()
    assert (first != augment(images, 1, 1)).any()


def test_nothing_moves_at_range_zero() -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 3, SIZE, SIZE), dtype=np.uint8)
    np.testing.assert_array_equal(CellAugment(shift=0.0)(images, 5, 2), images)


def test_flips_zoom_and_rotation_are_off_until_asked_for() -> None:
    images = np.random.default_rng(0).integers(0, 256, (40, 1, SIZE, SIZE), dtype=np.uint8)
    flipped = CellAugment(shift=0.0, flips=True)(images, 0, 1)
    variants = [images, images[..., ::-1], images[..., ::-1, :], images[..., ::-1, ::-1]]
    counts = [sum((found == variant[i]).all() for i, found in enumerate(flipped)) for variant in variants]
    assert sum(counts) == 40
    assert min(counts) > 2
    dot = np.zeros((1, 1, SIZE, SIZE), dtype=np.uint8)
    dot[0, 0, 6:10, 6:10] = 200
    turned = CellAugment(shift=0.0, rotation_degrees=45)(dot, 0, 1)
    assert abs(int(turned.sum()) - int(dot.sum())) < 0.1 * dot.sum()
    assert (turned != dot).any()
    assert CellAugment(shift=0.0, zoom=0.5)(dot, 0, 1).sum() != dot.sum()


def test_unknown_fill_and_shares_outside_are_refused() -> None:
    for wrong in ({"fill": "mirror"}, {"shift": 1.0}, {"zoom": -0.1}):
        with pytest.raises(InputError, match="allowed: nearest or constant"):
            CellAugment(**wrong)
