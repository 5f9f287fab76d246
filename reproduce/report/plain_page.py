"""Plain HTML pages around text, for the audit and the claims."""

from html import escape

from medrepro.reproduce.report.figures.style import css_variables

_CSS = """
body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:60rem;
  margin:auto;padding:1rem}
h1{font-size:1.5rem}h2{font-size:1.2rem;margin-top:2.5rem}h3{font-size:1rem;margin:0 0 .4rem}
article{border-left:.3rem solid var(--mark);padding:.1rem 0 .1rem 1rem;margin:1.4rem 0;break-inside:avoid}
.badge{color:var(--mark);text-transform:uppercase;font-size:.8rem;font-weight:700;letter-spacing:.04em}
pre{white-space:pre-wrap;overflow-wrap:anywhere;font-size:.85rem;margin:.5rem 0}
.note,footer{color:var(--muted);font-size:.9rem}a{color:inherit}
.scroll{overflow-x:auto}table{border-collapse:collapse}
td,th{border-bottom:1px solid var(--faint);padding:.2rem .8rem .2rem 0;text-align:left;vertical-align:top}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
"""


def plain_page(title: str, body: str, footer: str) -> str:
    """A whole page; ``body`` is HTML, ``title`` and ``footer`` are text."""
    light, dark = css_variables(dark=False), css_variables(dark=True)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{escape(title)}</title><style>:root{{{light}}}"
        f"@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}{_CSS}</style></head>"
        f"<body><h1>{escape(title)}</h1>{body}<footer><p>{escape(footer)}</p></footer></body></html>\n"
    )


def article(badge: str, colour: str, heading: str, parts: str) -> str:
    """One marked item: a badge in one of the palette's colours, a heading, and HTML below."""
    return (
        f'<article style="--mark:var(--{colour})"><span class="badge">{escape(badge)}</span>'
        f"<h3>{escape(heading)}</h3>{parts}</article>"
    )
