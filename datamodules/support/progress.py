"""Report the progress of a long job on stderr: a bar on a terminal, a line every tenth elsewhere."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)


@contextmanager
def reporter(
    label: str, total: int, done: int = 0, quiet: bool = False, in_bytes: bool = False
) -> Iterator[Callable[..., None]]:
    """Yield a function that counts steps, one per call or as many as its argument says; threads may share it.

    Args:
        label: name of the job.
        total: number of steps.
        done: steps that an earlier run has made.
        quiet: print nothing.
        in_bytes: the steps are bytes.
    """
    console, lock, finished = Console(stderr=True, quiet=quiet), threading.Lock(), done
    if console.is_terminal:
        counts = (DownloadColumn(), TransferSpeedColumn()) if in_bytes else (MofNCompleteColumn(),)
        with Progress(TextColumn(label), BarColumn(), *counts, TimeRemainingColumn(), console=console) as bar:
            task = bar.add_task(label, total=total, completed=done)
            yield lambda steps=1: bar.advance(task, steps)
        return

    def report(steps: int = 1) -> None:
        nonlocal finished
        with lock:
            before, finished = finished, finished + steps
            if finished * 10 // max(total, 1) > before * 10 // max(total, 1):
                text = f"{finished / 1e6:.0f} of {total / 1e6:.0f} MB" if in_bytes else f"{finished}/{total}"
                console.print(f"{label}: {text}", highlight=False, soft_wrap=True)

    yield report
