"""Worker processes of a queue: each takes trials until none is left, on a device of its own.

In: a queue's address and a task, which is called for each trial. Out: nothing; what a trial leaves is the task's
business. Workers share no pipe and no lock with their parent, so that one that is killed takes nobody with it.
"""

import multiprocessing as mp
import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Event
from typing import Protocol

import optuna
from optuna.trial import FrozenTrial, Trial, TrialState

from medrepro.datamodules.support.errors import InputError
from medrepro.reproduce.run.queue import ERROR, RUNS, WORKER, Queue, TakenOverError
from medrepro.reproduce.run.storage import Address

POLL = 2.0  # seconds, at most, between two looks at a queue in which nothing waits
DONE, DETAIL = "epochs done", "detail"  # user attributes that say how far a running trial is

Report = Callable[[float, str], None]
Stop = Callable[[], bool]


class TrialFailedError(Exception):
    """A trial's own error, which is noted in the queue."""


class Task(Protocol):
    """What a trial runs; an instance is sent to every worker."""

    @property
    def fatal(self) -> bool:
        """Whether the error of one trial ends the whole run."""

    def queue(self, address: Address, worker: int) -> Queue:
        """Open the queue as this worker needs it."""

    def __call__(self, trial: Trial, report: Report, stop: Stop) -> float:
        """Run a trial and return its value."""


@dataclass(frozen=True)
class Device:
    """What one worker computes on.

    Attributes:
        accelerator: as Lightning calls it.
        number: of the worker on this machine; worker k has the k-th GPU to itself.
        threads: of the CPU.
    """

    accelerator: str = "cpu"
    number: int = 0
    threads: int = 1

    def claim(self) -> None:
        """Make the worker's own GPU the only one that this process sees; before torch is imported.

        Raises:
            InputError: there are fewer GPUs than workers.
        """
        os.environ["OMP_NUM_THREADS"] = str(self.threads)
        if self.accelerator not in ("gpu", "cuda"):
            return
        seen = os.environ.get("CUDA_VISIBLE_DEVICES")
        devices = seen.split(",") if seen else None
        if devices is not None and self.number >= len(devices):
            raise InputError(f"worker {self.number} has no GPU: CUDA_VISIBLE_DEVICES={seen}; use fewer --workers")
        os.environ["CUDA_VISIBLE_DEVICES"] = devices[self.number] if devices else str(self.number)


def serve(queue: Queue, task: Task, stop: Stop, deadline: float | None = None) -> None:
    """Take trials until none waits and none runs, whoever runs it: the last one alive revives the dead's.

    Args:
        queue: where trials come from.
        task: what they run.
        stop: asked between trials and, by the task, within.
        deadline: no trial is begun after this time, in seconds since the epoch.

    Raises:
        TrialFailedError: a trial failed, and the task says that this is fatal.
        Exception: the database's.
    """
    pause = Event()
    while not stop() and (deadline is None or time.time() < deadline):
        try:
            if queue.take(lambda trial: _run(task, trial, stop)):
                continue
        except TakenOverError:
            continue
        except TrialFailedError:
            if task.fatal:
                raise
            continue
        except Exception:
            if stop():
                return
            raise
        if not queue.trials(*RUNS):
            return
        pause.wait(min(POLL, queue.storage.get_heartbeat_interval() or POLL))


def _run(task: Task, trial: Trial, stop: Stop) -> float:
    """Run a trial; an error is noted, so that it is not taken for a worker's death."""
    told = [0.0]

    def report(done: float, detail: str) -> None:
        if time.monotonic() - told[0] > POLL:
            told[0] = time.monotonic()
            trial.set_user_attr(DONE, round(done, 2))
            trial.set_user_attr(DETAIL, detail)

    try:
        return task(trial, report, stop)
    except (optuna.TrialPruned, optuna.exceptions.UpdateFinishedTrialError):
        raise
    except SystemExit as error:  # how Lightning ends a validation on SIGTERM
        raise InterruptedError from error
    except Exception as error:
        if stop():
            raise
        name = "" if isinstance(error, InputError) else f"{type(error).__name__}: "
        trial.set_user_attr(ERROR, name + " ".join(str(error).split()))
        raise TrialFailedError from error


def work(address: Address, task: Task, device: Device, deadline: float | None) -> None:
    """Be a worker process: serve the queue until it is empty, or until asked by SIGTERM or the parent's death."""
    parent, asked = os.getppid(), Event()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    signal.signal(signal.SIGTERM, lambda *_: asked.set())
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    device.claim()
    queue = task.queue(address, device.number)
    try:
        serve(queue, task, lambda: asked.is_set() or os.getppid() != parent, deadline)
    except TrialFailedError:
        raise SystemExit(1) from None  # the parent reads the reason in the queue


class Observer(Protocol):
    """Who is told how far the trials are: see ``medrepro.reproduce.report.terminal.Progress``."""

    def start(self, cell_id: str, label: str, epochs: int) -> None:
        """A trial begins."""

    def epoch(self, cell_id: str, done: float, detail: str = "") -> None:
        """A trial has completed this many epochs."""

    def finish(self, cell_id: str) -> None:
        """A trial is done."""


class Watcher:
    """Tells an observer what happens in a queue, on whatever machine.

    Args:
        queue: to look at.
        observer: to tell.
        describe: a trial -> its id, label and epochs; None for one that is not shown.
    """

    def __init__(
        self, queue: Queue, observer: Observer, describe: Callable[[FrozenTrial], tuple[str, str, int] | None]
    ) -> None:
        self._queue, self._observer, self._describe = queue, observer, describe
        self._begun: set[str] = set()
        self._done: set[str] = set()

    def look(self) -> None:
        """Tell what is new."""
        for trial in self._queue.trials(TrialState.RUNNING, TrialState.COMPLETE, TrialState.PRUNED):
            shown = self._describe(trial)
            if shown is None or shown[0] in self._done:
                continue
            if shown[0] not in self._begun:
                self._begun.add(shown[0])
                host = str(trial.user_attrs.get(WORKER, "")).partition(":")[0]
                self._observer.start(shown[0], f"{shown[1]}{f' · {host}' if host else ''}", shown[2])
            if trial.state != TrialState.RUNNING:
                self._done.add(shown[0])
                self._observer.finish(shown[0])
            elif DONE in trial.user_attrs:
                self._observer.epoch(shown[0], trial.user_attrs[DONE], trial.user_attrs.get(DETAIL, ""))


def run_workers(
    address: Address, task: Task, devices: Sequence[Device], look: Callable[[], None], deadline: float | None = None
) -> list[int]:
    """Run one worker a device until each has ended; returns their exit codes, -9 for one that was killed.

    Args:
        address: of the queue.
        task: what trials run.
        devices: of the workers.
        look: called every second.
        deadline: no trial is begun after this time, in seconds since the epoch.

    Raises:
        KeyboardInterrupt: the user stopped; every worker has ended after its current step.
    """
    context = mp.get_context("spawn")
    workers = [context.Process(target=work, args=(address, task, device, deadline)) for device in devices]
    try:
        for worker in workers:
            worker.start()
        while any(worker.is_alive() for worker in workers):
            workers[0].join(1.0) if workers[0].is_alive() else time.sleep(1.0)
            look()
    finally:
        for worker in workers:
            if worker.is_alive():
                worker.terminate()
        for worker in workers:
            if worker.pid is not None:
                worker.join()
    look()
    return [worker.exitcode or 0 for worker in workers]
