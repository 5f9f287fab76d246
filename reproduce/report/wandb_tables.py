"""Weights & Biases beside the result files: one run a cell while it trains, one a table when it is rendered.

In: a cell, a result file, a finished report; out: W&B runs in the group ``<key>/<table>``. The record that counts is
the result file, always written. With ``--wandb disabled`` (the default) no run is begun and nothing is sent.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medrepro.reproduce.plan.options import Options, slug
from medrepro.reproduce.run.wandb_cells import _log_files, _run, _table, run_id

if TYPE_CHECKING:
    from medrepro.reproduce.evaluation.table_view import TableView
    from medrepro.reproduce.report.figures.canvas import Figure


def log_table(
    options: Options, views: Sequence["TableView"], figures: Sequence["Figure"], report: Path, folder: Path
) -> None:
    """Log a rendered table: the paper's numbers beside ours, verdicts, figures, the report itself."""
    import wandb

    view = views[-1]
    name = f"{view.spec.key} · {view.spec.name} · {options.preset}"
    config = {**vars(options), "cells": len(view.results)}
    with _run(
        options.wandb,
        folder,
        project=options.wandb_project,
        group=f"{view.spec.key}/{view.spec.number}",
        job_type="table",
        name=name,
        tags=list(dict.fromkeys([view.spec.key, options.target, *view.marks, *options.wandb_tags])),
        config=config,
        id=run_id("table", slug(options.target), str(folder.resolve())),
    ):
        run = wandb.run
        if run is None:
            return
        for one in views:
            run.log({f"tables/{one.spec.name}": _table(*table_lines(one))})
        verdicts = [[claim.claim.says, claim.verdict, claim.detail] for one in views for claim in one.claims]
        run.log({"claims": _table(["claim", "verdict", "detail"], verdicts)})
        for figure in figures:
            path = folder / "figures" / f"{figure.id}.png"
            path.parent.mkdir(exist_ok=True)
            figure.save(path)
            run.log({f"figures/{figure.id}": wandb.Image(str(path), caption=figure.title)})
        run.log({"report": wandb.Html(str(report))})
        files = [report, folder / "table.md", folder / "options.json"]
        _log_files(run, f"report-{run.id}", "report", [file for file in files if file.is_file()])


def table_lines(view: "TableView") -> tuple[list[str], list[list[Any]]]:
    """Return a table's columns and lines: ours with text, value and interval, the paper's as printed."""
    columns = ["row", "kind"]
    lines: list[list[Any]] = [[row.label, row.kind] for row in view.rows]
    for index, shown in enumerate(view.columns):
        ours = shown.kind != "paper"
        columns += [shown.label, *((f"{shown.label} {end}" for end in ("value", "low", "high")) if ours else ())]
        for line, row in zip(lines, view.rows, strict=True):
            cell = row.cells[index]
            line.append(cell.text)
            if ours:
                ends = cell.estimate.interval if cell.estimate is not None and not cell.estimate.text else None
                line += [None, None, None] if ends is None else [ends.value, ends.low, ends.high]
    return columns, lines
