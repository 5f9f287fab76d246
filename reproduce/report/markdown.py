"""Render tables for README and cards as Markdown, from results, never typed; a blank stays blank."""

from medrepro.reproduce.evaluation import text
from medrepro.reproduce.evaluation.ledger import ClaimView
from medrepro.reproduce.evaluation.table_view import TableView, ViewCell, ViewColumn, ViewRow

OTHER_DATA = {"all": " (other data)", "some": " (some other data)", "none": ""}


def markdown_table(view: TableView) -> str:
    """The table with title, data, notes and verdicts as Markdown, ending in a newline."""
    heads = ["", *(_escape(_heading(view, column)) for column in view.columns)]
    lines = [f"**{_escape(view.title_line)}**  ", f"{_escape(view.data_line)}", ""]
    lines.append(f"| {' | '.join(heads)} |")
    lines.append(f"|:--|{'--:|' * len(view.columns)}")
    for row in view.rows:
        cells = [_cell(cell, column) for cell, column in zip(row.cells, view.columns, strict=True)]
        lines.append(f"| {' | '.join([_label(view, row), *cells])} |")
    tail = [_escape(note) for note in view.notes] + [_claim(claim) for claim in view.claims]
    return "\n".join([*lines, *([""] if tail else []), *(f"- {line}" for line in tail)]) + "\n"


def _cell(cell: ViewCell, column: ViewColumn) -> str:
    return _escape(text.full(cell.estimate, column.column) or cell.text)


def _heading(view: TableView, column: ViewColumn) -> str:
    return column.label + (OTHER_DATA[view.other_data] if column.kind == "paper" else "")


def _label(view: TableView, row: ViewRow) -> str:
    label = _escape(" ".join(row.label.split()))
    marks = [f"stale: other {row.stale}"] if row.stale else []
    marks += [row.note] if row.note else []
    marks += ["other data"] if row.other_data and view.other_data == "some" else []
    label = f"*{label}*" if row.kind != "row" else label
    return f"{label} ({_escape('; '.join(marks))})" if marks else label


def _claim(claim: ClaimView) -> str:
    return f"{_escape(claim.claim.says)}: **{claim.verdict}**; {_escape(claim.detail)}"


def _escape(words: str) -> str:
    """Keep Markdown from reading table bars, emphasis or HTML into plain words."""
    for mark in ("\\", "|", "*", "_", "<", "`"):
        words = words.replace(mark, f"\\{mark}")
    return words
