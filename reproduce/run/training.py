"""Train a cell's module on its datamodule, and predict the test part on one device.

Kill-safe: a checkpoint is written to a temporary name and renamed, and a resumed run continues bit for bit.
"""

import logging
import warnings
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback, GradientAccumulationScheduler
from torch import nn

from medrepro.datamodules.base import ReproDataModule
from medrepro.datamodules.support.cache import atomic_write
from medrepro.datamodules.support.errors import InputError
from medrepro.lightning_modules.base import ReproModule
from medrepro.lightning_modules.networks.counting import macs, trainable_count
from medrepro.reproduce.plan.cell import Cell
from medrepro.reproduce.run.callbacks import AtomicCheckpoint, BestEpoch, History, current_extra_callbacks
from medrepro.reproduce.run.outcome import Context, Outcome, data_block
from medrepro.reproduce.run.trivial import predictions_frame

ExtraMetrics = Callable[[ReproModule, ReproDataModule], Mapping[str, float]]
Evaluate = Callable[[Cell, ReproModule, ReproDataModule, Mapping[str, list[float]]], Outcome]


def build_trainer(cell: Cell, callbacks: list[Callback], logger: Any = False) -> pl.Trainer:
    """Return a trainer for the cell: our samplers know their rank, so Lightning must not replace them."""
    runtime, train = cell.runtime, cell.config["train"]
    distributed = runtime.devices * runtime.num_nodes > 1
    return pl.Trainer(
        max_epochs=train["epochs"],
        accelerator=runtime.accelerator,
        devices=runtime.devices,
        num_nodes=runtime.num_nodes,
        strategy="ddp" if distributed else "auto",
        sync_batchnorm=distributed and runtime.accelerator != "cpu",
        precision=train["precision"],
        use_distributed_sampler=False,
        callbacks=callbacks,
        logger=logger,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        deterministic="warn" if runtime.accelerator == "cpu" else False,
        default_root_dir=cell.work_dir,
    )


def fit(
    cell: Cell,
    make: Callable[[], ReproModule],
    data: ReproDataModule,
    context: Context,
    extra_metrics: ExtraMetrics | None = None,
    evaluate: Evaluate | None = None,
) -> Outcome | None:
    """Fit and predict as the cell asks: compiled, several batches a step, logged; None on ranks other than the first.

    Args:
        cell: what to run.
        make: builds the module; called after seeding, so that the initial weights are a function of the seed.
        data: the datamodule.
        context: progress and stop.
        extra_metrics: further metrics of the trained module, if any.
        evaluate: makes the outcome of the trained module; default: :func:`predicted_test_part`.

    Raises:
        InputError: batches are to be accumulated under a loss that needs the whole batch.
    """
    warnings.filterwarnings("ignore", module="pytorch_lightning")
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)  # its banners would tear the progress bars
    data.setup()
    pl.seed_everything(cell.seed, verbose=False)
    module = make()
    cell.work_dir.mkdir(parents=True, exist_ok=True)
    history, last = (
        History(context.report, context.stop),
        AtomicCheckpoint(cell.work_dir, cell.runtime.checkpoint_every),
    )
    settings = cell.config["train"]
    best = BestEpoch(cell.work_dir, settings.get("patience", 0)) if settings["select"] == "best" else None
    ours = [history, last, *([best] if best else [])]
    callbacks = [*ours, *current_extra_callbacks(), *_accumulation(cell, module)]
    trainer = build_trainer(cell, callbacks, logger_of(cell))
    if cell.runtime.compile:
        network_of(module).compile()
    resume = last.path if cell.runtime.resume and last.path.is_file() else None
    trainer.fit(module, data, ckpt_path=resume, weights_only=True)
    if not trainer.is_global_zero:
        return None
    if best and best.path.is_file():
        module.load_state_dict(torch.load(best.path, weights_only=True, map_location="cpu")["state_dict"])
    with _eager(cell.runtime.compile):
        module = module.to(trainer.strategy.root_device)
        outcome = (evaluate or predicted_test_part)(cell, module, data, history.values)
        more = {} if extra_metrics is None else dict(extra_metrics(module, data))
    more |= best.metrics(trainer) if best else {}
    save_model(module, cell.work_dir / "model.ckpt")
    last.path.unlink(missing_ok=True)
    return replace(outcome, metrics={**outcome.metrics, **more})


def _eager(compiled: bool) -> AbstractContextManager[Any]:
    """Run compiled networks as they are written: counting and predicting need no compiler."""
    return torch.compiler.set_stance("force_eager") if compiled else nullcontext()


def network_of(module: ReproModule) -> nn.Module:
    """Return the part of a module that is worth compiling: Lightning calls its steps, never the module itself."""
    network = getattr(module, "network", None)
    return network if isinstance(network, nn.Module) else module


def accumulated_batches(cell: Cell) -> int:
    """Return how many batches make a step of the cell's optimiser."""
    return int(cell.config["train"].get("accumulate", 1))


def _accumulation(cell: Cell, module: ReproModule) -> list[Callback]:
    """Return the callback by which the optimiser steps once in several batches, if the cell asks for it.

    Raises:
        InputError: the loss is not a mean over samples, so that it would be another one on parts of a batch.
    """
    batches, reason = accumulated_batches(cell), getattr(getattr(module, "loss", None), "whole_batch", "")
    if batches == 1:
        return []
    if reason:
        raise InputError(
            f"--accumulate {batches}: {cell.label} {reason}: accumulated over parts of a batch it would be another "
            "loss. Use --devices for a larger batch, which keeps it exact, or a row without it"
        )
    return [GradientAccumulationScheduler({0: batches})]


def logger_of(cell: Cell) -> Any:
    """Return Lightning's logger for the W&B run that this process has begun, or False."""
    if cell.runtime.wandb == "disabled":
        return False
    from medrepro.reproduce.run.wandb_cells import live_logger

    return live_logger()


def save_model(module: ReproModule, path: Path) -> None:
    """Save weights and constructor arguments: ``Module.load_from_checkpoint(path, weights_only=True)`` restores it."""
    with atomic_write(path) as temporary:
        content = {"state_dict": module.state_dict(), "hyper_parameters": dict(module.hparams)}
        torch.save({**content, "pytorch-lightning_version": version("pytorch-lightning")}, temporary)


def predicted_test_part(
    cell: Cell, module: ReproModule, data: ReproDataModule, history: Mapping[str, list[float]]
) -> Outcome:
    """Predict the test part once, on this device, and put baselines fitted on the training part beside it."""
    frame = predictions_frame(data, predict(module, data, "test").astype(np.float32))
    image = tuple(data.images.shape[1:])
    fitted = train_metrics(module, data) if cell.config["train"].get("train_metrics") else {}
    return Outcome(
        data=data_block(data),
        metrics={**curve_metrics(history), **fitted},
        predictions=frame,
        history=history,
        parameters=trainable_count(module),
        macs=macs(_LogitsOnly(module), image),
        marks=("leaky split",) if data.parts.leaky else (),
    )


class _LogitsOnly(torch.nn.Module):
    """The path from image to logits, for counting operations."""

    def __init__(self, module: ReproModule) -> None:
        super().__init__()
        self.module = module

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return logits (N, K) of images (N, C, *spatial)."""
        return self.module.logits(images)


@torch.no_grad()
def predict(module: ReproModule, data: ReproDataModule, part: Literal["train", "val", "test"]) -> np.ndarray[Any, Any]:
    """Return class probabilities (N, K) of a part's samples, in its order."""
    was_training = module.training
    module.eval()
    loader = data.eval_loader(getattr(data.parts, part))
    batches = [module.probabilities(batch["image"].to(module.device)).cpu() for batch in loader]
    module.train(was_training)
    result: np.ndarray[Any, Any] = torch.cat(batches).double().numpy()
    return result


def curve_metrics(history: Mapping[str, list[float]]) -> dict[str, float]:
    """Return what loss curves show, as numbers: their ends, the rise above the best epoch, the roughness.

    Roughness is the mean absolute second difference of the validation loss over epochs.
    """
    found: dict[str, float] = {}
    if train := history.get("train/loss"):
        found["curve/train"] = train[-1]
    if val := history.get("val/loss"):
        found |= {"curve/val": val[-1], "curve/rise": val[-1] - min(val)}
        if len(val) > 2:
            found["curve/roughness"] = float(np.abs(np.diff(val, n=2)).mean())
    return found


def train_metrics(module: ReproModule, data: ReproDataModule) -> dict[str, float]:
    """Return the AUC on the training part itself: whether the network could learn these labels at all."""
    from sklearn.metrics import roc_auc_score

    labels = data.records.labels[data.parts.train]
    return {"train/auc": float(roc_auc_score(labels, predict(module, data, "train")[:, 1]))}
