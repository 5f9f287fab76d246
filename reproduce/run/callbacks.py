"""Callbacks of a training run: whole checkpoints, the best epoch, history and progress, and those that a sweep adds."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback

from medrepro.datamodules.support.errors import InputError
from medrepro.reproduce.run.outcome import Report, Stop


class InterruptedCellError(Exception):
    """The user asked to stop; nothing of this cell counts, its checkpoint remains."""


class AtomicCheckpoint(Callback):
    """Save ``last.ckpt`` every ``every`` steps and each epoch: temporary name first, then renamed over the old one."""

    def __init__(self, folder: Path, every: int) -> None:
        self.path = folder / "last.ckpt"
        self.every = every

    def save(self, trainer: pl.Trainer, path: Path) -> None:
        """Write the trainer's whole state to ``path``; on all ranks, for sharded strategies need each of them."""
        temporary = path.with_name(f".{path.name}.tmp")
        trainer.save_checkpoint(temporary)
        if trainer.is_global_zero:
            temporary.replace(path)

    def on_train_batch_end(self, trainer: pl.Trainer, *_: object) -> None:
        """Save inside an epoch."""
        if self.every and trainer.global_step % self.every == 0:
            self.save(trainer, self.path)


def validation_score(metrics: Mapping[str, Any]) -> float:
    """Return what an epoch is judged by: its validation AUC; of what has none, as a segmenter, minus the loss."""
    return float(metrics["val/auc"]) if "val/auc" in metrics else -float(metrics.get("val/loss", math.nan))


class BestEpoch(AtomicCheckpoint):
    """Keep the weights of the epoch with the best validation score (never the test cohort's) in ``best.ckpt``.

    Args:
        folder: where the file goes.
        patience: epochs without a better score after which the training ends; 0: never.
    """

    def __init__(self, folder: Path, patience: int = 0) -> None:
        super().__init__(folder, every=0)
        self.path = folder / "best.ckpt"
        self.best, self.waited, self.patience = -math.inf, 0, patience

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Compare this epoch's score with the best so far."""
        del pl_module
        if trainer.sanity_checking:
            return
        score = validation_score(trainer.callback_metrics)
        self.waited += 1
        if score > self.best:
            self.best, self.waited = score, 0
            self.save(trainer, self.path)
        trainer.should_stop = trainer.should_stop or bool(self.patience and self.waited >= self.patience)

    def metrics(self, trainer: pl.Trainer) -> dict[str, float]:
        """Return how many epochs a training with patience took, and whether it ended at its cap."""
        if not self.patience:
            return {}
        return {"train/epochs": float(trainer.current_epoch), "train/capped": float(self.waited < self.patience)}

    def state_dict(self) -> dict[str, float]:
        """The best score and the epochs since, for resuming."""
        return {"best": self.best, "waited": self.waited}

    def load_state_dict(self, state_dict: dict[str, float]) -> None:
        """Restore them."""
        self.best, self.waited = state_dict["best"], int(state_dict["waited"])


class History(Callback):
    """Record each epoch's metrics, report progress, and stop when asked to."""

    def __init__(self, report: Report, stop: Stop) -> None:
        self.values: dict[str, list[float]] = {}
        self._report = report
        self._stop = stop

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Report about twenty times an epoch; refuse a loss that is not finite."""
        del pl_module, batch
        if self._stop():
            raise InterruptedCellError
        batches = int(trainer.num_training_batches)
        if (batch_idx + 1) % max(1, batches // 20) == 0 or batch_idx + 1 == batches:
            loss = float(outputs["loss"])
            if not math.isfinite(loss):
                raise InputError(
                    f"the training loss is {loss} in epoch {trainer.current_epoch}, step {trainer.global_step}; "
                    "lower --module.lr or check the data's intensity range"
                )
            self._report(trainer.current_epoch + (batch_idx + 1) / batches, f"loss {loss:.3f}")

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Append this epoch's values."""
        del pl_module
        for name, value in trainer.callback_metrics.items():
            self.values.setdefault(name, []).append(float(value))

    def state_dict(self) -> dict[str, Any]:
        """The history so far, so that a resumed run shows the whole curve."""
        return {"values": self.values}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the history."""
        self.values = state_dict["values"]


_extra: ContextVar[tuple[Callback, ...]] = ContextVar("extra callbacks", default=())


@contextmanager
def extra_callbacks(*callbacks: Callback) -> Iterator[None]:
    """Give the cells that are trained in this block these further callbacks, and no others."""
    token = _extra.set(callbacks)
    try:
        yield
    finally:
        _extra.reset(token)


def current_extra_callbacks() -> tuple[Callback, ...]:
    """Return the further callbacks of the innermost :func:`extra_callbacks` block."""
    return _extra.get()
