"""What is still blank: rows of listed tables and figures that have no committed result.

In: ``papers/index.yaml``, the papers' commands, ``results/<key>/<table>/``. Out: one line a row that lacks results
and has no reason to be blank. Plans the cells (which imports torch), runs none.
"""

import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from medrepro.datamodules.support.errors import InputError
from medrepro.reproduce.plan.options import Options
from medrepro.reproduce.plan.paper import Command, Job
from medrepro.reproduce.printed.load import KEYS, PAPERS
from medrepro.reproduce.printed.yaml_fields import read_fields

INDEX = PAPERS / "index.yaml"
KINDS = {"tables": "table", "figures": "figure"}


@dataclass(frozen=True)
class Listed:
    """A printed table or figure: the command's target that regenerates it, or the reason for none."""

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


def read_index(path: Path = INDEX) -> list[Listed]:
    """Every table and figure of the index, in its order.

    Raises:
        InputError: an entry has neither a command nor a reason, or the file breaks its format.
    """
    listed = []
    for key, paper in read_fields(path).mapping().items():
        if key not in KEYS:
            raise paper.error(f"no paper {key!r}; the papers are {', '.join(KEYS)}")
        for kind, entries in paper.record(("tables",), ("figures",)).items():
            for name, entry in entries.mapping().items():
                parts = entry.record((), ("command", "reason"))
                if not parts:
                    raise entry.error(f"{KINDS[kind]} {name} has neither a command nor a reason")
                reason = "" if "command" in parts else parts["reason"].text()
                listed.append(Listed(key, f"{KINDS[kind]} {name}", reason))
    return listed


def load_command(key: str) -> Command:
    """The command of a paper (imports its module, not yet torch)."""
    command: Command = importlib.import_module(f"medrepro.reproduce.{key}").COMMAND
    return command


def blanks(listed: Listed, results: Path, folder: Path) -> list[Blank]:
    """The rows of one table without results; a table that cannot be planned here is one blank with its reason.

    Args:
        listed: the table.
        results: the committed results.
        folder: where a run would be planned; nothing is written.
    """
    if listed.reason:
        return []
    command = load_command(listed.key)
    if listed.target not in command.targets:
        return [Blank(listed.key, listed.target, "all rows", 0, 0, "the command does not offer it yet")]
    try:
        job = command.job(Options(command="", target=listed.target, out=str(folder)))
    except InputError as error:
        return [Blank(listed.key, listed.target, "all rows", 0, 0, str(error))]
    return list(_blank_rows(listed, job, results / listed.key))


def _blank_rows(listed: Listed, job: Job, results: Path) -> Iterator[Blank]:
    planned: dict[str, list[Path]] = {}
    for cell in job.cells:
        planned.setdefault(cell.row, []).append(results / cell.table / f"{cell.row}__{cell.seed}__{cell.fold}.json")
    for row in job.spec.rows:
        files = planned.get(row.id, [])
        missing = sum(not file.is_file() for file in files)
        if not files:
            yield Blank(listed.key, listed.target, row.id, 0, 0, row.reason or "no cell fills it: a cited number")
        elif missing:
            yield Blank(listed.key, listed.target, row.id, missing, len(files))


def summary(found: Mapping[str, list[Blank]]) -> str:
    """``12 rows without results, 9 blank for a reason``."""
    every = [blank for blanks_of_one in found.values() for blank in blanks_of_one]
    open_rows = sum(not blank.reason for blank in every)
    return f"{open_rows} rows without results, {len(every) - open_rows} blank for a reason"
