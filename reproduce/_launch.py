"""Start a cell on several devices and follow it; when one rank fails, all are ended and the first error is shown.

In: a cell whose runtime asks for more than one device; out: its result file, or one line that says what went wrong.
"""

import os
import signal
import subprocess
import sys
from threading import Thread
from typing import IO, Protocol

from datamodules.errors import InputError
from reproduce._cell import Cell
from reproduce._run_cell import FAILED

LOG = "ranks.log"


class Epochs(Protocol):
    """Who is told how far a cell is."""

    def epoch(self, cell_id: str, done: float, detail: str = "") -> None:
        """A cell has completed this many epochs."""


def launch(cell: Cell, name: str, observer: Epochs) -> None:
    """Run ``cell`` in a process group of its own; no rank outlives this call.

    Raises:
        InputError: a rank failed; names the rank and its error, and the log of all ranks.
    """
    cell.work_dir.mkdir(parents=True, exist_ok=True)
    spec, log = (cell.work_dir / file for file in ("cell.json", LOG))
    spec.write_text(cell.to_json())
    command = [sys.executable, "-m", "reproduce._run_cell", str(spec.resolve())]
    with log.open("w") as errors:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, text=True, start_new_session=True, env=_environment(cell)
        )
        follower = Thread(target=_follow, args=(process.stdout, name, observer), daemon=True)
        follower.start()
        try:
            code = process.wait()
        finally:
            _end_group(process.pid)
            follower.join(timeout=5)
    if code:
        raise InputError(f"cell {name} on {cell.runtime.devices} devices: {first_error(log.read_text())}; log: {log}")


def _environment(cell: Cell) -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": str(cell.runtime.threads)}


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
