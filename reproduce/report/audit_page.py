"""An audit as one HTML page.

In: one or more :class:`Audit`. Out: the page as a string.
"""

from collections.abc import Sequence
from html import escape

from medrepro.reproduce.checks.audit import Audit
from medrepro.reproduce.checks.findings import Finding
from medrepro.reproduce.report.audit import MEANINGS, check_names, headline, source
from medrepro.reproduce.report.plain_page import article, plain_page

SEVERITY_COLOURS = {"impossible": "vermilion", "inconsistent": "ochre", "unclear": "blue"}


def page(audits: Sequence[Audit], command: str) -> str:
    """All audits on one page, each with what was tested."""
    title = "Audit of the printed tables" + (f": {audits[0].paper.key}" if len(audits) == 1 else "")
    meanings = "".join(f"<li><b>{escape(name)}</b>: {escape(text)}</li>" for name, text in MEANINGS.items())
    body = f"<ul>{meanings}</ul>" + "".join(_section(audit) for audit in audits)
    return plain_page(title, body, f"Arithmetic on printed numbers only: no data, no training. {command}")


def _section(audit: Audit) -> str:
    paper = audit.paper
    findings = "".join(_finding(audit, finding) for finding in audit.findings) or "<p>No finding.</p>"
    rows = "".join(
        f'<tr><td>{escape(name)}</td><td class="n">{tested}</td><td class="n">{found}</td></tr>'
        for name, tested, found in check_names(audit)
    )
    lost = "".join(f'<p class="note">Not legible, nothing tested: {escape(title)}</p>' for title in audit.lost)
    return (
        f'<section id="{escape(paper.key)}"><h2>{escape(paper.key)}: {escape(headline(audit))}</h2>'
        f'<p class="note">{escape(paper.title)}. {escape(paper.citation)}</p>{findings}{lost}'
        '<details><summary>What was tested</summary><table><tr><th>check</th><th class="n">tested</th>'
        f'<th class="n">findings</th></tr>{rows}</table></details></section>'
    )


def _finding(audit: Audit, finding: Finding) -> str:
    lines = escape("\n".join(finding.arithmetic))
    caveat = f'<p class="note">But: {escape(finding.caveat)}</p>' if finding.caveat else ""
    tolerance = f"Tolerance: {escape(finding.tolerance)}. " if finding.tolerance else ""
    parts = f'<pre>{lines}</pre>{caveat}<p class="note">{tolerance}{escape(source(audit, finding))}</p>'
    heading = f"{finding.where}: {finding.summary}"
    return article(finding.severity, SEVERITY_COLOURS[finding.severity], heading, parts)
