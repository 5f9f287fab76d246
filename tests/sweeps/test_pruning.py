"""The pruning callback in a real trainer: every epoch is reported, and a hopeless training ends early."""

import optuna
import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from medrepro.sweeps.study import PruningCallback
from tests._toy import Rows

EPOCHS = 4


class Falling(pl.LightningModule):
    """Logs a validation metric that falls by a tenth an epoch."""

    def __init__(self, start: float) -> None:
        super().__init__()
        self.start, self.layer = start, nn.Linear(1, 1)

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        loss: Tensor = self.layer(batch).sum()
        return loss

    def validation_step(self, batch: Tensor, batch_idx: int) -> None:
        self.log("val/auc", self.start - 0.1 * self.current_epoch)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), 0.01)


def fit(trial: optuna.Trial, start: float, monitor: str = "val/auc") -> float:
    data = DataLoader(Rows(torch.ones(2, 1)))
    trainer = pl.Trainer(
        max_epochs=EPOCHS, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, callbacks=[PruningCallback(trial, monitor)],
    )  # fmt: skip
    trainer.fit(Falling(start), data, data)
    return start


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_hopeless_training_ends_where_the_pruner_says_so() -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(direction="maximize", pruner=optuna.pruners.MedianPruner(1, n_warmup_steps=1))
    study.optimize(lambda trial: fit(trial, 0.9), n_trials=1)
    study.optimize(lambda trial: fit(trial, 0.5), n_trials=1)
    assert [trial.state.name for trial in study.trials] == ["COMPLETE", "PRUNED"]
    assert study.trials[0].intermediate_values == pytest.approx({0: 0.9, 1: 0.8, 2: 0.7, 3: 0.6})
    assert study.trials[1].intermediate_values == pytest.approx({0: 0.5, 1: 0.4})


def test_a_metric_that_is_not_logged_is_said() -> None:
    study = optuna.create_study()
    with pytest.warns(UserWarning, match="'val/f1' is not in the evaluation logs"):
        study.optimize(lambda trial: fit(trial, 0.9, "val/f1"), n_trials=1)
    assert study.trials[0].intermediate_values == {}
