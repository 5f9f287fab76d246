"""The paper's sentences about numbers, read from a table file.

In: one item of the file's ``statements`` list. Out: a :class:`Statement` whose operands are
resolved to printed numbers or to cells of the tables.
"""

import re
from collections.abc import Mapping

from medrepro.reproduce.printed import vocabulary
from medrepro.reproduce.printed.cells import parse_cell
from medrepro.reproduce.printed.model import Cell, Operand, Statement, Table
from medrepro.reproduce.printed.yaml_fields import Field

_REFERENCE = re.compile(r"(?P<table>[^:\s]+):(?P<row>[a-z0-9_-]+)\.(?P<column>[a-z0-9_-]+)")
_OPTIONS = ("among", "n", "folds", "unit")
_NEEDS: dict[str, tuple[str, ...]] = {
    "sum": ("of", "is"),
    "mean": ("of", "is"),
    "difference": ("of", "is"),
    "share": ("of", "is"),
    "share-of-mean": ("of", "is"),
    "same": ("of",),
    "best": ("table", "rows", "columns"),
    "higher": ("of",),
    "increases": ("table", "rows", "columns"),
    "granular": ("is", "n"),
    "conflict": ("readings",),
}


def read_statement(field: Field, tables: Mapping[str, Table]) -> Statement:
    """One statement.

    Raises:
        InputError: unknown kind, a missing part, or a reference to a cell that does not exist.
    """
    optional = ("quote", "of", "is", "table", "rows", "columns", "readings", "note", "severity", *_OPTIONS)
    record = field.record(("id", "kind", "where"), optional)
    kind = record["kind"].choice(vocabulary.STATEMENTS)
    for missing in (name for name in _NEEDS[kind] if name not in record):
        raise field.error(f"a {kind!r} statement needs {', '.join(_NEEDS[kind])}; {missing!r} is missing")
    table = _table_id(record, tables)
    return Statement(
        id=record["id"].text(),
        kind=kind,
        quote=_quote(record),
        where=record["where"].text(),
        operands=tuple(read_operand(item, tables) for item in _items(record, "of")),
        result=read_operand(record["is"], tables) if "is" in record else None,
        table=table,
        rows=_names(record, "rows", tables[table].rows if table else {}),
        columns=_names(record, "columns", tables[table].columns if table else {}),
        readings=tuple(_reading(item) for item in _items(record, "readings")),
        options={name: record[name].text() for name in _OPTIONS if name in record},
        note=record["note"].text() if "note" in record else "",
        severity=record["severity"].choice(vocabulary.SEVERITIES) if "severity" in record else "inconsistent",
        line=field.line,
    )


def _items(record: Mapping[str, Field], name: str) -> list[Field]:
    return record[name].sequence() if name in record else []


def _quote(record: Mapping[str, Field]) -> str:
    quote = record["quote"].text() if "quote" in record else ""
    if "\n" in quote:
        raise record["quote"].error("a quote is one line at most")
    return quote


def _table_id(record: Mapping[str, Field], tables: Mapping[str, Table]) -> str | None:
    if "table" not in record:
        return None
    return record["table"].choice(tables)


def _names(record: Mapping[str, Field], part: str, known: Mapping[str, object]) -> tuple[str, ...]:
    """Row or column ids; ``all`` stands for every one."""
    if part not in record:
        return ()
    if not record[part].is_list and record[part].text() == "all":
        return tuple(known)
    return tuple(item.choice(known) for item in record[part].sequence())


def _reading(field: Field) -> tuple[str, str]:
    record = field.record(("where", "says"))
    return record["where"].text(), record["says"].text()


def read_operand(field: Field, tables: Mapping[str, Table]) -> Operand:
    """A printed number, a cell (``6:resnet34-ml.acc``), or ``{value, where}`` for a number in the text.

    Raises:
        InputError: no such cell, or it holds no number.
    """
    if field.is_mapping:
        record = field.record(("value", "where"))
        return Operand(record["value"].text(), _number(record["value"]), record["where"].text())
    match = _REFERENCE.fullmatch(field.text())
    if match is None:
        return Operand(field.text(), _number(field), "text")
    table = tables.get(match["table"])
    if table is None or match["row"] not in table.rows or match["column"] not in table.columns:
        raise field.error(f"no cell {field.text()!r}; write TABLE:ROW.COLUMN, e.g. 6:resnet34-ml.acc")
    cell = table.cell(match["row"], match["column"])
    if cell.value is None:
        raise field.error(f"the cell {field.text()!r} holds no number ({cell.printed or 'blank'})")
    return Operand(field.text(), cell, f"Table {table.id}, {table.rows[match['row']].label}")


def _number(field: Field) -> Cell:
    cell = parse_cell(field)
    if cell.value is None:
        raise field.error("expected a number or TABLE:ROW.COLUMN")
    return cell
