"""Set our results beside the paper's numbers: a table as a pure function of result files.

A :class:`TableView` holds plain values and texts, which terminal, report and README render. Nothing here trains, and a
row without a result stays blank.
"""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from medrepro.datamodules.support.errors import InputError
from medrepro.reproduce.evaluation import text
from medrepro.reproduce.evaluation.bootstrap import RESAMPLES
from medrepro.reproduce.evaluation.estimates import Estimate, Evidence, quantity
from medrepro.reproduce.evaluation.ledger import ClaimView, claims_of
from medrepro.reproduce.evaluation.ranking import ranking_note
from medrepro.reproduce.evaluation.results import Current, Result
from medrepro.reproduce.plan.table import BaselineSpec, Column, RowSpec, TableSpec

ColumnKind = Literal["paper", "ours", "difference"]
RowKind = Literal["row", "below", "baseline"]
NOT_PRINTED = "-"
CHANGES = {"--epochs", "--folds", "--seeds", "--split", "--precision", "--accumulate", "--config"}
CHANGED = ("--module.", "--datamodule.")  # begin the options that change a preset's arguments


@dataclass(frozen=True)
class ViewColumn:
    """A column as it is shown."""

    kind: ColumnKind
    label: str
    column: Column


@dataclass(frozen=True)
class ViewCell:
    """A cell as it is shown: its text, and the estimate behind it if it is ours."""

    text: str
    estimate: Estimate | None = None
    sort: float | None = None


@dataclass(frozen=True)
class ViewRow:
    """A row as it is shown.

    Attributes:
        stale: what differs from the present code or data; empty if nothing.
        note: why it is blank, or how many stale results were left out.
        other_data: measured on other data than the paper's.
    """

    id: str
    label: str
    method: str
    kind: RowKind
    cells: tuple[ViewCell, ...]
    stale: str = ""
    note: str = ""
    other_data: bool = False


@dataclass(frozen=True)
class TableView:
    """A table ready to be rendered.

    Attributes:
        results: the results shown, stale ones only where a row has no other.
        evidence: computes further quantities from them (figures do).
    """

    spec: TableSpec
    columns: tuple[ViewColumn, ...]
    rows: tuple[ViewRow, ...]
    claims: tuple[ClaimView, ...]
    notes: tuple[str, ...]
    results: tuple[Result, ...]
    evidence: Evidence

    @property
    def preset(self) -> str:
        """``quick``, ``paper``, ...; empty without results."""
        return str(self.results[0].content["preset"]) if self.results else ""

    @property
    def data(self) -> Mapping[str, Any]:
        """The data block of the results; empty without results."""
        return self.results[0].data if self.results else {}

    @property
    def seeds(self) -> int:
        """How many seeds the fullest row has."""
        return max((len({seed for seed, _ in runs}) for runs in self.evidence.rows.values()), default=0)

    @property
    def folds(self) -> int:
        """How many folds the fullest row has."""
        return max((len({fold for _, fold in runs}) for runs in self.evidence.rows.values()), default=0)

    @property
    def other_data(self) -> Literal["all", "some", "none"]:
        """Whether ours were measured on other data than the paper's."""
        other = [_is_other(result) for result in self.results]
        return "none" if not any(other) else "all" if all(other) else "some"

    @property
    def marks(self) -> tuple[str, ...]:
        """Badges: preset, tier of the data, and what the results say of themselves (``leaky split``)."""
        if not self.results:
            return ("not run",)
        own = [mark for result in self.results for mark in result.content.get("marks") or ()]
        return (self.preset, str(self.data.get("tier", "stand-in")), *dict.fromkeys(own))

    @property
    def title_line(self) -> str:
        """``EGFR · Table 5 · quick (not the paper's protocol) · 3 seeds``."""
        protocol = _protocol(self.preset, str(self.results[0].content.get("command", "")) if self.results else "")
        runs = [text.plural(self.seeds, "seed")] + ([text.plural(self.folds, "fold")] if self.folds > 1 else [])
        tail = [protocol, *runs, *self.marks[2:]] if self.results else ["not run"]
        return " · ".join([self.spec.key.upper(), self.spec.name, *tail])

    @property
    def data_line(self) -> str:
        """What was measured on, and what it stands in for."""
        if not self.results:
            return "no results"
        return " | ".join(dict.fromkeys(_describe(result.data) for result in self.results))


def _protocol(preset: str, command: str) -> str:
    """Say which protocol a table was run by, and which of its settings the command changed."""
    words = shlex.split(command)
    changed = [word.lstrip("-") for word in words if word.partition("=")[0] in CHANGES or word.startswith(CHANGED)]
    if preset == "paper" and not changed:
        return "paper protocol"
    kept = f"{preset} preset, changed: {', '.join(dict.fromkeys(changed))}" if changed else preset
    return f"{kept} (not the paper's protocol)"


def _is_other(result: Result) -> bool:
    return result.data.get("tier") != "original"


def _describe(data: Mapping[str, Any]) -> str:
    line = f"{data['name']}: {data['kind']}; task {data['task']}"
    return f"{line}, standing in for {data['surrogate_for']}" if data.get("surrogate_for") else line


def build_table(
    spec: TableSpec, results: Iterable[Result], current: Current | None = None, resamples: int = RESAMPLES
) -> TableView:
    """Set our results beside the paper's numbers.

    Args:
        spec: what the table holds.
        results: the table's results, of one preset and one data set.
        current: hashes of the present code and data; results that differ are marked stale, and left out where the
            row has fresh ones.
        resamples: of the patient bootstrap.

    Raises:
        InputError: results of another table, of several presets or of several data sets.
    """
    given = tuple(results)
    _check_one_protocol(spec, given)
    chosen = [_choose(row.id, given, current or Current()) for row in spec.rows]
    shown = tuple(result for choice in chosen for result in choice.shown)
    evidence, columns = Evidence(spec, shown, resamples), _columns(spec)
    rows = [_row(row, columns, evidence, choice) for row, choice in zip(spec.rows, chosen, strict=True)]
    rows.sort(key=lambda row: row.kind == "below")
    rows += [_baseline(baseline, columns, evidence) for baseline in spec.baselines]
    claims = claims_of(spec, evidence)
    notes = _notes(spec, given, evidence, [row.id for row in rows if row.kind == "row" and not row.stale])
    return TableView(spec, columns, tuple(rows), claims, notes, shown, evidence)


@dataclass(frozen=True)
class _Choice:
    """A row's results that are shown, why they are stale if so, and how many stale ones are left out."""

    shown: tuple[Result, ...]
    stale: str
    left_out: int


def _choose(row: str, results: Sequence[Result], current: Current) -> _Choice:
    """Fresh results if the row has any, else the stale ones, marked."""
    own = [result for result in results if result.row == row]
    fresh = tuple(result for result in own if not current.stale_reason(result))
    if fresh or not own:
        return _Choice(fresh, "", len(own) - len(fresh))
    return _Choice(tuple(own), current.stale_reason(own[0]), 0)


def _check_one_protocol(spec: TableSpec, results: Sequence[Result]) -> None:
    own = f"{spec.key} {spec.source or spec.number}"
    tables = {f"{r.content['key']} {r.content['table']}" for r in results} | {own}
    presets = {str(r.content["preset"]) for r in results}
    data = set() if spec.mixed_data else {str(r.data["name"]) for r in results}
    for name, values in (("tables", tables), ("presets", presets), ("data sets", data)):
        if len(values) > 1:
            raise InputError(f"{spec.key} {spec.name}: results of several {name}: {sorted(values)}; show one at a time")


def _columns(spec: TableSpec) -> tuple[ViewColumn, ...]:
    """Ours, with the paper's column before it where there is one."""
    labels = {row.id: row.label for row in spec.rows} | {line.id: line.label for line in spec.baselines}
    columns = []
    for column in spec.columns:
        if column.paper is not None:
            columns.append(ViewColumn("paper", f"paper {column.label.partition(',')[0]}", column))
        if column.minus is None:
            columns.append(ViewColumn("ours", f"ours {column.label}", column))
        else:
            label = column.label or f"- {labels.get(column.minus, column.minus).removesuffix(' alone')}"
            columns.append(ViewColumn("difference", label, column))
    return tuple(columns)


def _row(row: RowSpec, columns: Sequence[ViewColumn], evidence: Evidence, choice: _Choice) -> ViewRow:
    cells = tuple(_cell(row.id, row.paper, column, evidence) for column in columns)
    note = f"{text.plural(choice.left_out, 'stale result')} left out" if choice.left_out else ""
    if not choice.shown:
        note = row.reason or note or "not run"
    kind: RowKind = "below" if row.below else "row"
    other = any(_is_other(result) for result in choice.shown)
    return ViewRow(row.id, row.label, row.method or row.id, kind, cells, choice.stale, note, other)


def _baseline(baseline: BaselineSpec, columns: Sequence[ViewColumn], evidence: Evidence) -> ViewRow:
    cells = tuple(_cell(baseline.id, baseline.paper, column, evidence) for column in columns)
    return ViewRow(baseline.id, baseline.label, baseline.id, "baseline", cells)


def _cell(name: str, paper: Mapping[str, float | str], shown: ViewColumn, evidence: Evidence) -> ViewCell:
    column, what = shown.column, quantity(shown.column)
    if shown.kind == "paper":
        printed = paper.get(column.paper or "")
        return ViewCell(NOT_PRINTED if printed is None else f"{printed}", sort=_as_number(printed))
    if column.minus is None:
        estimate = evidence.estimate(name, what)
    elif name == column.minus:
        return ViewCell(NOT_PRINTED)
    else:
        estimate = evidence.difference([name], [column.minus], what)
    sort = None if estimate is None or estimate.text else estimate.value
    return ViewCell(text.compact(estimate, column), estimate, sort)


def _as_number(printed: float | str | None) -> float | None:
    try:
        return None if printed is None else float(str(printed).replace(",", ""))
    except ValueError:
        return None


def _notes(spec: TableSpec, given: Sequence[Result], evidence: Evidence, usable: Sequence[str]) -> tuple[str, ...]:
    """The table's own notes, whether rows are ranked, and results that have no row."""
    strangers = sorted({result.row for result in given} - {row.id for row in spec.rows} - set(spec.members))
    found = [*spec.notes, ranking_note(spec, evidence, usable)]
    if strangers:
        found.append(f"results of rows that this table does not have were left out: {', '.join(strangers)}")
    return tuple(note for note in found if note)
