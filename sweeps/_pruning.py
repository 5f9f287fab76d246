"""The pruning callback, for the Lightning that this project uses.

In: a trial and the metric it is judged by; out: an end to hopeless trainings. The work is optuna-integration's: that
callback looks for ``lightning.pytorch``, a second copy of Lightning under another name, and refuses to be made without
it, but what it does to a trainer is the same for both. So it is made without its constructor, and called from here.
"""

import pytorch_lightning as pl
from optuna.trial import Trial
from optuna_integration.pytorch_lightning import PyTorchLightningPruningCallback
from pytorch_lightning.callbacks import Callback


class PruningCallback(Callback):
    """Reports a validation metric to Optuna after each epoch, and ends the training where the pruner says so.

    Args:
        trial: of the study; it runs on one device.
        monitor: the metric, by its name in the trainer's callback metrics.
    """

    def __init__(self, trial: Trial, monitor: str) -> None:
        self._integration = PyTorchLightningPruningCallback.__new__(PyTorchLightningPruningCallback)
        vars(self._integration).update(_trial=trial, monitor=monitor, is_ddp_backend=False)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Report this epoch's value.

        Raises:
            optuna.TrialPruned: the pruner gives the trial up.
        """
        self._integration.on_validation_end(trainer, pl_module)
