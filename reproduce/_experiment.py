"""Run the cells of a table: what is finished is reused, what is not is trained, a few at a time.

In: a list of cells; out: one result JSON each. The parent decides once what remains to be done and imports no torch;
each worker process keeps its libraries loaded and takes the next cell. With several devices every cell is a launch
of its own, because Lightning's launcher runs the parent's command line again on every rank.
"""

import importlib
import multiprocessing as mp
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any, Protocol

import yaml

from datamodules.cache import atomic_write, writable_folder
from datamodules.errors import InputError
from reproduce._cell import SCHEMA, Cell, code_sha256, source_fingerprint, write_json
from reproduce._launch import ALONE, launch
from reproduce._ranks import Place, is_first_process

if TYPE_CHECKING:
    from reproduce._outcome import Outcome

VERSIONS = ("torch", "pytorch-lightning", "monai", "timm", "torchmetrics", "numpy", "scikit-learn")


class Observer(Protocol):
    """Who is told how far the cells are: see ``reproduce._terminal.Progress``."""

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


def execute(cell: Cell, report: Callable[[float, str], None], stop: Callable[[], bool]) -> None:
    """Run one cell in this process and write its result, whole or not at all."""
    if cell.config["train"]["epochs"]:  # a count needs no torch, whose import takes longer than counting
        import torch

        torch.set_num_threads(cell.runtime.threads)
    started = time.monotonic()
    paper = importlib.import_module(f"reproduce.{cell.key}")
    with _logged(cell):
        outcome = paper.execute(cell, report, stop)
        if outcome is not None and is_first_process():
            write_result(cell, outcome, time.monotonic() - started)


@contextmanager
def _logged(cell: Cell) -> Iterator[None]:
    """Keep the cell's W&B run open inside and give it the result, if W&B was asked for; else do nothing."""
    if cell.runtime.wandb == "disabled" or not is_first_process():
        yield
        return
    from reproduce import _wandb

    with _wandb.cell_run(cell):
        yield
        _wandb.log_cell(cell)


def write_result(cell: Cell, outcome: "Outcome", seconds: float) -> None:
    """Write predictions, the resolved configuration and, last, the JSON that says the cell is finished."""
    if outcome.predictions is not None:
        with atomic_write(cell.path.with_suffix(".parquet")) as temporary:
            outcome.predictions.to_parquet(temporary, index=False, compression="zstd")
    with atomic_write(cell.path.with_suffix(".yaml")) as temporary:
        temporary.write_text(yaml.safe_dump(cell.config, sort_keys=False))
    write_json(cell.path, _result(cell, outcome, seconds))


def _result(cell: Cell, outcome: "Outcome", seconds: float) -> dict[str, Any]:
    from reproduce._summary import summarise

    metrics, intervals, baselines = summarise(outcome.predictions)
    commit, dirty = _commit()
    return {
        "schema": SCHEMA,
        "key": cell.key,
        "table": cell.table,
        "row": cell.row,
        "row_label": cell.label,
        "seed": cell.seed,
        "fold": cell.fold,
        "preset": cell.preset,
        "data": dict(outcome.data),
        "marks": list(outcome.marks),
        "metrics": {**metrics, **outcome.metrics},
        "ci": intervals,
        "baselines": baselines,
        "predictions": f"{cell.name}.parquet" if outcome.predictions is not None else None,
        "history": dict(outcome.history),
        "config": cell.config,
        "config_sha256": cell.config_sha256,
        "code_sha256": code_sha256(cell.key),
        "source_fingerprint": source_fingerprint(cell.config["data"].get("data_root")),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in VERSIONS}},
        "commit": commit,
        "dirty": dirty,
        "command": cell.command,
        "hardware": hardware(cell.runtime.accelerator),
        "seconds": round(seconds, 1),
        "peak_rss_mb": peak_rss_mb(),
        "parameters": outcome.parameters,
        "macs": outcome.macs,
    }


def _commit() -> tuple[str | None, bool]:
    """Return the commit of the checkout and whether it has changes; (None, False) outside one."""
    root = Path(__file__).resolve().parent.parent
    try:
        head, status = (
            subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=True).stdout.strip()
            for words in (["rev-parse", "HEAD"], ["status", "--porcelain", "--untracked-files=no"])
        )
    except (OSError, subprocess.CalledProcessError):
        return None, False
    return head, bool(status)


def hardware(accelerator: str) -> str:
    """Describe the machine in one phrase."""
    if accelerator in ("gpu", "cuda"):
        import torch

        return torch.cuda.get_device_name()
    return f"{platform.machine()} CPU, {os.cpu_count()} cores"


def peak_rss_mb() -> int:
    """Return the largest resident memory of this process so far, in MB."""
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // (1024 * 1024) if sys.platform == "darwin" else peak // 1024
