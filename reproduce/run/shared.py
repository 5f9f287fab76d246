"""Share the cells of a table among any number of workers on any number of machines, through a database.

Results lie in the run folder that all machines share. Each command fills the queue with what is missing and works
until nothing is left, so all of them render the same report.
"""

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import optuna
from optuna.trial import FrozenTrial, Trial

from medrepro.datamodules.support.cache import writable_folder
from medrepro.datamodules.support.errors import InputError
from medrepro.reproduce.plan.cell import Cell
from medrepro.reproduce.plan.identity import code_sha256, source_fingerprint
from medrepro.reproduce.plan.options import Options
from medrepro.reproduce.run.execute import execute
from medrepro.reproduce.run.experiment import plan, waves
from medrepro.reproduce.run.outcome import Context
from medrepro.reproduce.run.queue import ENTRY, RETRIES, Queue
from medrepro.reproduce.run.storage import HEARTBEAT, Address
from medrepro.reproduce.run.workers import Device, Observer, Report, Stop, Watcher, run_workers


@dataclass(frozen=True)
class CellTask:
    """Runs the cell that a trial names, unless its result is there already.

    Attributes:
        cells: each entry of the queue and its cell as JSON.
        fatal: a cell that cannot be run ends the command.
    """

    cells: dict[str, str] = field(default_factory=dict)
    fatal: bool = True

    def queue(self, address: Address, worker: int) -> Queue:
        """Open the queue; there is nothing to sample."""
        del worker
        return Queue(address)

    def __call__(self, trial: Trial, report: Report, stop: Stop) -> float:
        """Run the trial's cell; its value is the seconds that took."""
        started = time.monotonic()
        cell = Cell.from_json(self.cells[trial.user_attrs[ENTRY]])
        if cell.finished() is None:
            execute(cell, Context(report, stop))
        return time.monotonic() - started


def run_shared(cells: Sequence[Cell], options: Options, observer: Observer) -> None:
    """Run all cells that have no result, together with all who run the same command; returns when each has one.

    Raises:
        InputError: a cell could not be run for a reason the user can fix, or all workers were killed.
        KeyboardInterrupt: the user stopped; running cells end after their current step, finished ones are kept.
    """
    if options.devices * options.num_nodes > 1:
        raise InputError("--workers and --storage give each worker one device; use --devices 1 --num-nodes 1")
    folder = writable_folder(Path(options.out), "--out")
    url = options.storage or f"sqlite:///{folder / 'queue.db'}"
    for wave in waves(plan(cells, reuse=False).todo):
        if any(cell.finished() is None for cell in wave):
            address = Address(url, study_name(wave), options.heartbeat or HEARTBEAT, "minimize")
            _run_wave(wave, address, folder, _devices(options), observer)


def study_name(cells: Sequence[Cell]) -> str:
    """Return a name that the same command gives on every machine, and no other command."""
    digest = hashlib.sha256(json.dumps(sorted(cell.config_sha256 for cell in cells)).encode()).hexdigest()
    tables = "+".join(sorted({cell.table for cell in cells}))
    return f"{cells[0].key}-{tables}-{cells[0].preset}-{digest[:8]}"


def _devices(options: Options) -> list[Device]:
    return [
        Device(options.accelerator, number, options.runtime.threads)
        for number in range(options.workers or options.jobs)
    ]


def _run_wave(
    cells: Sequence[Cell], address: Address, folder: Path, devices: Sequence[Device], observer: Observer
) -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    queue, entries = Queue(address), {cell.id: cell for cell in cells}
    roots = {cell.config["data"].get("data_root") for cell in cells}
    facts = {"code": code_sha256(cells[0].key), "data": sorted(str(source_fingerprint(root)) for root in roots)}
    queue.agree(facts, folder, may_change=True)
    before = queue.trials()
    over = {trial.number for trial in before if trial.state.is_finished()}
    queue.fill([name for name, cell in entries.items() if cell.finished() is None])

    def describe(trial: FrozenTrial) -> tuple[str, str, int] | None:
        cell = entries[trial.user_attrs[ENTRY]]
        label = f"{cell.label} · seed {cell.seed} · fold {cell.fold}"
        return (cell.id, label, cell.epochs or 0) if trial.number not in over else None

    task = CellTask({name: cell.to_json() for name, cell in entries.items()})
    codes = run_workers(address, task, devices, Watcher(queue, observer, describe).look)
    for error in queue.errors(len(before)):
        raise InputError(error)
    left = [name for name, cell in entries.items() if cell.finished() is None]
    if left and all(codes):
        raise InputError(
            f"all {len(codes)} workers of this machine ended early (out of memory?), {len(left)} cells are left; "
            "what is finished is kept: run the same command again, with fewer --workers if memory was short"
        )
    if left:
        raise InputError(f"{left[0]}: its worker died {RETRIES + 1} times (out of memory?); run it alone: --workers 1")
