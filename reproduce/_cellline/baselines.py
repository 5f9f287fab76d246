"""The rows without a network: the majority class and the intensities alone, below every table that trains.

In: the recipes of a table, or a cell of one of these rows; out: rows and cells, or the cell's outcome.
"""

from collections.abc import Sequence
from dataclasses import replace

from datamodules.cellline import CellLineDataModule
from reproduce._cell import Cell
from reproduce._cellline.protocol import Recipe, cell, folds, seeds
from reproduce._command import Options
from reproduce._outcome import Outcome
from reproduce._spec import WITHOUT_NETWORK, RowSpec
from reproduce._without_network import predict_without_network

SAME_IMAGES = ("task", "image_size", "share", "width", "flasks")  # what of a row's data decides the images


def planned(options: Options, table: str, recipes: Sequence[Recipe]) -> tuple[list[RowSpec], list[Cell]]:
    """Return rows and cells of both baselines, once for each task that the recipes train on."""
    tasks = {recipe.data.get("task", "all"): recipe for recipe in reversed(recipes)}
    rows, cells = [], []
    for task, recipe in reversed(tasks.items()):
        data = {name: value for name, value in recipe.data.items() if name in SAME_IMAGES} | {"augment": "none"}
        for name, label in WITHOUT_NETWORK.items():
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
    """Predict the test images of the cell's fold without a network."""
    data = CellLineDataModule(**cell.config["data"], cache_dir=cell.runtime.cache_dir)
    return predict_without_network(data, cell.config["train"]["baseline"])
