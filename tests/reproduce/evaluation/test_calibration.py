import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax

from medrepro.reproduce.evaluation.calibration import (
    at_temperature,
    confidence,
    expected_calibration_error,
    fit_temperature,
    unknown_threshold,
)


def draw(seed: int, count: int, classes: int, temperature: float) -> tuple[np.ndarray, np.ndarray]:
    """Labels drawn from softmax(z), and what a model says that is too sure by ``temperature``: softmax(z T)."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 1.5, (count, classes))
    labels = (softmax(logits, axis=1).cumsum(axis=1) < rng.uniform(size=(count, 1))).sum(axis=1)
    return softmax(logits * temperature, axis=1), labels


def loop_ece(probabilities: np.ndarray, labels: np.ndarray) -> float:
    total = 0.0
    for low in range(15):
        sure = probabilities.max(axis=1)
        chosen = (sure > low / 15) & (sure <= (low + 1) / 15)
        if chosen.any():
            accuracy = (probabilities[chosen].argmax(axis=1) == labels[chosen]).mean()
            total += chosen.mean() * abs(accuracy - sure[chosen].mean())
    return total


def test_the_calibration_error_is_the_loops() -> None:
    probabilities, labels = draw(0, 500, 5, 2.0)
    assert expected_calibration_error(probabilities, labels) == pytest.approx(loop_ece(probabilities, labels))


@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 1000), temperature=st.floats(0.5, 4.0))
def test_the_temperature_that_was_applied_is_found(seed: int, temperature: float) -> None:
    probabilities, labels = draw(seed, 3000, 4, temperature)
    assert fit_temperature(probabilities, labels) == pytest.approx(temperature, rel=0.2)


def test_scaling_keeps_the_answers_and_mends_overconfidence() -> None:
    probabilities, labels = draw(1, 3000, 8, 3.0)
    scaled = at_temperature(probabilities, fit_temperature(probabilities, labels))
    np.testing.assert_allclose(scaled.sum(axis=1), 1)
    np.testing.assert_array_equal(scaled.argmax(axis=1), probabilities.argmax(axis=1))
    assert expected_calibration_error(scaled, labels) < 0.3 * expected_calibration_error(probabilities, labels)
    np.testing.assert_allclose(at_temperature(probabilities, 1.0), probabilities, atol=1e-9)


def test_certain_answers_survive_scaling() -> None:
    scaled = at_temperature(np.array([[1.0, 0.0]]), 2.0)
    assert np.isfinite(scaled).all()
    assert scaled[0, 0] > 0.99


def test_confidence_of_right_and_wrong_answers_by_hand() -> None:
    probabilities = np.array([[0.9, 0.1], [0.6, 0.4], [0.3, 0.7], [0.2, 0.8]])
    labels = np.array([0, 1, 1, 1])
    found = confidence(probabilities, labels)
    assert found.right == pytest.approx((0.9 + 0.7 + 0.8) / 3)
    assert found.wrong == pytest.approx(0.6)
    only = confidence(probabilities, labels, labels == 0)
    assert only.right == pytest.approx(0.9)
    assert only.wrong is None  # the paper's Table 9 has a 0 here


def test_the_threshold_is_the_lowest_that_is_right_often_enough() -> None:
    probabilities = np.array([[0.95, 0.05], [0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.6, 0.4]])
    labels = np.array([0, 0, 1, 0, 1])
    assert unknown_threshold(probabilities, labels, 1.0) == pytest.approx(0.9)
    assert unknown_threshold(probabilities, labels, 0.75) == pytest.approx(0.7)
    assert unknown_threshold(probabilities, labels, 0.6) == pytest.approx(0.6)
    assert unknown_threshold(probabilities, 1 - labels, 1.0) == 1.0


def test_no_samples_are_refused() -> None:
    with pytest.raises(ValueError, match="0 rows of probabilities for 0 labels"):
        fit_temperature(np.zeros((0, 2)), np.zeros(0, dtype=int))
