"""The papers' numbers beside ours, over any set of result files: one line a row and quantity.

In: folders with result files, of one run or of many, or the committed ones. Out: :class:`Line`, plain values and
texts, for the dashboard and the W&B workspace. A folder's unreadable files are named, the others are shown.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from markupsafe import Markup

from medrepro.datamodules.support.errors import InputError
from medrepro.reproduce.evaluation import text
from medrepro.reproduce.evaluation.bootstrap import RESAMPLES
from medrepro.reproduce.evaluation.estimates import Estimate
from medrepro.reproduce.evaluation.results import Current, Result, read_result
from medrepro.reproduce.evaluation.table_view import TableView, ViewRow, build_table
from medrepro.reproduce.plan.cell import leading_number
from medrepro.reproduce.plan.identity import code_sha256
from medrepro.reproduce.plan.options import Options, slug
from medrepro.reproduce.plan.paper import Job, load
from medrepro.reproduce.plan.table import Column, RowSpec, TableSpec
from medrepro.reproduce.printed.load import KEYS
from medrepro.reproduce.report.figures.curves import row_slots
from medrepro.reproduce.report.html import plotted

SKIPPED = ("cells", "wandb", "figures")  # folders of a run that hold no results


@dataclass(frozen=True)
class Line:
    """One quantity of one row, as it is shown.

    Attributes:
        paper: as the paper prints it; empty if it does not.
        other_data: the paper measured on other data, so its number stands there for orientation.
        low: lower end of the 95 % interval, in the unit shown; None without an interval.
        status: ``measured``, ``stale`` or ``not run``.
        report: the run's report, if there is one.
    """

    key: str
    table: str
    row: str
    kind: str
    colour: str
    quantity: str
    paper: str
    paper_value: float | None
    other_data: bool
    ours: str
    value: float | None
    spread: str
    low: float | None
    high: float | None
    digits: int
    plot: Markup | None
    over: str
    preset: str
    data: str
    status: str
    note: str
    run: str
    report: Path | None = None


@dataclass(frozen=True)
class Comparison:
    """What was found: lines in the order of papers and tables, the number of result files, what could not be read."""

    lines: tuple[Line, ...]
    results: int
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Group:
    """The results of one table in one folder: one preset, one data set unless the table mixes them."""

    folder: Path
    key: str
    table: str
    results: tuple[Result, ...]


def compare(folders: Sequence[Path], resamples: int = RESAMPLES) -> Comparison:
    """Read every result below ``folders`` and set it beside the paper's numbers.

    Args:
        folders: runs, folders of runs, or folders of committed results.
        resamples: of the patient bootstrap.

    Raises:
        InputError: a folder does not exist, or none holds a result.
    """
    for folder in folders:
        if not folder.is_dir():
            raise InputError(f"{folder}: no such folder; give a run, such as runs/egfr-table5-quick, or several")
    problems: list[str] = []
    groups = list(_groups(_readable(folders, problems)))
    if not groups:
        found = f"; {problems[0]}" if problems else ""
        where = ", ".join(map(str, folders))
        raise InputError(f"no results below {where}; run a paper first: python reproduce/egfr.py{found}")
    lines: list[Line] = []
    for group in groups:
        try:
            lines += _lines(group, resamples)
        except InputError as error:
            problems.append(str(error))
    return Comparison(tuple(lines), sum(len(group.results) for group in groups), tuple(problems))


def _readable(folders: Iterable[Path], problems: list[str]) -> Iterator[Result]:
    files = {path.resolve(): path for folder in folders for path in sorted(folder.rglob("*.json")) if _may_be(path)}
    for path in files.values():
        try:
            yield read_result(path)
        except InputError as error:
            problems.append(str(error))


def _may_be(path: Path) -> bool:
    """Whether a file lies where results do: ``results/<key>/<table>/`` or ``<key>/<table>/``."""
    return path.parent.parent.name in KEYS and not any(part in SKIPPED for part in path.parts)


def _groups(results: Iterable[Result]) -> Iterator[Group]:
    found: dict[tuple[int, str, str, str, str], list[Result]] = {}
    for result in results:
        content = result.content
        place, key, table = str(result.path.parent), str(content["key"]), str(content["table"])
        if key in KEYS:
            data = "" if _mixes_data(key, table) else str(result.data.get("name"))
            found.setdefault((KEYS.index(key), table, place, str(content["preset"]), data), []).append(result)
    for (number, table, place, _, _), members in sorted(found.items(), key=lambda item: item[0]):
        yield Group(Path(place), KEYS[number], table, tuple(members))


def _mixes_data(key: str, table: str) -> bool:
    job = planned(key, table)
    return job is not None and job.spec.mixed_data


@cache
def planned(key: str, table: str, data: str = "", preset: str = "quick") -> Job | None:
    """Return the job whose cells lie in ``table``'s folder; None if the command has none or cannot plan it here."""
    paper = load(key)
    name = data if data in paper.data else next(iter(paper.data))
    for target in paper.offered:
        if table not in (slug(target), target.partition(" ")[2]):
            continue
        try:
            job = paper.plan(Options(command="", target=target, data=name, preset=preset, out="runs/dashboard"))
        except (InputError, FileNotFoundError):
            continue
        if any(cell.table == table for cell in job.cells):
            return job
    return None


def _lines(group: Group, resamples: int) -> Iterator[Line]:
    first = group.results[0].content
    data = str(first.get("config", {}).get("data", {}).get("data", ""))
    job = planned(group.key, group.table, data, str(first["preset"]))
    known = {row.id for row in job.spec.rows} if job is not None else set()
    spec = job.spec if job is not None and any(r.row in known for r in group.results) else _bare_spec(group)
    view = build_table(spec, group.results, Current(code_sha256(group.key), frozenset()), resamples)
    shown = plotted(view)
    for number, row in enumerate(view.rows):
        paper = ""
        for index, column in enumerate(view.columns):
            if column.kind == "paper":
                paper = row.cells[index].text
                continue
            line = _line(group, view, row, index, "" if paper == "-" else paper, shown[index].plots[number])
            paper = ""
            if line.paper or line.ours:
                yield line


def _bare_spec(group: Group) -> TableSpec:
    """Return a table of what the results say of themselves, where no command knows them."""
    labels = {result.row: str(result.content.get("row_label", result.row)) for result in group.results}
    metrics = dict.fromkeys(name for result in group.results for name in result.content["metrics"])
    with_interval = dict.fromkeys(name for result in group.results for name in result.content.get("ci") or {})
    columns = tuple(Column(name, name, ci=name in with_interval) for name in with_interval or metrics)
    rows = tuple(RowSpec(row, label) for row, label in labels.items())
    return TableSpec(group.key, group.table, group.table, columns, rows)


def _line(group: Group, view: TableView, row: ViewRow, index: int, paper: str, plot: Markup | None) -> Line:
    shown, cell, stale = view.columns[index], row.cells[index], _stale(view, row)
    column, estimate = shown.column, cell.estimate
    low, high = _ends(estimate, column)
    return Line(
        key=group.key,
        table=view.spec.name,
        row=row.label,
        kind=row.kind,
        colour=row_slots(view)[row.id].name,
        quantity=shown.label.removeprefix("ours "),
        paper=paper,
        paper_value=leading_number(paper),
        other_data=bool(paper) and view.other_data != "none",
        ours="" if estimate is None else text.mean(estimate, column),
        value=None if cell.sort is None else cell.sort * column.scale,
        spread="" if estimate is None else text.deviation(estimate, column),
        low=low,
        high=high,
        digits=text.digits_of(column),
        plot=plot,
        over="" if estimate is None else estimate.over,
        preset=view.preset,
        data=" / ".join(dict.fromkeys(str(result.data.get("name")) for result in view.results)),
        status="stale" if stale else "not run" if row.note and estimate is None else "measured",
        note=f"other {stale}" if stale else row.note,
        run=_run_folder(group).name,
        report=next((file for file in [_run_folder(group) / "report.html"] if file.is_file()), None),
    )


def _stale(view: TableView, row: ViewRow) -> str:
    """What a row's results differ in; a baseline stands in the results of the rows."""
    if row.kind != "baseline":
        return row.stale
    reasons = [other.stale for other in view.rows if other.id in view.evidence.rows]
    return reasons[0] if reasons and all(reasons) else ""


def _ends(estimate: Estimate | None, column: Column) -> tuple[float | None, float | None]:
    if estimate is None or estimate.interval.low is None or estimate.interval.high is None:
        return None, None
    return estimate.interval.low * column.scale, estimate.interval.high * column.scale


def _run_folder(group: Group) -> Path:
    """Return the run: the folder above ``results``, or, of committed results, their table's folder."""
    above = group.folder.parent.parent
    return above.parent if above.name == "results" and above.parent.name != "reproduce" else group.folder
