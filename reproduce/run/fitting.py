"""Train a cell as its command line asked: compiled, several batches a step, logged.

In: what ``_training.train_cell`` takes; out: what it gives. Papers call this one. The trainer itself knows nothing of
it: the module is compiled, and told to accumulate, where it is made.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, ParamSpec, TypeVar

import torch
from pytorch_lightning.callbacks import GradientAccumulationScheduler
from torch import nn

from medrepro.datamodules.base import ReproDataModule
from medrepro.datamodules.support.errors import InputError
from medrepro.lightning_modules.base import ReproModule
from medrepro.lightning_modules.losses.auc_cross_entropy import AUCCrossEntropyLoss
from medrepro.lightning_modules.losses.cross_entropy import CrossEntropyLoss
from medrepro.lightning_modules.losses.metric_learning import LiftedCrossEntropyLoss, TripletCrossEntropyLoss
from medrepro.lightning_modules.losses.mixed import MixedLoss
from medrepro.reproduce.plan.cell import Cell
from medrepro.reproduce.run import training as _training
from medrepro.reproduce.run.callbacks import Report, Stop, brought
from medrepro.reproduce.run.outcome import Outcome
from medrepro.reproduce.run.training import Judge, Measure

P = ParamSpec("P")
R = TypeVar("R")


def train_cell(
    cell: Cell,
    make: Callable[[], ReproModule],
    data: ReproDataModule,
    report: Report,
    stop: Stop,
    measure: Measure | None = None,
    judge: Judge | None = None,
) -> Outcome | None:
    """Fit and predict as :func:`medrepro.reproduce.run.training.train_cell` does, with what the command line asked for.

    Raises:
        InputError: batches are to be accumulated under a loss that needs the whole batch.
    """
    compiled, batches = cell.runtime.compile, accumulated_batches(cell)

    def equipped() -> ReproModule:
        module = make()
        callbacks = [*brought(), *([accumulation(module, batches, cell.label)] if batches > 1 else [])]
        if callbacks:
            vars(module)["configure_callbacks"] = lambda: callbacks  # the hook by which a module brings its callbacks
        if compiled:
            network_of(module).compile()
        return module

    plain = replace(cell, runtime=replace(cell.runtime, compile=False))
    judged, measured = judge or _training.evaluate, measure
    if compiled:
        judged, measured = _eager(judged), _eager(measure) if measure else None
    return _training.train_cell(plain, equipped, data, report, stop, measured, judged, logger_of(cell))


def accumulated_batches(cell: Cell) -> int:
    """Return how many batches make a step of the cell's optimiser."""
    return int(cell.config["train"].get("accumulate", 1))


def network_of(module: ReproModule) -> nn.Module:
    """Return the part of a module that is worth compiling: Lightning calls its steps, never the module itself."""
    network = getattr(module, "network", None)
    return network if isinstance(network, nn.Module) else module


def accumulation(module: ReproModule, batches: int, row: str) -> GradientAccumulationScheduler:
    """Return what lets the optimiser of ``module`` step once in ``batches`` batches.

    Raises:
        InputError: the loss is not a mean over samples, so that it would be another one on parts of a batch.
    """
    reason = whole_batch_reason(getattr(module, "loss", None))
    if reason:
        raise InputError(
            f"--accumulate {batches}: {row} {reason}: accumulated over parts of a batch it would be another loss. "
            "Use --devices for a larger batch, which keeps it exact, or a row without it"
        )
    return GradientAccumulationScheduler({0: batches})


def whole_batch_reason(loss: nn.Module | None) -> str:
    """Say why a loss needs the whole batch at once; empty if it is a mean over samples."""
    if isinstance(loss, MixedLoss) and loss.gamma > 0:
        return "compares the samples of a batch (batch similarity)"
    if isinstance(loss, TripletCrossEntropyLoss | LiftedCrossEntropyLoss):
        return "compares the samples of a batch (metric learning)"
    if isinstance(loss, AUCCrossEntropyLoss) and loss.alpha > 0:
        return "compares positives with negatives of a batch (AUC)"
    if isinstance(loss, CrossEntropyLoss) and loss.class_weights is not None:
        return "divides by the class weights of a batch"
    return ""


def _eager(function: Callable[P, R]) -> Callable[P, R]:
    """Return ``function`` with compiled networks run as they are written: counting and predicting need no compiler."""

    def run(*args: P.args, **named: P.kwargs) -> R:
        with torch.compiler.set_stance("force_eager"):
            return function(*args, **named)

    return run


def logger_of(cell: Cell) -> Any:
    """Return Lightning's logger for the W&B run that this process has begun, or False."""
    if cell.runtime.wandb == "disabled":
        return False
    from medrepro.reproduce.run.wandb_cells import live_logger

    return live_logger()
