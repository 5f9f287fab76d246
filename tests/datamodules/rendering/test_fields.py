"""The bank of smooth fields: normalised, periodic, and as smooth as it says."""

import numpy as np
import pytest

from medrepro.datamodules.rendering.fields import axis_mm, field_bank, field_piece


def test_bank_is_normalised_and_as_smooth_as_stated() -> None:
    for field, sigma in zip(field_bank(), (3.0, 10.0), strict=True):
        assert field.mean() == pytest.approx(0, abs=1e-4)
        assert field.std() == pytest.approx(1, abs=1e-4)
        lag = round(sigma)
        correlation = np.mean(field * np.roll(field, lag, axis=0))
        assert correlation == pytest.approx(np.exp(-(lag**2) / (4 * sigma**2)), abs=0.1)


def test_pieces_are_periodic_and_scale_with_the_spacing() -> None:
    fine = field_piece(field_bank()[0], 192, 1.0, np.random.default_rng(3))
    np.testing.assert_array_equal(fine[:96], fine[96:])
    narrow = field_piece(field_bank()[0], 31, 2.0, np.random.default_rng(3))
    wide = field_piece(field_bank()[0], 61, 1.0, np.random.default_rng(3))
    np.testing.assert_array_equal(narrow, wide[::2, ::2, ::2])


def test_axis_is_centred() -> None:
    np.testing.assert_allclose(axis_mm(4, 2.0), [-3, -1, 1, 3])
