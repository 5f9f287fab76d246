"""What needs no network: the majority class, and a logistic regression on an image's grey levels.

In: a cell whose configuration names one of them; out: an :class:`~reproduce._outcome.Outcome` with predictions of its
fold's test images. They stand below the line of every table whose rows classify images.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from datamodules.cellline import CellLineDataModule
from reproduce._cell import Cell
from reproduce._cellline.protocol import Recipe, cell, folds, seeds
from reproduce._command import Options
from reproduce._outcome import Outcome
from reproduce._spec import RowSpec
from reproduce._training import data_block

Floats = npt.NDArray[np.float64]

LABELS = {"majority": "majority", "grey": "grey levels alone"}
PERCENTILES = (5, 25, 50, 75, 95)
SAME_IMAGES = ("task", "image_size", "share", "width", "flasks")  # what of a row's data decides the images


def planned(options: Options, table: str, recipes: Sequence[Recipe]) -> tuple[list[RowSpec], list[Cell]]:
    """Return rows and cells of both baselines, once for each task that the recipes train on."""
    tasks = {recipe.data.get("task", "all"): recipe for recipe in reversed(recipes)}
    rows, cells = [], []
    for task, recipe in reversed(tasks.items()):
        data = {name: value for name, value in recipe.data.items() if name in SAME_IMAGES} | {"augment": "none"}
        for name, label in LABELS.items():
            one = Recipe(name, label, "frozen", data=data)
            if len(tasks) > 1:
                one = replace(one, row=f"{name}-{task}", label=f"{label}, {recipe.label}")
            rows.append(RowSpec(one.row, one.label, below=True))
            cells += [
                _cell(options, table, one, name, seed, fold)
                for seed in seeds(options)
                for fold in range(folds(options))
            ]
    return rows, cells


def _cell(options: Options, table: str, recipe: Recipe, baseline: str, seed: int, fold: int) -> Cell:
    """Return a cell that no setting of a network or of its training touches."""
    made = cell(options, table, recipe, seed, fold, "")
    train = {"epochs": 0, "baseline": baseline}
    return replace(made, config={"module": {}, "data": made.config["data"], "train": train})


def execute_baseline(cell: Cell) -> Outcome:
    """Fit on the training and validation images of the fold, as other tables' baselines are, and predict its test."""
    data = CellLineDataModule(**cell.config["data"], cache_dir=cell.runtime.cache_dir)
    data.setup()
    fitted, test = np.concatenate([data.parts.train, data.parts.val]), data.parts.test
    labels, classes = data.records.labels, len(data.records.classes)
    if cell.config["train"]["baseline"] == "majority":
        shares = np.bincount(labels[fitted], minlength=classes) / len(fitted)
        scores = np.tile(shares, (len(test), 1))
    else:
        features = grey_levels(np.asarray(data.records.images))
        scores = by_regression(features[fitted], labels[fitted], features[test], classes)
    table = data.records.table.iloc[test]
    frame = pd.DataFrame({name: table[name].to_numpy() for name in ("sample_id", "patient_id", "label")})
    frame[[f"prob_{k}" for k in range(classes)]] = scores
    marks = ("leaky split",) if data.parts.leaky else ()
    return Outcome(data=data_block(data), predictions=frame, marks=marks)


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
