"""How far a long job is, on stderr: a bar on a terminal, a line every tenth elsewhere.

In: a label and a total; out: a function to call after each step.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


@contextmanager
def reporter(label: str, total: int, done: int = 0, quiet: bool = False) -> Iterator[Callable[[], None]]:
    """Yield a function that counts one step on.

    Args:
        label: what is being done.
        total: steps in all.
        done: steps that an earlier run has made.
        quiet: say nothing.
    """
    console = Console(stderr=True, quiet=quiet)
    if console.is_terminal:
        columns = (TextColumn(label), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console) as bar:
            task = bar.add_task(label, total=total, completed=done)
            yield lambda: bar.advance(task)
        return
    finished = done

    def report() -> None:
        nonlocal finished
        finished += 1
        if finished * 10 // total > (finished - 1) * 10 // total:
            console.print(f"{label}: {finished}/{total}", highlight=False)

    yield report
