"""Nested cross-validation: patients apart in both loops, a signal found, noise not."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV

from medrepro.datamodules.splits import group_kfold
from medrepro.reproduce.run import classical as _classical
from medrepro.reproduce.run.classical import fit_predict


def sample(signal: float, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 2, 120)
    patients = np.array([f"p{i // 2}" for i in range(120)])
    values = generator.standard_normal((120, 3))
    values[:, 0] += signal * labels
    return pd.DataFrame(values, columns=["a", "b", "c"]), labels, patients


def nested_cv(
    features: pd.DataFrame, labels: np.ndarray, patients: np.ndarray, classifier: _classical.Classifier
) -> np.ndarray:
    """Return each row's probability from the one of four outer folds that held its patient out."""
    probabilities = np.full(len(labels), np.nan)
    for test in group_kfold(labels, patients, 4, 0):
        train = np.setdiff1d(np.arange(len(labels)), test)
        probabilities[test] = fit_predict(
            features.iloc[train], labels[train], patients[train], features.iloc[test], classifier, 0
        )
    return probabilities


@pytest.fixture(autouse=True)
def few_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_classical, "TREES", 20)


@pytest.mark.parametrize("classifier", ["forest", "svm"])
def test_finds_a_signal_and_not_noise(classifier: _classical.Classifier) -> None:
    strong = sample(3.0)
    assert roc_auc_score(strong[1], nested_cv(*strong, classifier)) > 0.9
    none = sample(0.0)
    assert abs(roc_auc_score(none[1], nested_cv(*none, classifier)) - 0.5) < 0.2


def test_patients_stay_apart_in_both_loops(monkeypatch: pytest.MonkeyPatch) -> None:
    features, labels, patients = sample(1.0)
    features["a"] = np.arange(len(features))  # the row's number, to know it again
    inner: list[bool] = []
    outer: list[set[str]] = []
    fit = GridSearchCV.fit

    def watched(self: GridSearchCV, X: np.ndarray, y: np.ndarray, **options: Any) -> GridSearchCV:
        groups = options["groups"]
        outer.append(set(groups))
        inner.extend(bool(set(groups[a]) & set(groups[b])) for a, b in self.cv.split(X, y, groups))
        return fit(self, X, y, **options)

    monkeypatch.setattr(GridSearchCV, "fit", watched)
    probabilities = nested_cv(features, labels, patients, "svm")
    assert np.isfinite(probabilities).all()
    assert len(outer) == 4
    assert len(inner) == 4 * _classical.INNER_FOLDS
    assert not any(inner)
    held_out = [set(patients) - seen for seen in outer]
    assert sum(map(len, held_out)) == len(set(patients))
