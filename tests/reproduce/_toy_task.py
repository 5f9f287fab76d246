"""A task for queue tests: it sleeps, and says in a file when it begins and when it ends."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

from optuna.trial import Trial

from medrepro.datamodules.support.errors import InputError
from medrepro.reproduce.run.queue import ENTRY, Queue
from medrepro.reproduce.run.storage import Address
from medrepro.reproduce.run.workers import Report, Stop

PATIENCE = 120.0  # seconds that a test waits at most for another process


@dataclass(frozen=True)
class ToyTask:
    """Attributes say what happens to which entry.

    Attributes:
        log: one line for each beginning and end: entry, pid, what.
        meet: how many processes must have begun before the first trial of any of them ends.
        hang: an entry that sleeps in its first attempt until it is killed or stopped.
        broken: an entry that cannot be run.
        report: whether progress is reported.
    """

    log: str
    meet: int = 1
    hang: str = ""
    broken: str = ""
    report: bool = False
    fatal: bool = True

    def queue(self, address: Address, worker: int) -> Queue:
        del worker
        return Queue(address)

    def __call__(self, trial: Trial, report: Report, stop: Stop) -> float:
        entry = trial.user_attrs.get(ENTRY, "")
        note(self.log, entry, "begin")
        if self.report:
            report(0.5, "half")
        if entry == self.broken:
            raise InputError(f"{entry} cannot\nbe run")
        if entry == self.hang and [name for name, _, _ in lines(self.log)].count(entry) == 1:
            self._hang(stop)
        until = time.monotonic() + PATIENCE
        while len({pid for _, pid, _ in lines(self.log)}) < self.meet and time.monotonic() < until:
            time.sleep(0.05)
        note(self.log, entry, "end")
        return 1.0

    def _hang(self, stop: Stop) -> None:
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            time.sleep(0.05)
            if stop():
                raise RuntimeError("stopped")


def note(log: str, entry: str, what: str) -> None:
    """Append one whole line, whoever else writes."""
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, f"{entry} {os.getpid()} {what}\n".encode())
    os.close(descriptor)


def lines(log: str | Path) -> list[tuple[str, int, str]]:
    """What was noted: (entry, pid, what)."""
    if not Path(log).is_file():
        return []
    words = (line.split(" ") for line in Path(log).read_text().splitlines())
    return [(entry, int(pid), what) for entry, pid, what in words]


def wait_for(log: str | Path, entry: str, what: str) -> int:
    """Wait until this was noted; returns who did."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        for name, pid, happened in lines(log):
            if (name, happened) == (entry, what):
                return pid
        time.sleep(0.05)
    raise TimeoutError(f"{entry} {what} did not happen: {lines(log)}")
