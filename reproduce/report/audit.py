"""An audit as text: on the terminal and as Markdown.

In: an :class:`Audit`. Out: the same findings in the same order, with every line of arithmetic.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from medrepro.reproduce.checks.audit import Audit
from medrepro.reproduce.checks.findings import Finding, count_severities

STYLES = {"impossible": "bold red", "inconsistent": "yellow", "unclear": "cyan"}
MEANINGS = {
    "impossible": "no data give these numbers under the paper's own definitions",
    "inconsistent": "two printed things contradict each other: at least one is wrong",
    "unclear": "right only under a circumstance that is unlikely or not stated",
}
SHOWN_LINES = 8  # lines of arithmetic on the terminal before "... more"


def headline(audit: Audit) -> str:
    """``3 impossible · 10 inconsistent · 7 unclear, of 421 things tested``."""
    counts = count_severities(list(audit.findings))
    return " · ".join(f"{n} {name}" for name, n in counts.items()) + f", of {sum(audit.tested.values())} tested"


def check_names(audit: Audit) -> Iterator[tuple[str, int, int]]:
    """(check, how many it tested, how many findings), in the order of the checks."""
    for name, tested in audit.tested.items():
        yield name.replace("_", " "), tested, sum(finding.check == name for finding in audit.findings)


def source(audit: Audit, finding: Finding) -> str:
    """``egfr.yaml:85``, where the numbers of a finding stand."""
    return f"{Path(audit.paper.path).name}:{finding.line}"


def show(audit: Audit, console: Console, full: bool = False) -> None:
    """Print an audit; long arithmetic is cut unless ``full``."""
    paper = audit.paper
    console.print(f"[bold]{escape(paper.key)}[/] · audit of the printed tables · {escape(paper.title)}")
    console.print(headline(audit))
    for finding in audit.findings:
        _show_finding(audit, finding, console, full)
    for title in audit.lost:
        console.print(f"[dim]not legible, nothing tested: {escape(title)}[/]")
    console.print()


def _show_finding(audit: Audit, finding: Finding, console: Console, full: bool) -> None:
    console.print()
    style = STYLES[finding.severity]
    console.print(
        f"[{style}]{finding.severity.upper()}[/] [bold]{escape(finding.where)}[/] "
        f"{escape(finding.summary)} [dim]{source(audit, finding)}[/]"
    )
    for line in _cut(finding.arithmetic, full):
        console.print(f"    {escape(line)}")
    if finding.caveat:
        console.print(f"    [dim]but: {escape(finding.caveat)}[/]")


def _cut(lines: Sequence[str], full: bool) -> Sequence[str]:
    if full or len(lines) <= SHOWN_LINES + 1:
        return lines
    return [*lines[:SHOWN_LINES], f"... {len(lines) - SHOWN_LINES} more lines in the report (or --full)"]


def markdown(audit: Audit) -> str:
    """The whole audit as a Markdown page."""
    paper = audit.paper
    parts = [
        f"# Audit: {paper.key}",
        "",
        f"*{paper.title}*. {paper.citation}",
        "",
        f"**{headline(audit)}.** "
        + " ".join(f"*{name.capitalize()}*: {meaning}." for name, meaning in MEANINGS.items()),
    ]
    for number, finding in enumerate(audit.findings, 1):
        parts += _finding_markdown(audit, number, finding)
    parts += ["", "## What was tested", "", "| check | tested | findings |", "|---|---|---|"]
    parts += [f"| {name} | {tested} | {found} |" for name, tested, found in check_names(audit)]
    parts += [f"\nNot legible in our copy, so not tested: {title}." for title in audit.lost]
    parts += ["", "## Transcription", "", *(f"* {name}: {text}" for name, text in paper.reading.items())]
    return "\n".join(parts).rstrip() + "\n"


def _finding_markdown(audit: Audit, number: int, finding: Finding) -> list[str]:
    parts = ["", f"## {number}. {finding.severity.capitalize()}: {finding.where}", "", finding.summary, "", "```text"]
    parts += [*finding.arithmetic, "```", ""]
    parts += [f"* Tolerance: {finding.tolerance}."] if finding.tolerance else []
    parts += [f"* What could still explain it, or add to it: {finding.caveat}"] if finding.caveat else []
    return [*parts, f"* Source: `{source(audit, finding)}`."]
