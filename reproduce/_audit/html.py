"""An audit as one HTML file: no network, no scripts, light and dark, readable on a phone, printable.

In: one or more :class:`Audit`. Out: the page as a string.
"""

from collections.abc import Sequence
from html import escape

from reproduce._audit.findings import Finding
from reproduce._audit.render import MEANINGS, check_names, headline, source
from reproduce._audit.run import Audit
from reproduce._style import css_variables

SEVERITY_COLOURS = {"impossible": "vermilion", "inconsistent": "ochre", "unclear": "blue"}
_CSS = """
body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:60rem;
  margin:auto;padding:1rem}
h1{font-size:1.5rem}h2{font-size:1.2rem;margin-top:2.5rem}h3{font-size:1rem;margin:0 0 .4rem}
article{border-left:.3rem solid var(--severity);padding:.1rem 0 .1rem 1rem;margin:1.4rem 0;break-inside:avoid}
.badge{color:var(--severity);text-transform:uppercase;font-size:.8rem;font-weight:700;letter-spacing:.04em}
pre{white-space:pre-wrap;overflow-wrap:anywhere;font-size:.85rem;margin:.5rem 0}
.note,footer{color:var(--muted);font-size:.9rem}
table{border-collapse:collapse}td,th{border-bottom:1px solid var(--faint);padding:.2rem .8rem .2rem 0;text-align:left}
td+td,th+th{text-align:right}
"""


def page(audits: Sequence[Audit], command: str) -> str:
    """All audits on one page, each with what was tested."""
    title = "Audit of the printed tables" + (f": {audits[0].paper.key}" if len(audits) == 1 else "")
    body = "".join(_section(audit) for audit in audits)
    meanings = "".join(f"<li><b>{escape(name)}</b>: {escape(text)}</li>" for name, text in MEANINGS.items())
    dark = f"@media(prefers-color-scheme:dark){{:root{{{css_variables(dark=True)}}}}}"
    return (
        "<!doctype html><html lang=en><meta charset=utf-8>"
        '<meta name=viewport content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>:root{{{css_variables(dark=False)}}}{dark}{_CSS}</style>"
        f"<h1>{escape(title)}</h1><ul>{meanings}</ul>{body}"
        f"<footer>Arithmetic on printed numbers only; no data, no training. {escape(command)}</footer></html>\n"
    )


def _section(audit: Audit) -> str:
    paper = audit.paper
    findings = "".join(_article(audit, finding) for finding in audit.findings) or "<p>No finding.</p>"
    rows = "".join(f"<tr><td>{escape(n)}<td>{tested}<td>{found}" for n, tested, found in check_names(audit))
    lost = "".join(f"<p class=note>Not legible, nothing tested: {escape(title)}</p>" for title in audit.lost)
    return (
        f"<section id={escape(paper.key)}><h2>{escape(paper.key)}: {escape(headline(audit))}</h2>"
        f"<p class=note>{escape(paper.title)}. {escape(paper.citation)}</p>{findings}{lost}"
        f"<details><summary>What was tested</summary><table><tr><th>check<th>tested<th>findings{rows}</table>"
        "</details></section>"
    )


def _article(audit: Audit, finding: Finding) -> str:
    colour = SEVERITY_COLOURS[finding.severity]
    lines = escape("\n".join(finding.arithmetic))
    caveat = f"<p class=note>But: {escape(finding.caveat)}</p>" if finding.caveat else ""
    tolerance = f"Tolerance: {escape(finding.tolerance)}. " if finding.tolerance else ""
    return (
        f'<article style="--severity:var(--{colour})"><span class=badge>{finding.severity}</span>'
        f"<h3>{escape(finding.where)}: {escape(finding.summary)}</h3><pre>{lines}</pre>{caveat}"
        f"<p class=note>{tolerance}{escape(source(audit, finding))}</p></article>"
    )
