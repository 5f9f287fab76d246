"""The paper's sentences against its numbers: one function a kind of statement.

In: a :class:`Statement` with resolved operands. Out: a finding when the sentence does not hold.
Numbers with decimals may be off by their rounding; whole numbers are exact.
"""

from collections.abc import Callable

from medrepro.reproduce.checks.counts import is_mean_of_folds
from medrepro.reproduce.checks.findings import Finding, Result
from medrepro.reproduce.checks.intervals import CUTTING, ROUNDING, Interval, half_width
from medrepro.reproduce.printed.model import Cell, Operand, Paper, Row, Statement, Table

Outcome = tuple[bool, tuple[str, ...]]


def statement_holds(paper: Paper, statement: Statement) -> Result:
    """Whether what the paper says follows from what it prints."""
    holds, arithmetic = _KINDS[statement.kind](paper, statement)
    name = f"statement_{statement.kind}"
    if holds:
        return Result(name, 1)
    finding = Finding(
        check=name,
        severity=statement.severity,
        where=statement.where,
        summary=_summary(statement),
        arithmetic=arithmetic,
        tolerance="" if statement.kind == "conflict" else "rounding of the printed digits",
        caveat=statement.note,
        rows=statement.rows,
        line=statement.line,
        statement=statement.id,
    )
    return Result(name, 1, (finding,))


def _summary(statement: Statement) -> str:
    quoted = f'"{statement.quote}" ' if statement.quote else ""
    return f"{quoted}{_SAYS[statement.kind]}"


_SAYS = {
    "sum": "The total is not the sum of its parts.",
    "mean": "The average is not the mean of its parts.",
    "difference": "The difference is not the one of the numbers printed.",
    "share": "The share is not the one of the numbers printed.",
    "share-of-mean": "The share is not the one of the numbers printed.",
    "same": "One number is printed with different values.",
    "best": "The table has a better one.",
    "higher": "The table says otherwise.",
    "increases": "The table says otherwise.",
    "granular": "No whole number of right answers gives this percentage.",
    "conflict": "Two passages contradict each other.",
}


def _value(cell: Cell) -> float:
    return cell.value if cell.value is not None else 0.0


def _rounding(cell: Cell, units: float = ROUNDING) -> float:
    """Allowance of one printed number; whole numbers are counts and exact."""
    return half_width(cell.decimals, 1.0, units) if cell.decimals else 1e-9


def _result(statement: Statement) -> Cell:
    if statement.result is None:
        raise ValueError(f"statement {statement.id} has no result")
    return statement.result.cell


def _close(statement: Statement, expected: float, slack: float) -> bool:
    result = _result(statement)
    return abs(expected - _value(result)) <= slack + _rounding(result)


def _list(operands: tuple[Operand, ...], joint: str) -> str:
    return joint.join(operand.cell.printed for operand in operands)


def _sum(_: Paper, statement: Statement) -> Outcome:
    expected = sum(_value(o.cell) for o in statement.operands)
    slack = sum(_rounding(o.cell) for o in statement.operands)
    line = f"{_list(statement.operands, ' + ')} = {expected:g}, printed {_result(statement).printed}"
    return _close(statement, expected, slack), (line,)


def _mean(_: Paper, statement: Statement) -> Outcome:
    n = len(statement.operands)
    expected = sum(_value(o.cell) for o in statement.operands) / n
    slack = sum(_rounding(o.cell) for o in statement.operands) / n
    line = f"({_list(statement.operands, ' + ')}) / {n} = {expected:.4f}, printed {_result(statement).printed}"
    return _close(statement, expected, slack), (line,)


def _difference(_: Paper, statement: Statement) -> Outcome:
    first, second = statement.operands[0].cell, statement.operands[1].cell
    expected = _value(first) - _value(second)
    line = f"{first.printed} - {second.printed} = {expected:.4g}, printed {_result(statement).printed}"
    return _close(statement, expected, _rounding(first) + _rounding(second)), (line,)


def _share(_: Paper, statement: Statement) -> Outcome:
    first, second = statement.operands[0].cell, statement.operands[1].cell
    return _compare_share(statement, _value(first), _value(second), f"{first.printed} / {second.printed}")


def _share_of_mean(_: Paper, statement: Statement) -> Outcome:
    first, rest = statement.operands[0], statement.operands[1:]
    mean = sum(_value(o.cell) for o in rest) / len(rest)
    return _compare_share(statement, _value(first.cell), mean, f"{first.cell.printed} / mean {mean:.6g}")


def _compare_share(statement: Statement, part: float, whole: float, formula: str) -> Outcome:
    result = _result(statement)
    expected = 100 * part / whole
    allowed = half_width(result.decimals, 1.0, CUTTING)
    line = f"{formula} = {expected:.2f} %, printed {result.printed} %"
    return abs(expected - _value(result)) <= allowed, (line,)


def _same(_: Paper, statement: Statement) -> Outcome:
    first, *rest = statement.operands
    lines = tuple(f"{o.source}: {o.cell.printed}" for o in statement.operands)
    agree = all(abs(_value(o.cell) - _value(first.cell)) <= max(_rounding(o.cell), _rounding(first.cell)) for o in rest)
    exact = all(o.cell.decimals == first.cell.decimals for o in rest)
    return (all(_value(o.cell) == _value(first.cell) for o in rest) if exact else agree), lines


def _higher(_: Paper, statement: Statement) -> Outcome:
    pairs = list(zip(statement.operands, statement.operands[1:], strict=False))
    failing = [(a, b) for a, b in pairs if not _value(a.cell) > _value(b.cell)]
    lines = tuple(f"{a.source} {a.cell.printed} is not above {b.source} {b.cell.printed}" for a, b in failing)
    return not failing, lines


def _table(paper: Paper, statement: Statement) -> Table:
    return paper.table(str(statement.table))


def _increases(paper: Paper, statement: Statement) -> Outcome:
    table = _table(paper, statement)
    failing = []
    for column in statement.columns:
        cells = [table.cell(row, column) for row in statement.rows]
        values = [_value(cell) for cell in cells]
        if values != sorted(values):
            failing.append(f"{table.columns[column].label}: " + ", ".join(cell.printed for cell in cells))
    return not failing, tuple(failing)


def _best(paper: Paper, statement: Statement) -> Outcome:
    """Each row is best (ties allowed) in each column among all rows, its group, or rows not cited."""
    table = _table(paper, statement)
    failing = [
        line
        for row in statement.rows
        for column in statement.columns
        for line in _better_rows(table, table.rows[row], column, statement.options.get("among", "all"))
    ]
    return not failing, tuple(failing)


def _better_rows(table: Table, row: Row, column_id: str, among: str) -> list[str]:
    column, own = table.columns[column_id], table.cell(row.id, column_id)
    sign = -1.0 if column.best == "min" else 1.0
    rivals = [other for other in table.rows.values() if among == "all" or other.group == row.group]
    better = [
        f"{other.label} {cell.printed}"
        for other in rivals
        if (cell := table.cell(other.id, column_id)).value is not None and sign * _value(cell) > sign * _value(own)
    ]
    return [f"{column.label}: {row.label} {own.printed}; better: {', '.join(better)}"] if better else []


def _granular(_: Paper, statement: Statement) -> Outcome:
    result = _result(statement)
    scale = 1.0 if statement.options.get("unit") == "fraction" else 100.0
    width = half_width(result.decimals, scale, ROUNDING)
    rate = Interval(_value(result) / scale - width, _value(result) / scale + width)
    n, folds = int(statement.options["n"]), int(statement.options.get("folds", "1"))
    k = int(_value(result) / scale * n)
    lines = [f"{i}/{n} = {scale * i / n:.{result.decimals + 1}f}" for i in (k, k + 1)]
    lines.append(f"printed {result.printed}" + (f"; {folds} folds" if folds > 1 else ""))
    return is_mean_of_folds(rate, n, folds), tuple(lines)


def _conflict(_: Paper, statement: Statement) -> Outcome:
    return False, tuple(f"{where}: {says}" for where, says in statement.readings)


_KINDS: dict[str, Callable[[Paper, Statement], Outcome]] = {
    "sum": _sum,
    "mean": _mean,
    "difference": _difference,
    "share": _share,
    "share-of-mean": _share_of_mean,
    "same": _same,
    "best": _best,
    "higher": _higher,
    "increases": _increases,
    "granular": _granular,
    "conflict": _conflict,
}
