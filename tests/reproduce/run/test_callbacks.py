"""Callbacks that a sweep brings to a cell: they see its training, they may end it, and they are gone afterwards."""

from pathlib import Path

import optuna
import pytest
import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback

from medrepro.reproduce.plan.cell import Cell
from medrepro.reproduce.run.callbacks import current_extra_callbacks, extra_callbacks
from medrepro.reproduce.run.outcome import Context
from medrepro.reproduce.run.training import fit as fit_cell
from medrepro.sweeps.study import PruningCallback
from tests._toy import ToyData, ToyModule


class Counting(Callback):
    """Counts epochs."""

    epochs = 0

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.epochs += 1


def fit(folder: Path, epochs: int = 2) -> None:
    train = {"epochs": epochs, "precision": "32-true", "select": "last"}
    cell = Cell("egfr", "5", "toy", "a toy", 0, 0, "smoke", {"module": {}, "data": {}, "train": train}, str(folder))
    fit_cell(cell, ToyModule, ToyData(), Context())


def test_a_callback_sees_the_trainings_of_its_block_only(tmp_path: Path) -> None:
    counting = Counting()
    with extra_callbacks(counting):
        fit(tmp_path / "inside")
    fit(tmp_path / "outside")
    assert counting.epochs == 2
    assert current_extra_callbacks() == ()


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_pruner_ends_a_cell_that_goes_through_the_papers_path(tmp_path: Path) -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(direction="maximize", pruner=optuna.pruners.ThresholdPruner(lower=2.0))

    def objective(trial: optuna.Trial) -> float:
        with extra_callbacks(PruningCallback(trial, "val/auc")):
            fit(tmp_path / "pruned")
        return 1.0

    study.optimize(objective, n_trials=1)
    (trial,) = study.trials
    assert trial.state.name == "PRUNED"
    assert list(trial.intermediate_values) == [0]
