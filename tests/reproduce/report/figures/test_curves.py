"""Curves against scikit-learn and plain loops."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import auc, confusion_matrix, roc_curve

from medrepro.reproduce.evaluation.bootstrap import Cases
from medrepro.reproduce.report.figures.curves import GRID, confusion, reliability, roc, roc_band


def cases(seed: int = 0, n: int = 300, patients: int = 40) -> Cases:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, n)
    scores = np.round(np.clip(0.5 + 0.25 * (labels - 0.5) + rng.normal(0, 0.2, n), 0, 1), 2).astype(np.float64)
    return Cases(np.arange(n).astype(str), rng.integers(0, patients, n).astype(str), labels, scores)


def test_roc_equals_scikit_learn_with_ties_and_weights() -> None:
    run = cases()
    counts = np.random.default_rng(1).integers(0, 3, (4, 300)).astype(float)
    for line, weights in zip(roc(run, counts), counts, strict=True):
        false, true, _ = roc_curve(run.labels, run.scores, sample_weight=weights, drop_intermediate=False)
        np.testing.assert_allclose(line, np.interp(GRID, false, true), atol=1e-12)


def test_roc_of_one_class_is_undefined() -> None:
    run = cases()
    alone = Cases(run.ids, run.patients, np.ones(300, dtype=np.int64), run.scores)
    assert np.isnan(roc(alone, np.ones((1, 300)))).all()


def test_band_holds_its_curve_and_narrows_with_patients() -> None:
    few, many = roc_band([cases(2, 200, 20)]), roc_band([cases(2, 4000, 800)])
    for band in (few, many):
        assert (band.low <= band.y + 1e-9).all()
        assert (band.y <= band.high + 1e-9).all()
    assert (many.high - many.low).mean() < 0.6 * (few.high - few.low).mean()
    assert auc(many.x, many.y) == pytest.approx(
        auc(*roc_curve(cases(2, 4000, 800).labels, cases(2, 4000, 800).scores)[:2]), abs=5e-3
    )


def test_band_of_one_patient_is_its_curve() -> None:
    band = roc_band([cases(3, 50, 1)])
    np.testing.assert_array_equal(band.low, band.y)


def test_reliability_equals_scikit_learn() -> None:
    run = cases(4, 1000)
    continuous = Cases(run.ids, run.patients, run.labels, np.clip(run.scores, 0.001, 0.999) + 0.0005)
    found = reliability([continuous])
    observed, predicted = calibration_curve(continuous.labels, continuous.scores, n_bins=10)
    np.testing.assert_allclose(found.observed, observed)
    np.testing.assert_allclose(found.predicted, predicted)
    assert found.share.sum() == pytest.approx(1)
    assert (found.low <= found.observed).all()
    assert (found.observed <= found.high).all()


def test_reliability_of_many_classes_is_that_of_the_guess() -> None:
    scores = np.array([[0.85, 0.1, 0.05], [0.1, 0.85, 0.05]])
    ids = np.array(["a", "b"])
    found = reliability([Cases(ids, ids, np.array([0, 2]), scores)])
    assert found.predicted.tolist() == pytest.approx([0.85])
    assert found.observed.tolist() == [0.5]


def test_confusion_is_the_mean_over_runs() -> None:
    runs = [cases(5), cases(6)]
    expected = np.mean([confusion_matrix(r.labels, r.scores >= 0.5) for r in runs], axis=0)
    np.testing.assert_array_equal(confusion(runs), expected)
