"""Print verdicts on the terminal, as Markdown and as HTML: the paper's effect, what its sample could show, and ours.

Effects carry their metric and are shares of 1: 0.01 of accuracy is one point.
"""

from collections.abc import Sequence
from html import escape

from rich.console import Console
from rich.markup import escape as plain

from medrepro.reproduce.evaluation import text
from medrepro.reproduce.evaluation.effects import Effect
from medrepro.reproduce.evaluation.judge import Checked, Judged, Ledger, count_verdicts
from medrepro.reproduce.printed.claim import Comparison, PaperClaims
from medrepro.reproduce.report.plain_page import article, plain_page
from medrepro.reproduce.report.terminal import VERDICT_STYLES

COLOURS = {
    "supported": "green",
    "smaller than claimed": "ochre",
    "no gain": "vermilion",
    "contradicted": "vermilion",
    "inconclusive": "ochre",
    "needs original data": "blue",
    "cannot be (audit)": "purple",
}


def headline(judged: Sequence[Judged]) -> str:
    """``15 claims: 5 cannot be (audit), 10 not run``."""
    counts = ", ".join(f"{n} {name}" for name, n in count_verdicts(judged).items())
    return f"{len(judged)} claims: {counts}"


def printed_text(judged: Judged) -> str:
    """Return the paper's effect in the metric of the test, and the smallest that its sample could have shown."""
    parts = [printed_effect(judged)] if judged.claimed is not None else []
    for sample, smallest in judged.shown:
        note = f" ({sample.note})" if sample.note else ""
        parts.append(f"{sample.n} {sample.unit}{note} could show {smallest:.2g}")
    return " · ".join(parts)


def effect_text(test: Comparison, effect: Effect) -> str:
    """Return our effect: metric, interval, P(A > B), corrected p, repeats, budget and data."""
    parts = [f"ours {text.effect(effect.estimate)} {test.metric}"]
    if len(effect.pairs) > 1:
        parts.append(f"weakest of {len(effect.pairs)} pairs ({effect.names[effect.weakest]})")
    parts += [f"P(A > B) {effect.above:.2f}"] if effect.above is not None else []
    parts += [f"p {effect.holm:.3f} (Holm)"] if effect.holm is not None else []
    data = f"{effect.data} data" if effect.data == effect.tier else f"{effect.data} data ({effect.tier})"
    return f"{', '.join(parts)} over {effect.estimate.over} at {effect.preset} on {data}"


def pairs_text(effect: Effect) -> str:
    """Return every pair of a conjunction with its interval; empty for a single one."""
    if len(effect.pairs) < 2:
        return ""
    return "pairs " + "; ".join(
        f"{name} {text.effect(one)}" for name, one in zip(effect.names, effect.pairs, strict=True)
    )


def control_text(checked: Checked) -> str:
    """Return what a control was built to show, and whether it did."""
    test, effect = checked.control.comparison, checked.effect
    if effect is None:
        return f"control not run: {checked.control.says}"
    outcome = "passed" if checked.passed else "failed"
    return f"control {outcome}: {checked.control.says}: {text.effect(effect.estimate)} {test.metric}"


def _measured(one: Judged) -> list[str]:
    """Return our effect where it decides with its pairs, then the same comparison elsewhere, then the controls."""
    test = one.claim.comparison
    found = [] if one.effect is None or test is None else [effect_text(test, one.effect), pairs_text(one.effect)]
    found += [effect_text(test, other) for other in one.others] if test is not None else []
    return [line for line in (*found, *map(control_text, one.controls)) if line]


def show(claims: PaperClaims, judged: Sequence[Judged], console: Console) -> None:
    """Print one paper's verdicts."""
    console.print(f"[bold]{plain(claims.paper.key)}[/] · {headline(judged)}")
    for one in judged:
        style = VERDICT_STYLES.get(one.verdict, "dim")
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


def summary(judged: Sequence[Judged]) -> str:
    """Return one Markdown line per claim (verdict, our effect, the paper's, why), then each control once."""
    controls = list(dict.fromkeys(control_text(one) for each in judged for one in each.controls))
    lines = [f"- **{one.verdict}**: {_cell(_sentence(one, controls))}\n" for one in judged]
    notes = [f"- ({number}) {_cell(control)}\n" for number, control in enumerate(controls, 1)]
    return "".join([*lines, "\n", *notes]) if notes else "".join(lines)


def _sentence(one: Judged, controls: Sequence[str]) -> str:
    ours = _measured(one)[:1] if one.effect is not None else []
    parts = [f"{one.claim.says} ({one.claim.where})", *ours, printed_effect(one), one.why]
    marks = "".join(f" ({controls.index(control_text(control)) + 1})" for control in one.controls)
    return "; ".join(part for part in parts if part) + marks


def printed_effect(one: Judged) -> str:
    """Return the paper's own effect in the metric of the test; empty where it prints none."""
    test = one.claim.comparison
    return f"paper {one.claimed:+.4g} {test.statistic}" if one.claimed is not None and test else ""


def changes(judged: Sequence[Judged]) -> str:
    """Return the verdicts that a change of the rule changed, as a Markdown table: before, after, why."""
    lines = [
        f"| {_cell(one.claim.says)} | {one.claim.was} | {one.verdict} | {_cell(one.why)} |"
        for one in judged
        if one.claim.was not in ("", one.verdict)
    ]
    return "\n".join(["| claim | before | after | why |", "|:--|:--|:--|:--|", *lines]) + "\n"


_RULE = (
    "Intervals count both sources of luck, patients and trainings; of a claim on each of several pairs the weakest "
    "decides. What a sample could show: the smallest difference that a two-sided test at 5 % finds with a probability "
    "of 80 %, two models on the same cases correlating 0.5 (assumed). Rows, metrics and the smallest gains that count "
    "stand in `claims.yaml` of each paper, with the date of each change; p values are Holm-corrected within a paper."
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
    return article(one.verdict, COLOURS.get(one.verdict, "muted"), claim.says, parts)
