"""Rows below the line of cellline's tables: the majority class and a regression on grey levels, planned per task."""

from collections.abc import Sequence
from dataclasses import replace

from medrepro.reproduce.papers.cellline.paper import Recipe, cell, folds, seeds
from medrepro.reproduce.plan.cell import Cell
from medrepro.reproduce.plan.options import Options
from medrepro.reproduce.plan.table import WITHOUT_NETWORK, RowSpec

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
