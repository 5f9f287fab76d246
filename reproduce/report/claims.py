"""Verdicts as text: on the terminal, as Markdown and as HTML.

In: judged claims. Out: one line or block a claim, with the paper's effect, what its sample could have shown, ours.
Effects are in points: 0.01 of accuracy, AUC or any other rate.
"""

from collections.abc import Mapping, Sequence
from html import escape

from rich.console import Console
from rich.markup import escape as plain

from medrepro.reproduce.evaluation.judge import Effect, Judged, count_verdicts
from medrepro.reproduce.printed.claims import PaperClaims
from medrepro.reproduce.report.plain_page import article, plain_page

STYLES = {
    "supported": ("green", "green"),
    "not supported": ("red", "vermilion"),
    "inconclusive": ("yellow", "ochre"),
    "needs original data": ("cyan", "blue"),
    "cannot be (audit)": ("magenta", "purple"),
    "cannot be judged": ("dim", "muted"),
    "not run": ("dim", "muted"),
}
Ledger = Mapping[str, tuple[PaperClaims, Sequence[Judged]]]


def headline(judged: Sequence[Judged]) -> str:
    """``15 claims: 5 cannot be (audit), 10 not run``."""
    counts = ", ".join(f"{n} {name}" for name, n in count_verdicts(judged).items())
    return f"{len(judged)} claims: {counts}"


def printed_text(judged: Judged) -> str:
    """The paper's effect, and beside it the smallest that its sample could have shown."""
    parts = [f"paper {100 * judged.printed:+.2f}"] if judged.printed is not None else []
    for sample, smallest in judged.shown:
        note = f" ({sample.note})" if sample.note else ""
        parts.append(f"{sample.n} {sample.unit}{note} could show {100 * smallest:.1f}")
    return " · ".join(parts)


def effect_text(effect: Effect | None) -> str:
    """Our effect with its interval, corrected p, runs and data; empty without one."""
    if effect is None:
        return ""
    interval = effect.estimate.interval
    bounds = "" if interval.low is None or interval.high is None else _bounds(interval.low, interval.high)
    p = "" if effect.holm is None else f", p {effect.holm:.3f} (Holm)"
    stale = f", stale: {effect.stale}" if effect.stale else ""
    return (
        f"ours {100 * interval.value:+.2f}{bounds} over {effect.estimate.over}{p} on {effect.data} data "
        f"({effect.tier}){stale}"
    )


def _measured(one: Judged) -> list[str]:
    """Our effect where it decides, then the same comparison on other data."""
    return [text for effect in (one.effect, *one.others) if (text := effect_text(effect))]


def _bounds(low: float, high: float) -> str:
    return f" [{100 * low:+.2f}, {100 * high:+.2f}]"


def show(claims: PaperClaims, judged: Sequence[Judged], console: Console) -> None:
    """Print one paper's verdicts."""
    console.print(f"[bold]{plain(claims.paper.key)}[/] · {headline(judged)}; effects in points")
    for one in judged:
        style = STYLES[one.verdict][0]
        console.print(f"[{style}]{one.verdict:20}[/] {plain(one.claim.says)} [dim]({plain(one.claim.where)})[/]")
        for line in (printed_text(one), *_measured(one), one.why):
            if line:
                console.print(f"{'':20} [dim]{plain(line)}[/]")
    console.print()


def markdown(ledger: Ledger) -> str:
    """All papers as one Markdown page."""
    lines = ["# Claims", "", _RULE]
    for key, (claims, judged) in ledger.items():
        lines += ["", f"## {key}", "", f"*{claims.paper.title}*. {headline(judged)}.", ""]
        lines += [
            "| verdict | claim | where | paper, and what it could show | ours | why |",
            "|---|---|---|---|---|---|",
        ]
        lines += [f"| {' | '.join(map(_cell, _row(one)))} |" for one in judged]
    return "\n".join(lines) + "\n"


_RULE = (
    "Effects are in points (0.01 of a rate). What a sample could show: the smallest difference that a two-sided test "
    "at 5 % finds with a probability of 80 %, two models on the same cases correlating 0.5 (assumed). The rule, rows "
    "and the tolerances were written down in `reproduce/claims.yaml` before the runs; p values are Holm-corrected "
    "within a paper."
)


def _row(one: Judged) -> tuple[str, ...]:
    claim = one.claim
    said = f'{claim.says}: "{claim.quote}"'
    return one.verdict, said, claim.where, printed_text(one), "; ".join(_measured(one)), one.why


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def page(ledger: Ledger, command: str) -> str:
    """All papers as one HTML page."""
    body = f'<p class="note">{escape(_RULE.replace("`", ""))}</p>'
    for key, (claims, judged) in ledger.items():
        body += f'<section id="{key}"><h2>{escape(key)}: {escape(headline(judged))}</h2>'
        body += f'<p class="note">{escape(claims.paper.title)}</p>{"".join(map(_article, judged))}</section>'
    return plain_page("Claims", body, f"Rendered from claims.yaml, the audit and the result files. {command}")


def _article(one: Judged) -> str:
    claim = one.claim
    lines = (f"“{claim.quote}” ({claim.where})", printed_text(one), *_measured(one), one.why)
    parts = "".join(f'<p class="note">{escape(line)}</p>' for line in lines if line)
    return article(one.verdict, STYLES[one.verdict][1], claim.says, parts)
