"""Predict without a network: the majority class, one covariate, or a logistic regression on an image's grey levels.

Baselines of two classes stand as columns beside a model's predictions; those of more classes, or of tables with another
data set in each row, are rows below the line.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from medrepro.datamodules.base import ReproDataModule
from medrepro.reproduce.run.outcome import Outcome, data_block

Floats = npt.NDArray[np.float64]

IDS = ["sample_id", "patient_id", "label"]
PERCENTILES = (5, 25, 50, 75, 95)


def predict_without_network(data: ReproDataModule, baseline: str) -> Outcome:
    """Fit on training and validation images, as the baselines of two-class tables are, and predict the test images.

    Args:
        data: a datamodule, set up or not.
        baseline: ``majority`` (the classes' shares for every image) or ``grey`` (:func:`grey_levels`).
    """
    data.setup()
    fitted, test = np.concatenate([data.parts.train, data.parts.val]), data.parts.test
    labels, classes = data.records.labels, len(data.records.classes)
    if baseline == "majority":
        shares = np.bincount(labels[fitted], minlength=classes) / len(fitted)
        scores = np.tile(shares, (len(test), 1))
    else:
        images = np.asarray(data.records.images)
        scores = by_regression(grey_levels(images[fitted]), labels[fitted], grey_levels(images[test]), classes)
    frame = data.records.table.iloc[test][IDS].reset_index(drop=True)
    frame[[f"prob_{k}" for k in range(classes)]] = scores
    marks = ("leaky split",) if data.parts.leaky else ()
    return Outcome(data=data_block(data), predictions=pd.DataFrame(frame), marks=marks)


def grey_levels(images: npt.NDArray[np.generic]) -> Floats:
    """Return mean, standard deviation and percentiles of each channel: (N, C, H, W) to (N, 7 C); no shape at all."""
    values = np.asarray(images, dtype=np.float64).reshape(*images.shape[:2], -1)
    found = [values.mean(axis=2), values.std(axis=2), *np.percentile(values, PERCENTILES, axis=2)]
    return np.concatenate(found, axis=1)


def by_regression(features: Floats, labels: npt.NDArray[np.int64], test: Floats, classes: int) -> Floats:
    """Return class probabilities (N, K) of ``test``; a class that was not fitted gets 0."""
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)).fit(features, labels)
    scores = np.zeros((len(test), classes))
    scores[:, model.classes_] = model.predict_proba(test)
    return scores


def baseline_scores(data: ReproDataModule) -> dict[str, Floats]:
    """Return each trivial baseline's probability of class 1 on the test part, fitted on training and validation.

    One covariate through a logistic regression (monotone, so its AUC is the covariate's own), and the majority class:
    the training prevalence for every sample. Two-class tasks only.
    """
    if len(data.records.classes) != 2:
        return {}
    labels, table = data.records.labels, data.records.table
    fit, test = np.concatenate([data.parts.train, data.parts.val]), data.parts.test
    scores = {"majority": np.full(len(test), labels[fit].mean())}
    for name, column in data.baseline_columns().items():
        values = np.log1p(table[column].to_numpy(dtype=np.float64))[:, None]
        model = make_pipeline(StandardScaler(), LogisticRegression()).fit(values[fit], labels[fit])
        scores[name] = model.predict_proba(values[test])[:, 1]
    return scores


def predictions_frame(data: ReproDataModule, probabilities: npt.NDArray[np.floating]) -> pd.DataFrame:
    """Return the predictions file of a test part: ids, labels, class probabilities, baselines and their covariates.

    Args:
        data: set up.
        probabilities: (N, K) of the test samples in their order; baselines are kept in the same precision.
    """
    table = data.records.table.iloc[data.parts.test].reset_index(drop=True)
    keep = [name for name in ("sample_id", "patient_id", "nodule_id", "label") if name in table.columns]
    frame = table[keep].copy()
    for value in range(probabilities.shape[1]):
        frame[f"prob_{value}"] = probabilities[:, value]
    for name, score in baseline_scores(data).items():
        frame[f"baseline_{name}"] = score.astype(probabilities.dtype)
    for column in data.baseline_columns().values():
        frame[column] = table[column].astype(np.float32)
    return frame
