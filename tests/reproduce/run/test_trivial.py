"""Grey levels and their regression: against a plain loop, and blind to shape."""

import numpy as np

from medrepro.reproduce.run.trivial import by_regression, grey_levels


def test_grey_levels_against_a_plain_loop() -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 2, 5, 4), dtype=np.uint8)
    found = grey_levels(images)
    assert found.shape == (3, 14)
    for image, row in zip(images, found, strict=True):
        for channel, values in enumerate(image.astype(float)):
            expected = [values.mean(), values.std(), *(np.percentile(values, p) for p in (5, 25, 50, 75, 95))]
            np.testing.assert_allclose(row[channel::2], expected)


def test_grey_levels_know_no_shape() -> None:
    rng = np.random.default_rng(1)
    image = rng.integers(0, 256, (1, 1, 8, 8), dtype=np.uint8)
    shuffled = rng.permutation(image.ravel()).reshape(image.shape)
    np.testing.assert_allclose(grey_levels(image), grey_levels(shuffled))


def test_a_class_that_was_not_fitted_gets_no_probability() -> None:
    features = np.array([[0.0], [0.1], [1.0], [1.1]])
    scores = by_regression(features, np.array([0, 0, 2, 2]), np.array([[0.0], [1.0]]), classes=3)
    np.testing.assert_array_equal(scores[:, 1], 0)
    np.testing.assert_array_equal(scores.argmax(axis=1), [0, 2])
