"""What a study is: a space, the cells of a trial, and the validation metric that chooses; nothing here reads a test.

In: parameters that Optuna suggests; out: the mean over seeds of a validation metric. A trial runs through the same
cells as a table's row, so each leaves the same result JSON, and the same parameters are never trained twice.
"""

import hashlib
import itertools
import json
import pkgutil
import socket
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import optuna
from optuna.trial import Trial

from medrepro.datamodules.support.errors import InputError
from medrepro.reproduce.plan.cell import Cell
from medrepro.reproduce.plan.options import Options
from medrepro.reproduce.plan.paper import Job
from medrepro.reproduce.run.execute import execute
from medrepro.reproduce.run.outcome import Context
from medrepro.reproduce.run.queue import Queue
from medrepro.reproduce.run.storage import Address
from medrepro.reproduce.run.workers import Report, Stop

if TYPE_CHECKING:
    from pytorch_lightning.callbacks import Callback
import pytorch_lightning as pl
from optuna_integration.pytorch_lightning import PyTorchLightningPruningCallback
from pytorch_lightning.callbacks import Callback

SAMPLERS = ("tpe", "gp", "random", "qmc")
PRUNERS = ("none", "median", "halving", "hyperband")
Values = dict[str, Any]


@dataclass(frozen=True)
class Range:
    """A number that is searched.

    Attributes:
        name: ``module.<argument>`` or ``datamodule.<argument>``.
        low: smallest value.
        high: largest value.
        log: searched by its logarithm.
    """

    name: str
    low: float
    high: float
    log: bool = False

    def suggest(self, trial: Trial) -> Any:
        """Draw a value."""
        return trial.suggest_float(self.name, self.low, self.high, log=self.log)


@dataclass(frozen=True)
class Choice:
    """A value out of a few, in order.

    Attributes:
        name: ``module.<argument>`` or ``datamodule.<argument>``.
        values: what the study and its plots call each, and the value.
    """

    name: str
    values: Mapping[Any, Any]

    def suggest(self, trial: Trial) -> Any:
        """Draw a value."""
        return self.values[trial.suggest_categorical(self.name, list(self.values))]


def numbers(name: str, values: Sequence[int | float]) -> Choice:
    """Return a choice among numbers, which are their own names."""
    return Choice(name, {value: value for value in values})


@dataclass(frozen=True)
class Study:
    """One question to a paper's hyper-parameters.

    Attributes:
        key: the paper.
        place: where the paper's studies are found, ``package.module:name``: workers look this one up there.
        name: of the study.
        title: the question.
        space: what is searched.
        cells: options that hold a trial's parameters, and the trial's row -> its cells, one a seed and fold.
        paper: the paper's own point, tried first; empty if it prints none.
        grid: every combination of the choices is tried, once; else the sampler chooses.
        trials: how many, unless the command says otherwise.
        seeds: of each preset.
        monitor: the validation metric, by its name in the history.
        direction: which values are good.
        row: names a trial's row; default: a hash of its parameters.
        prepare: fills the data cache before any worker starts.
        answer: the table whose cells a finished grid has run.
    """

    key: str
    place: str
    name: str
    title: str
    space: tuple[Range | Choice, ...]
    cells: Callable[[Options, str], tuple[Cell, ...]]
    paper: Mapping[str, Any] = field(default_factory=dict)
    grid: bool = False
    trials: int = 20
    seeds: Mapping[str, tuple[int, ...]] = field(
        default_factory=lambda: {"paper": (0, 1, 2), "quick": (0,), "smoke": (0,)}
    )
    monitor: str = "val/auc"
    direction: Literal["maximize", "minimize"] = "maximize"
    row: Callable[[Mapping[str, Any]], str] | None = None
    prepare: Callable[[Options], object] | None = None
    answer: Callable[[Options], Job] | None = None

    def points(self) -> list[dict[str, Any]]:
        """Return the parameters of the first trials: the whole grid, or the paper's point."""
        if self.grid:
            choices = [list(axis.values) for axis in self.space if isinstance(axis, Choice)]
            return [
                dict(zip((a.name for a in self.space), point, strict=True)) for point in itertools.product(*choices)
            ]
        return [dict(self.paper)] if self.paper else []

    def trial_cells(self, options: Options, chosen: Mapping[str, Any]) -> tuple[Cell, ...]:
        """Return the cells of a trial whose parameters are ``{"module.gamma": 0.5, ...}``."""
        parts = nested(chosen)
        row = self.row(chosen) if self.row else f"trial-{_digest(chosen)}"
        given = replace(
            options,
            seeds=options.seeds or self.seeds[options.preset],
            module={**options.module, **parts.get("module", {})},
            datamodule={**options.datamodule, **parts.get("datamodule", {})},
        )
        return self.cells(given, row)


def nested(chosen: Mapping[str, Any]) -> dict[str, Values]:
    """Return ``{"module.gamma": 1}`` as ``{"module": {"gamma": 1}}``: what ``--config`` takes."""
    parts: dict[str, Values] = {}
    for name, value in chosen.items():
        group, _, argument = name.partition(".")
        parts.setdefault(group, {})[argument] = value
    return parts


def _digest(chosen: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(dict(chosen), sort_keys=True).encode()).hexdigest()[:10]


def load(place: str, name: str) -> Study:
    """Return a study by the place of its paper's studies, ``package.module:name``, and its own name."""
    studies: Mapping[str, Study] = pkgutil.resolve_name(place)
    return studies[name]


def score(cell: Cell, monitor: str) -> float:
    """Return a finished cell's validation metric at the epoch that counts: the best, or the last.

    Raises:
        InputError: the cell has no such metric.
    """
    result = cell.finished()
    values: list[float] = (result or {}).get("history", {}).get(monitor, [])
    if not values or not np.isfinite(values[-1]):
        raise InputError(f"{cell.path}: no {monitor}; a study needs validation data: --datamodule.val_fraction above 0")
    return max(values) if cell.config["train"]["select"] == "best" else values[-1]


def sampler(name: str, seed: int) -> optuna.samplers.BaseSampler:
    """Return a sampler by its name."""
    made: dict[str, Callable[[], optuna.samplers.BaseSampler]] = {
        "tpe": lambda: optuna.samplers.TPESampler(seed=seed, multivariate=True, constant_liar=True),
        "gp": lambda: optuna.samplers.GPSampler(seed=seed),
        "random": lambda: optuna.samplers.RandomSampler(seed=seed),
        "qmc": lambda: optuna.samplers.QMCSampler(seed=seed, scramble=True),
    }
    return made[name]()


def pruner(name: str) -> optuna.pruners.BasePruner:
    """Return a pruner by its name."""
    made: dict[str, Callable[[], optuna.pruners.BasePruner]] = {
        "none": optuna.pruners.NopPruner,
        "median": optuna.pruners.MedianPruner,
        "halving": optuna.pruners.SuccessiveHalvingPruner,
        "hyperband": optuna.pruners.HyperbandPruner,
    }
    return made[name]()


def own_seed(seed: int, worker: int, begun: int, address: Address) -> int:
    """Return a seed that no other worker has, here or elsewhere, nor the same one when a study goes on.

    Two samplers with one seed would suggest the same parameters.
    """
    machine = 0 if address.url.startswith("sqlite") else zlib.crc32(socket.gethostname().encode())
    return int(np.random.SeedSequence([seed, worker, begun, machine]).generate_state(1)[0])


def _after(begun: float, report: Report) -> Report:
    """Count a cell's epochs on from those of the cells before it."""
    return lambda done, detail: report(begun + done, detail)


@dataclass(frozen=True)
class TrialTask:
    """Runs a trial of a study: its cells one after the other, pruned within the first and between them.

    Attributes:
        place: where the paper's studies are, ``package.module:name``.
        study: the study's name.
        options: what the user asked for.
        sampler: its name.
        pruner: its name.
        seed: of the sampler.
        fatal: a trial that cannot be run is noted, the study goes on.
    """

    place: str
    study: str
    options: Options
    sampler: str = "tpe"
    pruner: str = "none"
    seed: int = 0
    fatal: bool = False

    def queue(self, address: Address, worker: int) -> Queue:
        """Open the study with a sampler of this worker's own."""
        queue = Queue(address, pruner=pruner(self.pruner))
        queue.study.sampler = sampler(self.sampler, own_seed(self.seed, worker, len(queue.trials()), address))
        return queue

    def __call__(self, trial: Trial, report: Report, stop: Stop) -> float:
        """Return the mean validation metric over the trial's cells."""
        study = load(self.place, self.study)
        cells = study.trial_cells(self.options, {axis.name: axis.suggest(trial) for axis in study.space})
        values: list[float] = []
        for number, cell in enumerate(cells):
            epochs = cell.epochs or 0
            if cell.finished() is None:
                with self._watched(trial, study.monitor) if number == 0 else nullcontext():
                    execute(cell, Context(_after(number * epochs, report), stop))
            values.append(score(cell, study.monitor))
            trial.set_user_attr("values", values)
            if number + 1 < len(cells):
                trial.report(float(np.mean(values)), step=epochs + number)
                if trial.should_prune():
                    raise optuna.TrialPruned
        return float(np.mean(values))

    def _watched(self, trial: Trial, monitor: str) -> AbstractContextManager[None]:
        if self.pruner == "none":
            return nullcontext()
        from medrepro.reproduce.run.callbacks import extra_callbacks

        callback: Callback = PruningCallback(trial, monitor)
        return extra_callbacks(callback)


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
