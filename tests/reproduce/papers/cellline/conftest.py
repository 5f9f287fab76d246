"""Cells of the smoke preset, run in this process."""

from collections.abc import Callable
from pathlib import Path

import pytest

from medrepro.reproduce import command
from medrepro.reproduce.plan.cell import Cell
from medrepro.reproduce.plan.paper import Job, load
from medrepro.reproduce.plan.table import WITHOUT_NETWORK
from medrepro.reproduce.run import execute as engine
from medrepro.reproduce.run.experiment import plan
from medrepro.reproduce.run.outcome import Context

Run = Callable[..., Job]


def networks(job: Job) -> list[Cell]:
    """Return the cells that train a network or follow from some: all but the baselines'."""
    return [cell for cell in job.cells if not cell.row.startswith(tuple(WITHOUT_NETWORK))]


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Plan a target of the smoke preset and, unless told not to, run its cells; one folder and cache for all tests."""
    folder = tmp_path_factory.mktemp("cellline")

    def run(*words: str, execute: bool = True, rows: tuple[str, ...] = ()) -> Job:
        words = (
            *words,
            "--preset",
            "smoke",
            "--folds",
            "1",
            "--out",
            str(folder),
            "--cache-dir",
            str(folder / "cache"),
        )
        (options,) = command.parse(load("cellline"), list(words))
        job = load("cellline").plan(options)
        chosen = [cell for cell in job.cells if execute and (not rows or cell.row in rows)]
        for cell in plan(chosen).todo:
            engine.execute(cell, Context())
        return job

    return run


def result_of(job: Job, row: str) -> Path:
    """Return the result file of a row's first cell."""
    return next(cell.path for cell in job.cells if cell.row == row)
