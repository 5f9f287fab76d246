"""What a classifier could read from the surroundings of a nodule, for the tests of leakage."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from medrepro.datamodules.lidc.rendered import RenderedVolumes


def statistics(volume: NDArray[np.int16], kept: NDArray[np.bool_]) -> list[float]:
    """Describe the kept voxels without counting them: level, spread, tissues, gradients."""
    values = volume.astype(np.float32)
    inside = values[kept]
    across = [np.abs(np.diff(values, axis=axis)) for axis in (0, 1)]
    both = [kept[1:] & kept[:-1], kept[:, 1:] & kept[:, :-1]]
    steps = [step[pair] for step, pair in zip(across, both, strict=True)]
    lung = inside[inside < -600]
    shares = [(inside > level).mean() for level in (-600, -200, 150)]
    percentiles = np.percentile(inside, [1, 5, 25, 50, 75, 90, 95, 99])
    gradients = [each for step in steps for each in (step.mean(), np.median(step))]
    return [inside.mean(), inside.std(), *percentiles, *shares, *gradients, lung.mean(), lung.std()]


def background_statistics(rendered: RenderedVolumes, spacing: float, margin_mm: float = 5.0) -> NDArray[np.float64]:
    """Statistics of everything further than ``margin_mm`` from the nodule, (N, 19)."""
    rows = []
    for number in range(len(rendered.volumes)):
        away = ndimage.distance_transform_edt(~rendered.masks([number])[0]) * spacing > margin_mm
        rows.append(statistics(rendered.volumes[number], away))
    return np.array(rows)


def central_statistics(rendered: RenderedVolumes, spacing: float) -> NDArray[np.float64]:
    """The same statistics of the central cube of 20 mm, where the nodule is, (N, 19)."""
    kept = np.zeros(rendered.volumes.shape[1:], dtype=bool)
    middle, reach = len(kept) // 2, round(10 / spacing)
    kept[(slice(middle - reach, middle + reach),) * 3] = True
    return np.array([statistics(volume, kept) for volume in rendered.volumes])


def auc_interval(features: NDArray[np.float64], table: pd.DataFrame) -> tuple[float, float]:
    """95 % patient-bootstrap interval of the cross-validated AUC of a logistic regression."""
    labels, patients = table["label"].to_numpy(), table["patient_id"].to_numpy()
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    folds = GroupKFold(5)
    scores = cross_val_predict(model, features, labels, groups=patients, cv=folds, method="predict_proba")[:, 1]
    rows = [np.flatnonzero(patients == patient) for patient in np.unique(patients)]
    rng, aucs = np.random.default_rng(0), []
    for _ in range(400):
        drawn = np.concatenate([rows[i] for i in rng.integers(len(rows), size=len(rows))])
        aucs.append(roc_auc_score(labels[drawn], scores[drawn]))
    low, high = np.percentile(aucs, [2.5, 97.5])
    return float(low), float(high)
