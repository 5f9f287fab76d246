"""Run the cells of a table, a few at a time: what is finished is reused, what a cell needs is run before it.

The parent decides once what remains to be done and imports no torch; each worker process keeps its libraries loaded
and takes the next cell. With several devices every cell that trains is a launch of its own, because Lightning's
launcher runs the parent's command line again on every rank.
"""

import multiprocessing as mp
import os
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from graphlib import TopologicalSorter
from pathlib import Path
from threading import Thread
from typing import Any, Protocol

from medrepro.datamodules.support.cache import writable_folder
from medrepro.datamodules.support.errors import InputError
from medrepro.reproduce.plan.cell import Cell
from medrepro.reproduce.run.execute import execute
from medrepro.reproduce.run.launch import ALONE, launch, wait_for_result
from medrepro.reproduce.run.outcome import Context
from medrepro.reproduce.run.ranks import Place


class Observer(Protocol):
    """Shows how far the cells are: see ``medrepro.reproduce.report.terminal.Progress``."""

    def start(self, cell_id: str, label: str, epochs: int) -> None:
        """A cell begins."""

    def epoch(self, cell_id: str, done: float, detail: str = "") -> None:
        """A cell has completed this many epochs."""

    def finish(self, cell_id: str) -> None:
        """A cell is done."""


@dataclass(frozen=True)
class Plan:
    """What remains to be run, decided once, by the parent; each cell stands after those that it needs."""

    todo: tuple[Cell, ...]
    reused: tuple[Cell, ...]


def plan(cells: Sequence[Cell], reuse: bool = True) -> Plan:
    """Divide cells, and what the unfinished ones need, into those to run and those that have their result already.

    Args:
        cells: what is wanted; what they need is found through them.
        reuse: take finished results as they are; else every cell is to be run.
    """
    wanted = {cell.id: cell for cell in cells}
    todo: dict[str, Cell] = {}
    reused: dict[str, Cell] = {}

    def visit(cell: Cell) -> None:
        if cell.id in todo or cell.id in reused:
            return
        if reuse and cell.finished() is not None:
            reused[cell.id] = cell
            return
        for need in cell.needs:
            visit(wanted.get(need.id, need))
        todo[cell.id] = cell

    for cell in cells:
        visit(cell)
    return Plan(tuple(todo.values()), tuple(reused.values()))


def run(todo: Sequence[Cell], jobs: int, observer: Observer, place: Place = ALONE) -> None:
    """Run all cells, ``jobs`` at a time; returns when each has its result file.

    On several devices the cells that train are launched one after the other; the others run in one process on the
    first rank. A cell runs once those that it needs are finished, and not at all if one of them fails.

    Raises:
        InputError: a cell could not be run for a reason the user can fix; finished cells are kept.
        KeyboardInterrupt: the user stopped; running cells end after their current step, finished ones are kept.
    """
    if not todo:
        return
    writable_folder(Path(todo[0].out), "--out")
    if todo[0].runtime.devices * todo[0].runtime.num_nodes > 1:
        _launch_all(todo, observer, place)
    else:
        _run_pool(todo, min(jobs, len(todo)), observer)


def order(cells: Sequence[Cell]) -> TopologicalSorter[str]:
    """Return the ids of ``cells`` in the order in which they may run; needs outside of them are taken as finished."""
    among = {cell.id for cell in cells}
    needed = {cell.id: [need.id for need in cell.needs] for cell in cells}
    return TopologicalSorter({name: [need for need in needs if need in among] for name, needs in needed.items()})


def waves(cells: Sequence[Cell]) -> Iterator[list[Cell]]:
    """Yield the cells in groups, each of which needs only cells of earlier groups."""
    sorter, by_id = order(cells), {cell.id: cell for cell in cells}
    sorter.prepare()
    while sorter.is_active():
        ready = sorter.get_ready()
        yield [by_id[name] for name in ready]
        sorter.done(*ready)


def _launch_all(cells: Sequence[Cell], observer: Observer, place: Place) -> None:
    number = 0  # of the launch, the same on every rank
    for wave in waves(cells):
        for cell in (cell for cell in wave if cell.epochs):
            observer.start(cell.id, cell.label, cell.epochs or 0)
            launch(cell, cell.id, observer, place, number)
            observer.finish(cell.id)
            number += 1
        computed = [_on_one_device(cell) for cell in wave if not cell.epochs]
        if computed and place.is_first:
            _run_pool(computed, 1, observer)
        for cell in () if place.is_first else computed:
            wait_for_result(cell)  # the next wave may need it


def _on_one_device(cell: Cell) -> Cell:
    return replace(cell, runtime=replace(cell.runtime, devices=1, num_nodes=1))


def _run_pool(todo: Sequence[Cell], jobs: int, observer: Observer) -> None:
    context = mp.get_context("spawn")
    events: Any = context.Queue()
    stop = context.Event()
    relay = Thread(target=_relay, args=(events, observer), daemon=True)
    relay.start()
    pool = ProcessPoolExecutor(jobs, context, _start_worker, (events, stop, todo[0].runtime.threads))
    try:
        _submit_in_order(pool, todo)
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


def _submit_in_order(pool: ProcessPoolExecutor, todo: Sequence[Cell]) -> None:
    """Submit each cell as soon as those that it needs are finished; the first failure ends it."""
    sorter, by_id = order(todo), {cell.id: cell for cell in todo}
    running: dict[Future[None], str] = {}
    sorter.prepare()
    while sorter.is_active():
        running |= {pool.submit(_work, by_id[name].to_json()): name for name in sorter.get_ready()}
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            future.result()
            sorter.done(running.pop(future))


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
    _events.put(("start", cell.id, f"{cell.label} · seed {cell.seed} · fold {cell.fold}", cell.epochs or 0))
    execute(cell, Context(lambda done, detail: _events.put(("epoch", cell.id, done, detail)), _asked_to_stop))
    _events.put(("finish", cell.id))
