"""Start a cell on several devices and follow it; when one rank fails, all are ended and the first error is shown.

Under torchrun or SLURM every rank's command comes here and starts its own process of the cell; else Lightning does.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from threading import Thread
from typing import IO, Protocol

from medrepro.datamodules.support.errors import InputError
from medrepro.reproduce.plan.cell import Cell
from medrepro.reproduce.run.child import FAILED
from medrepro.reproduce.run.ranks import Place, cell_environment, own_file

LOG = "ranks.log"
RESULT_SECONDS = 3600.0  # the first rank predicts the test part alone, which the others wait for


class Epochs(Protocol):
    """Shows how far a cell is."""

    def epoch(self, cell_id: str, done: float, detail: str = "") -> None:
        """A cell has completed this many epochs."""


ALONE = Place()


def launch(cell: Cell, name: str, observer: Epochs, place: Place = ALONE, number: int = 0) -> None:
    """Run ``cell`` in a process group of its own; no rank outlives this call.

    Args:
        cell: what to run.
        name: what the observer calls it.
        observer: shows the epochs.
        place: this process among those of the launch.
        number: of the cell, the same on every rank.

    Raises:
        InputError: a rank failed; names the rank and its error, and the log of all ranks. Or the result that the
            first rank wrote cannot be seen from here.
    """
    cell.work_dir.mkdir(parents=True, exist_ok=True)
    spec, log = (own_file(cell.work_dir / file, place) for file in ("cell.json", LOG))
    spec.write_text(cell.to_json())
    command = [sys.executable, "-m", "medrepro.reproduce.run.child", str(spec.resolve())]
    environment = cell_environment(place, number, cell.runtime.threads)
    with log.open("w") as errors:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, text=True, start_new_session=True, env=environment
        )
        follower = Thread(target=_follow, args=(process.stdout, name, observer), daemon=True)
        follower.start()
        try:
            code = process.wait()
        finally:
            _end_group(process.pid)
            follower.join(timeout=5)
    if code:
        count = cell.runtime.devices * cell.runtime.num_nodes
        raise InputError(f"cell {name} on {count} devices: {first_error(log.read_text())}; log: {log}")
    if not place.is_first:
        _check_shared(spec)
        wait_for_result(cell)


def _check_shared(spec: Path) -> None:
    if not spec.with_name("cell.json").exists():
        raise InputError(f"{spec.parent} has no file of the first rank: --out must be a folder all machines share")


def wait_for_result(cell: Cell) -> None:
    """Wait until the first rank has written the result: the next cell may need it.

    Raises:
        InputError: it has not appeared in time.
    """
    deadline = time.monotonic() + RESULT_SECONDS
    while cell.finished() is None:
        if time.monotonic() > deadline:
            raise InputError(f"the first rank wrote no {cell.path} in {RESULT_SECONDS:.0f} s; see its log")
        time.sleep(0.2)


def _follow(lines: IO[str] | None, name: str, observer: Epochs) -> None:
    """Pass the ranks' progress lines on."""
    for line in lines or ():
        done, _, detail = line.strip().partition(" ")
        try:
            observer.epoch(name, float(done), detail)
        except ValueError:
            continue  # a library's own line


def _end_group(group: int) -> None:
    """Kill whatever is left of the ranks."""
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return


def first_error(log: str) -> str:
    """Return the first failure that a rank reported, else the log's last line."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    reported = [line for line in lines if line.startswith(FAILED)]
    return (reported or lines[-1:] or ["no message"])[0]
