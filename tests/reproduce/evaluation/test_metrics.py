"""Weighted metrics against scikit-learn, resample by resample."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from medrepro.reproduce.evaluation.metrics import Weights, evaluate, is_known, mean_of

BINARY = {
    "accuracy": lambda y, p, w: metrics.accuracy_score(y, p >= 0.5, sample_weight=w),
    "balanced_accuracy": lambda y, p, w: metrics.balanced_accuracy_score(y, p >= 0.5, sample_weight=w),
    "sensitivity": lambda y, p, w: metrics.recall_score(y, p >= 0.5, sample_weight=w),
    "specificity": lambda y, p, w: metrics.recall_score(y, p >= 0.5, sample_weight=w, pos_label=0),
    "ppv": lambda y, p, w: metrics.precision_score(y, p >= 0.5, sample_weight=w),
    "npv": lambda y, p, w: metrics.precision_score(y, p >= 0.5, sample_weight=w, pos_label=0),
    "f1": lambda y, p, w: metrics.f1_score(y, p >= 0.5, sample_weight=w),
    "brier": lambda y, p, w: metrics.brier_score_loss(y, p, sample_weight=w),
    "auc": lambda y, p, w: metrics.roc_auc_score(y, p, sample_weight=w),
}
MULTICLASS = {
    "accuracy": lambda y, p, w: metrics.accuracy_score(y, p.argmax(1), sample_weight=w),
    "balanced_accuracy": lambda y, p, w: metrics.balanced_accuracy_score(y, p.argmax(1), sample_weight=w),
    "sensitivity": lambda y, p, w: metrics.recall_score(y, p.argmax(1), sample_weight=w, average="macro"),
    "f1": lambda y, p, w: metrics.f1_score(y, p.argmax(1), sample_weight=w, average="macro"),
    "f1@2": lambda y, p, w: metrics.f1_score(y == 2, p.argmax(1) == 2, sample_weight=w),
    "auc@1": lambda y, p, w: metrics.roc_auc_score(y == 1, p[:, 1], sample_weight=w),
    "auc": lambda y, p, w: np.mean([metrics.roc_auc_score(y == c, p[:, c], sample_weight=w) for c in range(3)]),
}


def drawn(patients: int, cases: int, resamples: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Patients of cases, and how often each patient is drawn."""
    rng = np.random.default_rng(seed)
    groups = rng.integers(0, patients, cases)
    return groups, rng.multinomial(patients, np.full(patients, 1 / patients), resamples).astype(float)


@pytest.mark.parametrize("name", BINARY)
def test_binary_metrics_equal_scikit_learn_on_every_resample(name: str) -> None:
    assert len(BINARY) == 9
    groups, counts = drawn(30, 300, 20, 0)
    rng = np.random.default_rng(1)
    labels, scores = rng.integers(0, 2, 300), np.round(rng.random(300), 2)  # ties
    values = evaluate(name, labels, scores, Weights(groups, counts))
    expected = [BINARY[name](labels, scores, weights[groups]) for weights in counts]
    np.testing.assert_allclose(values, expected, rtol=1e-12)


@pytest.mark.parametrize("name", MULTICLASS)
def test_multiclass_metrics_equal_scikit_learn_on_every_resample(name: str) -> None:
    assert len(MULTICLASS) == 7
    groups, counts = drawn(30, 300, 20, 2)
    rng = np.random.default_rng(3)
    labels, scores = rng.integers(0, 3, 300), rng.dirichlet([1, 1, 1], 300)
    values = evaluate(name, labels, scores, Weights(groups, counts))
    expected = [MULTICLASS[name](labels, scores, weights[groups]) for weights in counts]
    np.testing.assert_allclose(values, expected, rtol=1e-12)


def test_weights_mean_repetition() -> None:
    """A resample's metric is that of the data in which drawn patients stand as often as they were drawn."""
    groups, counts = drawn(12, 80, 10, 4)
    rng = np.random.default_rng(5)
    labels, scores = rng.integers(0, 2, 80), np.round(rng.random(80), 1)
    values = evaluate("auc", labels, scores, Weights(groups, counts))
    for value, weights in zip(values, counts, strict=True):
        index = np.repeat(np.arange(80), weights[groups].astype(int))
        assert value == pytest.approx(metrics.roc_auc_score(labels[index], scores[index]), abs=1e-12)


def test_auc_does_not_depend_on_how_resamples_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    groups, counts = drawn(12, 80, 11, 6)
    rng = np.random.default_rng(7)
    labels, scores = rng.integers(0, 2, 80), rng.random(80)
    whole = evaluate("auc", labels, scores, Weights(groups, counts))
    monkeypatch.setattr("medrepro.reproduce.evaluation.metrics.CHUNK", 170)  # two resamples at a time
    np.testing.assert_array_equal(whole, evaluate("auc", labels, scores, Weights(groups, counts)))


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=2, max_size=40))
def test_auc_is_the_share_of_ordered_pairs(cases: list[tuple[bool, int]]) -> None:
    labels = np.array([int(label) for label, _ in cases])
    scores = np.array([float(score) for _, score in cases])
    value = evaluate("auc", labels, scores, Weights(np.arange(len(cases)), np.ones((1, len(cases)))))[0]
    pairs = [
        1.0 if a > b else 0.5 if a == b else 0.0
        for a, positive in zip(scores, labels, strict=True)
        for b, other in zip(scores, labels, strict=True)
        if positive == 1 and other == 0
    ]
    if not pairs:
        assert np.isnan(value)
    else:
        assert value == pytest.approx(np.mean(pairs), abs=1e-12)


def test_calibration_error_by_a_plain_loop() -> None:
    rng = np.random.default_rng(8)
    scores, labels = rng.dirichlet([2, 1, 1], 500), rng.integers(0, 3, 500)
    confidence, right = scores.max(1), scores.argmax(1) == labels
    expected = 0.0
    for low in np.arange(15) / 15:
        inside = (confidence > low) & (confidence <= low + 1 / 15 + 1e-15)
        if inside.any():
            expected += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    value = evaluate("ece", labels, scores, Weights(np.arange(500), np.ones((1, 500))))[0]
    assert value == pytest.approx(expected, abs=1e-9)


def test_a_class_absent_from_a_resample_is_left_out_of_the_macro_mean() -> None:
    labels, scores = np.array([0, 1, 2]), np.eye(3)
    counts = np.array([[1.0, 1.0, 0.0]])
    assert evaluate("sensitivity", labels, scores, Weights(np.arange(3), counts))[0] == 1.0
    assert np.isnan(evaluate("sensitivity@2", labels, scores, Weights(np.arange(3), counts))[0])


def test_undefined_values_are_nan_not_zero() -> None:
    labels, scores = np.array([1, 1]), np.array([0.2, 0.9])
    weights = Weights(np.arange(2), np.ones((1, 2)))
    assert np.isnan(evaluate("auc", labels, scores, weights)[0])
    assert np.isnan(evaluate("specificity", labels, scores, weights)[0])
    assert evaluate("sensitivity", labels, scores, weights)[0] == 0.5


def test_mean_skips_samples_without_a_value() -> None:
    weights = Weights(np.array([0, 0, 1]), np.array([[1.0, 1.0], [3.0, 1.0]]))
    values = mean_of(np.array([1.0, np.nan, 4.0]), weights)
    np.testing.assert_allclose(values, [2.5, (3 * 1 + 4) / 4])


@pytest.mark.parametrize("name", ["dice", "f1@9", "accuracy@1", "auc@x"])
def test_unknown_statistics_are_refused(name: str) -> None:
    with pytest.raises(KeyError, match="no statistic"):
        evaluate(name, np.array([0, 1]), np.array([0.1, 0.9]), Weights(np.arange(2), np.ones((1, 2))))


def test_aliases_and_known_names() -> None:
    assert all(is_known(name) for name in ("recall", "precision", "acc", "auc@3", "ece"))
    assert not any(is_known(name) for name in ("dice", "auc@", "accuracy@1", "count"))
