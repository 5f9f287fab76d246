"""The dashboard as one HTML file: no network, no account, opens from disk; filters, sortable columns, light and dark.

In: a :class:`~medrepro.reproduce.report.overview.Comparison`. Out: HTML in which every text from results and cards is
escaped.
"""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import jinja2
from markupsafe import Markup

from medrepro.reproduce.evaluation.text import number, plural
from medrepro.reproduce.report.figures.style import css_variables
from medrepro.reproduce.report.html import typeset
from medrepro.reproduce.report.overview import Comparison, Line

TEMPLATE = "dashboard.html"
COLUMNS = (
    ("row", "row", "text"),
    ("paper", "paper", "text"),
    ("table", "table", "text"),
    ("quantity", "quantity", "text"),
    ("printed", "printed", "number"),
    ("ours", "ours ± sd", "number"),
    ("low", "from", "number"),
    ("high", "to", "number"),
    ("plot", "95 % interval", "plot"),
    ("over", "over", "text"),
    ("preset", "preset", "text"),
    ("data", "data", "text"),
)
FILTERS = (("paper", "Paper"), ("table", "Table"), ("preset", "Preset"), ("data", "Data"), ("status", "Status"))


def dashboard(found: Comparison, folders: Sequence[Path], out: Path, command: str) -> str:
    """The whole page; links to reports are relative to ``out``."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(typeset=typeset, plain=_plain, decimals=_decimals)
    lines = [_linked(line, out.parent) for line in found.lines]
    return environment.get_template(TEMPLATE).render(
        lines=lines,
        columns=COLUMNS,
        filters=[(name, title, _options(lines, name)) for name, title in FILTERS],
        headline=headline(found),
        problems=found.problems,
        results=found.results,
        folders=[folder.name or str(folder) for folder in folders],
        command=command,
        light=Markup(css_variables(dark=False)),
        dark=Markup(css_variables(dark=True)),
    )


def headline(found: Comparison) -> str:
    """How much was found, in one sentence."""
    papers = dict.fromkeys(line.key for line in found.lines)
    tables = dict.fromkeys((line.key, line.table) for line in found.lines)
    measured = sum(line.status == "measured" and bool(line.ours) for line in found.lines)
    beside = sum(bool(line.paper and line.ours) for line in found.lines)
    return (
        f"{plural(measured, 'measured number')} from {plural(len(tables), 'table')} of {plural(len(papers), 'paper')}, "
        f"{beside} beside a printed one."
    )


def _linked(line: Line, start: Path) -> Line:
    if line.report is None:
        return line
    return replace(line, report=Path(os.path.relpath(line.report, start)))


def _options(lines: Sequence[Line], name: str) -> list[tuple[str, int]]:
    """What a filter offers, in the order of the lines, each with how many numbers it leaves."""
    field = {"paper": "key"}.get(name, name)
    return list(Counter(value for line in lines if (value := str(getattr(line, field)))).items())


def _plain(value: float | None) -> str:
    """A number for sorting; empty sorts last."""
    return "" if value is None else f"{value:.10g}"


def _decimals(value: float | None, digits: int) -> str:
    return "" if value is None else number(value, digits)
