"""Run the cells of a table: what is finished is reused, what is not is trained, a few at a time.

In: a list of cells; out: one result JSON each. The parent decides once what remains to be done and imports no torch;
each worker process keeps its libraries loaded and takes the next cell. With several devices every cell is a launch
of its own, because Lightning's launcher runs the parent's command line again on every rank.
"""

import multiprocessing as mp
import os
import signal
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any, Protocol

from medrepro.datamodules.support.cache import writable_folder
from medrepro.datamodules.support.errors import InputError
from medrepro.reproduce.plan.cell import Cell
from medrepro.reproduce.run.execute import execute
from medrepro.reproduce.run.launch import ALONE, launch
from medrepro.reproduce.run.ranks import Place

if TYPE_CHECKING:
    pass


class Observer(Protocol):
    """Who is told how far the cells are: see ``medrepro.reproduce.report.terminal.Progress``."""

    def start(self, cell_id: str, label: str, epochs: int) -> None:
        """A cell begins."""

    def epoch(self, cell_id: str, done: float, detail: str = "") -> None:
        """A cell has completed this many epochs."""

    def finish(self, cell_id: str) -> None:
        """A cell is done."""


@dataclass(frozen=True)
class Plan:
    """What remains to be run, decided once, by the parent."""

    todo: tuple[Cell, ...]
    reused: tuple[Cell, ...]


def plan(cells: Sequence[Cell]) -> Plan:
    """Divide cells into those to run and those whose result stands already."""
    done = [cell.finished() is not None for cell in cells]
    return Plan(
        tuple(cell for cell, is_done in zip(cells, done, strict=True) if not is_done),
        tuple(cell for cell, is_done in zip(cells, done, strict=True) if is_done),
    )


def run(todo: Sequence[Cell], jobs: int, observer: Observer, place: Place = ALONE) -> None:
    """Run all cells, ``jobs`` at a time; returns when each has its result file.

    Cells on several devices are trained one after the other; what is computed from them, one process does.

    Raises:
        InputError: a cell could not be run for a reason the user can mend; finished cells are kept.
        KeyboardInterrupt: the user stopped; running cells end after their current step, finished ones are kept.
    """
    if not todo:
        return
    writable_folder(Path(todo[0].out), "--out")
    trained = [cell for cell in todo if cell.config["train"]["epochs"]]
    computed = [cell for cell in todo if not cell.config["train"]["epochs"]]
    if todo[0].runtime.devices * todo[0].runtime.num_nodes > 1:
        _launch_all(trained, observer, place)
        trained, computed = [], [_on_one_device(cell) for cell in computed if place.is_first]
    for wave in (trained, computed):  # what is computed, such as an ensemble, may rest on what was trained
        if wave:
            _run_pool(wave, min(jobs, len(wave)), observer)


def _launch_all(cells: Sequence[Cell], observer: Observer, place: Place) -> None:
    for number, cell in enumerate(cells):
        name = f"{cell.table}/{cell.name}"
        observer.start(name, cell.label, cell.config["train"]["epochs"])
        launch(cell, name, observer, place, number)
        observer.finish(name)


def _on_one_device(cell: Cell) -> Cell:
    return replace(cell, runtime=replace(cell.runtime, devices=1, num_nodes=1))


def _run_pool(todo: Sequence[Cell], jobs: int, observer: Observer) -> None:
    context = mp.get_context("spawn")
    events: Any = context.Queue()
    stop = context.Event()
    relay = Thread(target=_relay, args=(events, observer), daemon=True)
    relay.start()
    pool = ProcessPoolExecutor(jobs, context, _start_worker, (events, stop, todo[0].runtime.threads))
    futures: list[Future[None]] = [pool.submit(_work, cell.to_json()) for cell in todo]
    try:
        for future in as_completed(futures):
            future.result()
    except BrokenProcessPool as error:
        raise InputError(
            "a worker process was killed (out of memory?); finished cells are kept: "
            "run the same command again, with fewer --jobs if memory was short"
        ) from error
    except BaseException:
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        events.put(None)
        relay.join(timeout=5)


def _relay(events: Any, observer: Observer) -> None:
    """Pass the workers' messages on to the observer, until None comes."""
    while (event := events.get()) is not None:
        kind, *values = event
        getattr(observer, kind)(*values)


_events: Any = None
_stop: Any = None
_parent = 0


def _asked_to_stop() -> bool:
    """Whether the parent wants this worker to end, or is gone: an orphan must not go on computing."""
    return bool(_stop.is_set()) or os.getppid() != _parent


def _start_worker(events: Any, stop: Any, threads: int) -> None:
    """Prepare a worker: Ctrl-C is the parent's to handle, threads are few."""
    global _events, _stop, _parent
    _events, _stop, _parent = events, stop, os.getppid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["OMP_NUM_THREADS"] = str(threads)


def _work(text: str) -> None:
    cell = Cell.from_json(text)
    name = f"{cell.table}/{cell.name}"
    _events.put(("start", name, f"{cell.label} · seed {cell.seed} · fold {cell.fold}", cell.config["train"]["epochs"]))
    execute(cell, lambda done, detail: _events.put(("epoch", name, done, detail)), _asked_to_stop)
    _events.put(("finish", name))
