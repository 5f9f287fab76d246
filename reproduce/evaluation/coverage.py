"""List what is still blank: rows of printed tables and figures that have no committed result.

Plans the cells of each target that a paper offers, and looks for their results below ``results/<key>/``; runs none.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from medrepro.datamodules.support.errors import InputError
from medrepro.reproduce.evaluation.results import read_results
from medrepro.reproduce.plan.cell import Cell
from medrepro.reproduce.plan.options import Options
from medrepro.reproduce.plan.paper import Job, Reason, load
from medrepro.reproduce.printed.load import KEYS, load_paper


@dataclass(frozen=True)
class Listed:
    """A printed table or figure: the target that regenerates it, or the reason for none."""

    key: str
    target: str
    reason: str


@dataclass(frozen=True)
class Blank:
    """A row without all of its results.

    Attributes:
        missing: cells without a committed result.
        planned: cells that the row averages over.
        reason: why it stays blank; empty if it should not.
    """

    key: str
    target: str
    row: str
    missing: int
    planned: int
    reason: str = ""

    def line(self) -> str:
        """``egfr table 5 resnet34-ml-bt: 3 of 3 cells without a result``."""
        what = f"blank: {self.reason}" if self.reason else f"{self.missing} of {self.planned} cells without a result"
        return f"{self.key} {self.target} {self.row}: {what}"


def printed_targets() -> list[Listed]:
    """Return every printed table and figure of the papers, with the reason of each that is not regenerated."""
    listed = []
    for key in KEYS:
        tables = {f"table {name}" for name in load_paper(key).tables}
        for name, target in load(key).targets.items():
            if name in tables or name.startswith("figure"):
                listed.append(Listed(key, name, target.text if isinstance(target, Reason) else ""))
    return listed


def blanks(listed: Listed, results: Path, folder: Path) -> list[Blank]:
    """The rows of one table without results; a table that cannot be planned here is one blank with its reason.

    Args:
        listed: the table.
        results: the committed results.
        folder: where a run would be planned; nothing is written.
    """
    if listed.reason:
        return []
    paper = load(listed.key)
    if listed.target not in paper.offered:
        return [Blank(listed.key, listed.target, "all rows", 0, 0, "the command does not offer it yet")]
    try:
        job = paper.plan(Options(command="", target=listed.target, out=str(folder)))
    except InputError as error:
        return [Blank(listed.key, listed.target, "all rows", 0, 0, str(error))]
    return list(_blank_rows(listed, job, results / listed.key))


def _blank_rows(listed: Listed, job: Job, results: Path) -> Iterator[Blank]:
    there = {cell.table: {(one.row, *one.run) for one in read_results(results / cell.table)} for cell in job.cells}
    planned: dict[str, list[Cell]] = {}
    for cell in job.cells:
        planned.setdefault(cell.row, []).append(cell)
    for row in job.spec.rows:
        cells = planned.get(row.id, [])
        missing = sum((cell.row, cell.seed, cell.fold) not in there[cell.table] for cell in cells)
        if not cells:
            yield Blank(listed.key, listed.target, row.id, 0, 0, row.reason or "no cell fills it: a cited number")
        elif missing:
            yield Blank(listed.key, listed.target, row.id, missing, len(cells))


def summary(found: Mapping[str, list[Blank]]) -> str:
    """``12 rows without results, 9 blank for a reason``."""
    every = [blank for blanks_of_one in found.values() for blank in blanks_of_one]
    open_rows = sum(not blank.reason for blank in every)
    return f"{open_rows} rows without results, {len(every) - open_rows} blank for a reason"
