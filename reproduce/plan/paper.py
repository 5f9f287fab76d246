"""Describe a paper as a value: its targets, its data and what it cites; plain data, nothing heavy to import."""

import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from medrepro.datamodules.support.errors import InputError
from medrepro.reproduce.papers import find_papers
from medrepro.reproduce.plan.cell import Cell, Printed
from medrepro.reproduce.plan.options import Options
from medrepro.reproduce.plan.table import TableSpec


@dataclass(frozen=True)
class Job:
    """One table's worth of work, as a paper plans it.

    Attributes:
        spec: the table to fill.
        cells: the cells that fill it; what they need is run before them.
        assumptions: the card's numbered deviations that touch this run.
        figures: extra figures from the results, after the standard ones; given the view.
        prepare: fills the data cache, once, with a progress bar, before any cell needs it.
        before: jobs whose tables stand first in the same report.
    """

    spec: TableSpec
    cells: tuple[Cell, ...]
    assumptions: tuple[str, ...] = ()
    figures: Callable[[Any], Sequence[Any]] | None = None
    prepare: Callable[[], object] | None = None
    before: "tuple[Job, ...]" = ()


@dataclass(frozen=True)
class Target:
    """A table, figure or study that a command regenerates.

    Attributes:
        plan: turns options into the job.
        help: one line.
    """

    plan: Callable[[Options], Job]
    help: str


@dataclass(frozen=True)
class Reason:
    """Why a printed table or figure is not regenerated."""

    text: str


@dataclass(frozen=True)
class Paper:
    """One paper.

    Attributes:
        targets: ``table 5``, ``figure 4``, ``study margin``, each planned or with the reason for none; the first that
            is planned is the default.
        data: names for ``--data`` with one line of help; the first is the default.
        classes: returns the module and datamodule classes, for ``--module.*`` and ``--config``; imports torch.
        citations: (what, text, licence) for the report.
        flags: further flags that take a word, name -> one line of help; they arrive in :attr:`Options.flags`.
        commands: those of the flags that are a command of their own, and what runs it with all words of the line,
            ``package.module:function``.
    """

    key: str
    title: str
    targets: Mapping[str, Target | Reason]
    data: Mapping[str, str]
    classes: Callable[[], tuple[type, type]]
    citations: tuple[tuple[str, str, str], ...]
    flags: Mapping[str, str] = field(default_factory=dict)
    commands: Mapping[str, str] = field(default_factory=dict)

    @property
    def offered(self) -> dict[str, Target]:
        """The targets that can be planned."""
        return {name: target for name, target in self.targets.items() if isinstance(target, Target)}

    def plan(self, options: Options) -> Job:
        """Return the job of the options' target."""
        return self.offered[options.target].plan(options)


def load(key: str) -> Paper:
    """Return the paper ``key`` (imports its tables, not torch)."""
    paper: Paper = pkgutil.resolve_name(find_papers()[key])
    return paper


def plan_job(paper: Paper, options: Options) -> Job:
    """Return the job of the options' target, its cells with the printed numbers that W&B shows beside ours.

    Raises:
        InputError: a row that was asked for is not one of the table's.
    """
    return _with_printed(_of_rows(paper.plan(options), options), options)


def _of_rows(job: Job, options: Options) -> Job:
    """Keep the cells of the rows that were asked for."""
    known = list(dict.fromkeys(cell.row for cell in job.cells))
    for row in options.rows:
        if row not in known:
            raise InputError(f"--rows {row}: no such row in {job.spec.name}; it has {', '.join(known)}")
    return replace(job, cells=tuple(cell for cell in job.cells if cell.row in options.rows)) if options.rows else job


def _with_printed(job: Job, options: Options) -> Job:
    printed = {row.id: _printed(job.spec, row.paper) for row in job.spec.rows} if options.wandb != "disabled" else {}
    cells = tuple(replace(cell, runtime=replace(cell.runtime, paper=printed.get(cell.row, ()))) for cell in job.cells)
    return replace(job, cells=cells, before=tuple(_with_printed(one, options) for one in job.before))


def _printed(spec: TableSpec, paper: Mapping[str, float | str]) -> tuple[Printed, ...]:
    """Return the numbers that the paper prints for a row, each with our metric beside it."""
    columns = [(column, column.paper) for column in spec.columns if column.minus is None]
    return tuple(
        Printed(column.label, str(paper[heading]), column.metric, column.scale)
        for column, heading in columns
        if heading is not None and heading in paper
    )
