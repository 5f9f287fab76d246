"""Compute the classical rows of Table 7 of the egfr paper, from shape and first-order features."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from medrepro.datamodules.egfr import HU_WINDOW, EGFRDataModule
from medrepro.datamodules.features.handcrafted import feature_table
from medrepro.datamodules.features.radiomics import radiomics_table
from medrepro.datamodules.lidc import RENDERED
from medrepro.datamodules.lidc.cohorts import slice_masks
from medrepro.reproduce.papers.egfr.compute import datamodule
from medrepro.reproduce.papers.egfr.tables import CLASSIFIERS, SLICE_CLASSIFIERS
from medrepro.reproduce.plan.cell import Cell
from medrepro.reproduce.run.classical import Classifier, fit_predict
from medrepro.reproduce.run.outcome import Context, Outcome, data_block
from medrepro.reproduce.run.trivial import predictions_frame

FAMILIES = ("shape", "size", "intensity")  # assumed: what the cited radiomics studies have in common


def compute(cell: Cell, context: Context) -> Outcome:
    """Fit one classifier on the training cohort, by nodule or by slice, and predict the test cohort's slices."""
    del context
    data = datamodule(cell)
    data.setup()
    known = {**CLASSIFIERS, **SLICE_CLASSIFIERS}
    fit = _of_slices if cell.row in SLICE_CLASSIFIERS else _of_nodules
    probability = fit(cell, data, known[cell.row][0])
    frame = predictions_frame(data, np.stack([1 - probability, probability], axis=1))
    return Outcome(data=data_block(data), predictions=frame)


def _of_nodules(cell: Cell, data: EGFRDataModule, classifier: Classifier) -> npt.NDArray[np.float64]:
    """Return the score of every test slice's nodule, from features of the nodule's largest slice."""
    nodule = data.records.table["nodule_id"].to_numpy()
    largest = data.records.table.groupby("nodule_id")["mask_pixels"].idxmax()
    features = _features(cell, *_images_and_masks(data, largest.to_numpy())).set_index(largest.index)
    train = data.records.table.iloc[_fitted(data)].drop_duplicates("nodule_id").set_index("nodule_id")
    names = pd.unique(nodule[data.parts.test])
    scores = fit_predict(
        features.loc[train.index],
        train["label"].to_numpy(dtype=np.int64),
        train["patient_id"].to_numpy(dtype=np.str_),
        features.loc[names],
        classifier,
        cell.seed,
    )
    return np.asarray(pd.Series(scores, index=names).loc[nodule[data.parts.test]].to_numpy(dtype=np.float64))


def _of_slices(cell: Cell, data: EGFRDataModule, classifier: Classifier) -> npt.NDArray[np.float64]:
    """Return the score of every test slice, from its own grey levels."""
    images = _window_hu(np.asarray(data.records.images[:, 0], dtype=np.float64))
    features = feature_table(list(images), list(np.ones(images.shape, dtype=np.bool_)), ("intensity",))
    table, fitted = data.records.table, _fitted(data)
    return fit_predict(
        features.iloc[fitted],
        table["label"].to_numpy(dtype=np.int64)[fitted],
        table["patient_id"].to_numpy(dtype=np.str_)[fitted],
        features.iloc[data.parts.test],
        classifier,
        cell.seed,
    )


def _fitted(data: EGFRDataModule) -> npt.NDArray[np.int64]:
    """Return the rows to learn from: a classifier chooses on inner folds and needs no validation part."""
    return np.concatenate([data.parts.train, data.parts.val])


def _features(cell: Cell, images: list[npt.NDArray[np.float64]], masks: list[npt.NDArray[np.bool_]]) -> pd.DataFrame:
    """Return the features that a row's classifier sees, one row per nodule."""
    if cell.row != "radiomics-forest":
        return feature_table(images, masks, FAMILIES)
    ibsi = radiomics_table(images, masks, cell.runtime.cache_dir)
    return pd.concat([feature_table(images, masks, ("shape", "size")), ibsi], axis=1)


def _images_and_masks(
    data: EGFRDataModule, index: npt.NDArray[np.int64]
) -> tuple[list[npt.NDArray[np.float64]], list[npt.NDArray[np.bool_]]]:
    """Return HU images and masks of the slices at ``index``; on masked slices the mask is where they are not 0."""
    images = np.asarray(data.records.images[index, 0], dtype=np.float64)
    if data.data in RENDERED:
        return list(images), list(slice_masks(data.cache_dir, data.cohort)[index])
    return list(_window_hu(images)), list(images > 0)


def _window_hu(grey: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return HU in the window that 8-bit grey values span."""
    low, high = HU_WINDOW
    return low + grey / 255 * (high - low)
