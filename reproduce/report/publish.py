"""From finished cells to what the user reads: the table on the terminal, the report, the Markdown.

In: a job whose cells have their result files; out: ``report.html``, ``table.md`` and ``figures/*.pdf`` in
the run's folder.
"""

import json
from pathlib import Path

from medrepro.datamodules.support.cache import atomic_write
from medrepro.reproduce.evaluation.results import Current, read_result
from medrepro.reproduce.evaluation.table_view import TableView, build_table
from medrepro.reproduce.plan.identity import code_sha256
from medrepro.reproduce.plan.options import Options
from medrepro.reproduce.plan.paper import Job, Paper
from medrepro.reproduce.report.figures.standard import standard_figures
from medrepro.reproduce.report.html import Citation, Page, markdown_table, write_report
from medrepro.reproduce.report.terminal import RunSummary, default_console, show, show_table
from medrepro.reproduce.run.storage import without_password


def publish(paper: Paper, options: Options, job: Job, out: Path, trained: int, seconds: float, reused: int = 0) -> Path:
    """Build the table of a job's cells and write every form of it; returns the report's path."""
    earlier = [_view(paper, one) for one in job.before]
    view = _view(paper, job)
    extra = job.figures(view) if job.figures else ()
    page = Page(
        views=(*earlier, view),
        figures=(*standard_figures(view), *extra),
        assumptions=job.assumptions,
        citations=tuple(Citation(*citation) for citation in paper.citations),
        command=options.command,
    )
    report = write_report(out / "report.html", page)
    for figure in page.figures:
        figure.save(out / "figures" / f"{figure.id}.pdf")
    with atomic_write(out / "table.md") as temporary:
        temporary.write_text("\n".join(markdown_table(one) for one in (*earlier, view)))
    with atomic_write(out / "options.json") as temporary:
        temporary.write_text(without_password(json.dumps(vars(options), indent=1)) + "\n")
    if options.wandb != "disabled":
        from medrepro.reproduce.report import wandb_tables as _wandb

        _wandb.log_table(options, page.views, page.figures, report, out)
    summary = RunSummary(report=report, trained=trained, reused=reused, seconds=seconds)
    for one in () if options.quiet else earlier:
        show_table(one, default_console())
    show(view, summary, quiet=options.quiet)
    return report


def _view(paper: Paper, job: Job) -> TableView:
    """Return a job's table from the result files of its rows' cells; other cells were run for these to rest on."""
    rows = {row.id for row in job.spec.rows}
    results = [read_result(cell.path) for cell in job.cells if cell.row in rows]
    return build_table(job.spec, results, Current(code_sha256(paper.key), frozenset()))
