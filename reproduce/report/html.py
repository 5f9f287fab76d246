"""The report: one HTML file that opens anywhere, without a network.

In: finished tables and figures, what was assumed, whom to cite. Out: ``report.html`` below 3 MB, light and dark,
readable on a phone, printable. :func:`markdown_table` renders the same table for README and cards.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import jinja2
from markupsafe import Markup

from medrepro.datamodules.support.cache import atomic_write
from medrepro.reproduce.evaluation import text
from medrepro.reproduce.evaluation.estimates import Estimate
from medrepro.reproduce.evaluation.table_view import TableView, ViewCell, ViewColumn
from medrepro.reproduce.report.figures.canvas import Figure
from medrepro.reproduce.report.figures.curves import numbers, row_slots
from medrepro.reproduce.report.figures.intervals import Scale, axis_plot, common_scale, interval_plot
from medrepro.reproduce.report.figures.style import css_variables
from medrepro.reproduce.report.markdown import markdown_table

__all__ = ["Citation", "Page", "markdown_table", "write_report"]

MAX_BYTES = 3_000_000
TEMPLATE = "report.html"
TIERS = {"embedded": "embedded data", "stand-in": "stand-in data", "original": "original data"}
VERDICT_MARKS = {
    "supported": "✓",
    "smaller than claimed": "<",
    "no gain": "✗",
    "contradicted": "✗",
    "inconclusive": "?",
    "not learnt": "–",
    "cannot be asked here": "–",
    "needs original data": "–",
    "cannot be (audit)": "✗",
    "cannot be judged": "–",
    "not run": "–",
    "not judged": "–",
}


@dataclass(frozen=True)
class Citation:
    """Whom to cite: the paper, the data, or whatever else was used.

    Attributes:
        kind: ``paper``, ``data``, ``code``.
        text: as it should be cited.
        licence: empty if there is nothing to say.
        url: a link to click; nothing is loaded from it.
    """

    kind: str
    text: str
    licence: str = ""
    url: str = ""


@dataclass(frozen=True)
class Page:
    """What a report holds.

    Attributes:
        views: its tables, the first one gives title and badges.
        figures: in the order of the page.
        assumptions: the card's numbered deviations that touched this run.
        citations: paper and data.
        command: what to type to run it again; default the results' own.
    """

    views: tuple[TableView, ...]
    figures: tuple[Figure, ...] = ()
    assumptions: tuple[str, ...] = ()
    citations: tuple[Citation, ...] = ()
    command: str = ""


@dataclass(frozen=True)
class Plotted:
    """A column as the page shows it: its axis, if it has one, and its cells' text and plots, row by row."""

    column: ViewColumn
    note: str
    axis: Markup | None
    cells: tuple[ViewCell, ...]
    plots: tuple[Markup | None, ...]


def write_report(path: Path, page: Page) -> Path:
    """Write the report, whole or not at all; returns ``path``.

    Should it exceed 3 MB, the largest figures are left out and named.
    """
    dropped: list[Figure] = []
    rendered = render(page)
    while len(rendered.encode()) > MAX_BYTES and len(dropped) < len(page.figures):
        left = [figure for figure in page.figures if figure not in dropped]
        dropped.append(max(left, key=lambda figure: len(figure.svg())))
        kept = tuple(figure for figure in page.figures if figure not in dropped)
        rendered = render(replace(page, figures=kept), [figure.title for figure in dropped])
    with atomic_write(path) as temporary:
        temporary.write_text(rendered, encoding="utf-8")
    return path


def render(page: Page, left_out: Sequence[str] = ()) -> str:
    """The page as HTML; every text from results, cards and cells is escaped."""
    template = _environment().get_template(TEMPLATE)
    first = page.views[0]
    return template.render(
        page=page,
        first=first,
        headline=headline(first),
        badges=badges(first),
        tables=[(view, plotted(view)) for view in page.views],
        figures=[(figure, Markup(figure.svg())) for figure in page.figures],
        left_out=left_out,
        command=page.command or (first.results[0].content.get("command", "") if first.results else ""),
        again=run_again(page),
        light=Markup(css_variables(dark=False)),
        dark=Markup(css_variables(dark=True)),
    )


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(typeset=typeset, numbered=numbered, anchor=anchor)
    environment.globals.update(marks=VERDICT_MARKS, caption=table_caption, colours=row_slots)
    environment.globals.update(mean=text.mean, deviation=text.deviation, bounds=text.bounds)
    return environment


def typeset(words: str) -> str:
    """True minus signs before numbers and between quantities, and multiplication signs between counts."""
    signed = re.sub(r"(?<![\w.])-(?=\d)|(?:(?<=^)|(?<= ))-(?= )", "−", words)
    return re.sub(r"(\d \w+) x (\d)", r"\1 × \2", signed)


def numbered(line: str) -> tuple[str, str]:
    """``"3. five epochs"`` as its number and its words."""
    found = re.fullmatch(r"\s*(\d+\w?)[.)]\s+(.*)", line, re.DOTALL)
    return (found[1], found[2]) if found else ("", line)


def anchor(words: str) -> str:
    """A fragment identifier."""
    return re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")


def badges(view: TableView) -> list[tuple[str, str]]:
    """Kind and text of each badge: preset, tier of the data, and what the results say of themselves."""
    if not view.results:
        return [("warning", "not run")]
    preset, tier, *own = view.marks
    shown = [("preset" if preset == "paper" else "short", preset), ("data", TIERS.get(tier, tier))]
    stale = [("warning", "stale")] if any(row.stale for row in view.rows) else []
    return shown + [("warning", mark) for mark in own] + stale


def headline(view: TableView) -> str:
    """The result in one sentence: the best row beside the first baseline, and how the claims fared."""
    verdicts = [claim.verdict for claim in view.claims]
    counted = [f"{verdicts.count(kind)} {kind}" for kind in VERDICT_MARKS if kind in verdicts]
    parts = [_best(view), f"Claims: {', '.join(counted)}." if counted else ""]
    rows = [row.id for row in view.rows if row.kind != "baseline"]
    measured = f"{sum(row in view.evidence.rows for row in rows)} of {text.plural(len(rows), 'row')} measured."
    return " ".join(part for part in parts if part) or measured


def _best(view: TableView) -> str:
    """The row with the largest value in the first column of ours with intervals; empty without one."""
    index = next((i for i, shown in enumerate(view.columns) if shown.kind == "ours" and shown.column.ci), None)
    if index is None:
        return ""
    fresh = [(row, row.cells[index]) for row in view.rows if not row.stale and row.cells[index].sort is not None]
    ours = [(row, cell) for row, cell in fresh if row.kind == "row"]
    if not ours:
        return ""
    row, cell = max(ours, key=lambda pair: pair[1].sort or 0.0)
    parts = [f"Highest {view.columns[index].column.label}: {row.label} {cell.text}"]
    parts += [f"{line.label} {beside.text}" for line, beside in fresh if line.kind == "baseline"][:1]
    return " ".join("; ".join(parts).split()) + "."


def table_caption(view: TableView) -> str:
    """How to read the table."""
    if not view.results:
        return "Nothing was run: the paper's numbers alone."
    runs = text.plural(view.seeds, "seed") + (f" × {text.plural(view.folds, 'fold')}" if view.folds > 1 else "")
    over = "seeds" if view.seeds > 1 else "folds"
    spread = f"mean ± standard deviation over {over} ({runs})" if view.seeds * view.folds > 1 else "one run"
    paper = "as printed, measured on other data" if view.other_data == "all" else "as printed"
    return (
        f"Ours: {spread}. Lines: 95 % intervals from {view.evidence.resamples} resamples of patients; "
        f"differences are paired by patient; arrows point off the axis. Paper: {paper}."
    )


def plotted(view: TableView) -> list[Plotted]:
    """The table's columns, each with the axis that its rows share."""
    return [_plotted(view, index, column) for index, column in enumerate(view.columns)]


def _plotted(view: TableView, index: int, column: ViewColumn) -> Plotted:
    cells = tuple(row.cells[index] for row in view.rows)
    scale = _scale(view, index) if column.kind != "paper" and text.shows_interval(column.column) else None
    note = {"all": "other data", "some": "some other data", "none": ""}[view.other_data]
    notes = {"paper": note, "ours": "", "difference": "paired"}
    slots = row_slots(view)
    plots = tuple(_plot(cell.estimate, scale, slots[row.id].name) for row, cell in zip(view.rows, cells, strict=True))
    return Plotted(column, notes[column.kind], axis_plot(scale) if scale else None, cells, plots)


def _scale(view: TableView, index: int) -> Scale | None:
    column = view.columns[index]
    models, baselines = numbers(view, index)
    return common_scale(models, baselines, column.column.scale, zero=column.kind == "difference")


def _plot(estimate: Estimate | None, scale: Scale | None, colour: str) -> Markup | None:
    return None if estimate is None or scale is None or estimate.text else interval_plot(estimate, scale, colour)


def run_again(page: Page) -> list[tuple[str, str]]:
    """Environment, hashes, time and memory of the results, as names and values; several values are listed."""
    results = [result for view in page.views for result in view.results]
    content = [result.content for result in results]
    hashes = {
        "commit": [f"{c.get('commit') or 'none'}{' with changes' if c.get('dirty') else ''}" for c in content],
        "code sha256": [str(c.get("code_sha256", ""))[:16] for c in content],
        "data sha256": [str(result.data.get("sha256", ""))[:16] for result in results],
        "hardware": [str(c.get("hardware", "")) for c in content],
        "versions": [", ".join(f"{k} {v}" for k, v in (c.get("versions") or {}).items()) for c in content],
        "parameters": [f"{c['parameters']:,}" for c in content if c.get("parameters")],
        "multiply-adds": [f"{c['macs']:,}" for c in content if c.get("macs")],
    }
    lines = [(name, _distinct(values)) for name, values in hashes.items()]
    seconds = [float(c["seconds"]) for c in content if c.get("seconds") is not None]
    if seconds:
        lines.append(("time", f"{text.duration(sum(seconds))} for {text.plural(len(seconds), 'cell')}"))
    memory = [float(c["peak_rss_mb"]) for c in content if c.get("peak_rss_mb")]
    lines += [("peak memory", f"{max(memory):,.0f} MB")] if memory else []
    return [(name, value) for name, value in lines if value]


def _distinct(values: Iterable[str]) -> str:
    return " · ".join(dict.fromkeys(value for value in values if value))
