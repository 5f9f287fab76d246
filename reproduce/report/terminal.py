"""What the user sees on the terminal: progress, then the table, the verdicts and where the report lies.

In: events of running cells; a :class:`TableView`. Out: text on a console, plain where that is no terminal.
"""

import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from rich import box
from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn
from rich.progress import Progress as Bars
from rich.table import Table
from rich.text import Text

from medrepro.reproduce.evaluation import text
from medrepro.reproduce.evaluation.table_view import TableView, ViewColumn, ViewRow

VERDICT_STYLES = {
    "supported": "green",
    "smaller than claimed": "yellow",
    "no gain": "red",
    "contradicted": "red",
    "inconclusive": "yellow",
    "needs original data": "cyan",
    "cannot be (audit)": "magenta",
}
OTHER_DATA = {"all": "\nother data", "some": "\nsome other data", "none": ""}
RULES = box.Box("    \n    \n ── \n    \n ── \n    \n    \n    \n")  # a line below the head and above the baselines
PLAIN_WIDTH = 200  # characters of output that is no terminal: wide enough not to fold
ENOUGH = 0.05  # cells to have been done before a time left is told


@dataclass(frozen=True)
class RunSummary:
    """How the run went: the last line."""

    report: Path
    trained: int
    reused: int
    seconds: float

    def line(self) -> str:
        """``report runs/.../report.html · 4 cells trained, 0 reused · 3 min 12 s``."""
        cells = f"{text.plural(self.trained, 'cell')} trained, {self.reused} reused"
        return f"report {self.report} · {cells} · {text.duration(self.seconds)}"


def default_console() -> Console:
    """Standard output: coloured and fitted on a terminal, plain and unfolded elsewhere."""
    return Console(highlight=False) if sys.stdout.isatty() else Console(width=PLAIN_WIDTH, highlight=False)


def show(view: TableView, run: RunSummary, quiet: bool = False, console: Console | None = None) -> None:
    """Print a table with its claims and the last line; with ``quiet`` the report's path and nothing else."""
    out = console or default_console()
    if quiet:
        out.print(Text(str(run.report)), soft_wrap=True)
        return
    show_table(view, out)
    out.print(Text(run.line()), soft_wrap=True)


def show_table(view: TableView, console: Console) -> None:
    """Print title, data, table, notes and claims."""
    table = _table(view)
    rule = Text("─" * min(console.width, console.measure(table).maximum), style="dim")
    console.print(Text(view.title_line, style="bold"), soft_wrap=True)
    console.print(Text(f"data  {view.data_line}"), soft_wrap=True)
    for part in (rule, table, rule):
        console.print(part)
    for note in view.notes:
        console.print(Text(f"note   {note}", style="dim"), soft_wrap=True)
    for claim in view.claims:
        line = Text(f"claim  {claim.claim.says}   ")
        line.append(claim.verdict, style=VERDICT_STYLES.get(claim.verdict, "dim"))
        console.print(line.append(f": {claim.detail}" if claim.detail else ""), soft_wrap=True)


def _table(view: TableView) -> Table:
    table = Table(box=RULES, show_edge=False, pad_edge=False, header_style="bold", padding=(0, 1))
    table.add_column("row", no_wrap=True)
    for column in view.columns:
        table.add_column(_heading(view, column), justify="right", style="grey50" if column.kind == "paper" else "")
    for row, following in zip(view.rows, [*view.rows[1:], None], strict=True):
        ends = following is not None and row.kind == "row" and following.kind != "row"
        cells = [Text(cell.text) for cell in row.cells]
        table.add_row(_label(view, row), *cells, end_section=ends, style="dim" if row.stale else "")
    return table


def _heading(view: TableView, column: ViewColumn) -> Text:
    if column.kind == "paper":
        return Text(column.label + OTHER_DATA[view.other_data], style="grey50")
    return Text(column.label + (" [95 % CI]" if column.column.ci and column.kind == "ours" else ""))


def _label(view: TableView, row: ViewRow) -> Text:
    label = Text(row.label)
    if row.stale:
        label.append(f"  stale: other {row.stale}", style="yellow")
    if row.note:
        label.append(f"  ({row.note})", style="dim")
    if row.other_data and view.other_data == "some":
        label.append("  other data", style="grey50")
    return label


@dataclass
class _Running:
    """A cell in progress."""

    label: str
    epochs: int
    done: float = 0.0
    detail: str = ""


class Progress:
    """One bar for the cells with the time left, one for the epochs of each running cell.

    Off a terminal a plain line every ``every`` seconds and one as each cell ends. Safe to call from threads.

    Args:
        cells: how many cells there are, the reused among them.
        reused: how many were finished before.
        quiet: show nothing.
        console: where to; default standard output.
        every: seconds between plain lines.
    """

    def __init__(
        self, cells: int, reused: int = 0, quiet: bool = False, console: Console | None = None, every: float = 30.0
    ) -> None:
        self.cells, self.reused, self.quiet, self.every = cells, reused, quiet, every
        self.console = console or default_console()
        self._lock, self._stop = threading.RLock(), threading.Event()
        self._running: dict[str, _Running] = {}
        self._tasks: dict[str, TaskID] = {}
        self._finished = 0
        self._started = time.monotonic()
        self._bars: Bars | None = None
        self._ticker: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._started = time.monotonic()
        if self.quiet or self.cells == self.reused:
            return self
        if self.console.is_terminal:
            columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[detail]}"))
            self._bars = Bars(*columns, console=self.console, transient=True)
            self._bars.start()
            self._tasks[""] = self._bars.add_task("cells", total=self.cells - self.reused, detail="")
        else:
            self._ticker = threading.Thread(target=self._tick, daemon=True)
            self._ticker.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._ticker is not None:
            self._ticker.join()
        if self._bars is not None:
            self._bars.stop()

    def start(self, cell_id: str, label: str, epochs: int) -> None:
        """A cell begins; it will take ``epochs`` epochs."""
        with self._lock:
            self._running[cell_id] = _Running(label, epochs)
            if self._bars is not None:
                self._tasks[cell_id] = self._bars.add_task(f"  {label}", total=epochs, detail="")

    def epoch(self, cell_id: str, done: float, detail: str = "") -> None:
        """A cell has completed ``done`` epochs, in fractions; ``detail`` is shown behind its bar."""
        with self._lock:
            cell = self._running[cell_id]
            cell.done, cell.detail = done, detail
            if self._bars is not None:
                shown = f"epoch {min(int(done) + 1, cell.epochs)}/{cell.epochs}  {detail}"
                self._bars.update(self._tasks[cell_id], completed=done, detail=shown)
                self._bars.update(self._tasks[""], completed=self.done(), detail=self.left())

    def finish(self, cell_id: str) -> None:
        """A cell is done."""
        with self._lock:
            cell = self._running.pop(cell_id)
            self._finished += 1
            if self._bars is not None:
                self._bars.remove_task(self._tasks.pop(cell_id))
                self._bars.update(self._tasks[""], completed=self.done(), detail=self.left())
            elif self._ticker is not None:
                self.console.print(Text(f"done  {cell.label} · {self.line()}"), soft_wrap=True)

    def done(self) -> float:
        """Cells run so far, running ones by the share of their epochs."""
        return self._finished + sum(min(1.0, c.done / max(1, c.epochs)) for c in self._running.values())

    def left(self) -> str:
        """Time left at the pace so far; nothing at first and at the end."""
        done, total = self.done(), self.cells - self.reused
        if done < ENOUGH or done >= total:
            return ""
        return f"about {text.duration((time.monotonic() - self._started) * (total - done) / done)} left"

    def line(self) -> str:
        """``3 of 12 cells · about 2 min 10 s left · ResNet34 CE random: epoch 2/5 loss 0.41``."""
        with self._lock:
            running = [
                f"{cell.label}: epoch {min(int(cell.done) + 1, cell.epochs)}/{cell.epochs} {cell.detail}".strip()
                for cell in self._running.values()
            ]
            counted = f"{self._finished + self.reused} of {text.plural(self.cells, 'cell')}"
            return " · ".join(part for part in (counted, self.left(), *running) if part)

    def _tick(self) -> None:
        while not self._stop.wait(self.every):
            self.console.print(Text(self.line()), soft_wrap=True)
