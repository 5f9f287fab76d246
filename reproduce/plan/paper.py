"""What a paper's command is, and what a user may ask of it: plain data, nothing heavy to import.

In: nothing; out: :class:`Options` (what was asked), :class:`Job` (what that takes), :class:`Command` (what is offered).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from medrepro.reproduce.plan.cell import Cell, Printed
from medrepro.reproduce.plan.options import Options
from medrepro.reproduce.plan.table import TableSpec


@dataclass(frozen=True)
class Job:
    """One table's worth of work, as a paper's command plans it.

    Attributes:
        spec: the table to fill.
        cells: what must have been run for it.
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
class Command:
    """What a paper's command offers.

    Attributes:
        targets: every ``table 5``, ``figure 4`` or ``study margin`` with one line of help; the first is the default.
        data: names for ``--data`` with one line of help; the first is the default.
        job: turns options into a job for their target.
        classes: returns the module and datamodule classes, for ``--module.*`` and ``--config``; imports torch.
        flags: further flags that take a word, name -> one line of help; they arrive in :attr:`Options.flags`.
        citations: (what, text, licence) for the report.
    """

    key: str
    title: str
    targets: dict[str, str]
    data: dict[str, str]
    job: Callable[[Options], Job]
    classes: Callable[[], tuple[type, type]]
    citations: tuple[tuple[str, str, str], ...]
    flags: Mapping[str, str] = field(default_factory=dict)


def plan_job(command: Command, options: Options) -> Job:
    """Return the job of the options' target, its cells told what holds for all papers alike.

    Batches to accumulate change what is learnt, so they are part of a cell's identity; the paper's numbers, which W&B
    shows beside ours, are not.
    """
    return _told(command.job(options), options)


def _told(job: Job, options: Options) -> Job:
    printed = {row.id: _printed(job.spec, row.paper) for row in job.spec.rows} if options.wandb != "disabled" else {}
    cells = tuple(
        replace(
            cell,
            config=_accumulating(cell.config, options.accumulate),
            runtime=replace(cell.runtime, paper=printed.get(cell.row, ())),
        )
        for cell in job.cells
    )
    return replace(job, cells=cells, before=tuple(_told(one, options) for one in job.before))


def _accumulating(config: dict[str, Any], batches: int) -> dict[str, Any]:
    return config if batches == 1 else {**config, "train": {**config["train"], "accumulate": batches}}


def _printed(spec: TableSpec, paper: Mapping[str, float | str]) -> tuple[Printed, ...]:
    """Return the numbers that the paper prints for a row, each with our metric beside it."""
    columns = [(column, column.paper) for column in spec.columns if column.minus is None]
    return tuple(
        Printed(column.label, str(paper[heading]), column.metric, column.scale)
        for column, heading in columns
        if heading is not None and heading in paper
    )
