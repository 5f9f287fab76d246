"""From a table file to a :class:`Paper`, with every mistake named by its line.

In: a path to YAML in the format of ``reproduce/papers/README.md``. Out: a validated ``Paper``.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from medrepro.reproduce.printed import vocabulary
from medrepro.reproduce.printed.cells import parse_cell
from medrepro.reproduce.printed.model import Cohort, Column, Paper, Protocol, Row, Split, Table
from medrepro.reproduce.printed.statements import read_statement
from medrepro.reproduce.printed.yaml_fields import Field, hint, read_fields

_ID = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)*")
_LOWER_IS_BETTER = {"flops", "parameters", "p-value"}


def read_paper(path: Path) -> Paper:
    """Read and check one table file.

    Raises:
        InputError: anything the format does not allow; the message starts with ``FILE:LINE``.
    """
    root = read_fields(path)
    top = root.record(
        ("schema", "key", "title", "tables"), ("citation", "cohorts", "splits", "statements", "second_reading")
    )
    top["schema"].choice(("1",))
    cohorts = {name: _cohort(_checked_id(name, f), f) for name, f in _pairs(top, "cohorts").items()}
    tables = {name: _table(name, field, cohorts) for name, field in top["tables"].mapping().items()}
    fields = _items(top, "statements")
    statements = tuple(read_statement(field, tables) for field in fields)
    _refuse_twins([(statement.id, field) for statement, field in zip(statements, fields, strict=True)])
    _check_links(top["tables"].mapping(), tables)
    return Paper(
        key=_checked_id(top["key"].text(), top["key"]),
        title=top["title"].text(),
        citation=_text(top, "citation"),
        cohorts=cohorts,
        tables=tables,
        splits=tuple(_split(field, cohorts) for field in _items(top, "splits")),
        statements=statements,
        reading={name: field.text() for name, field in _pairs(top, "second_reading").items()},
        path=str(path),
    )


def _pairs(record: Mapping[str, Field], name: str) -> dict[str, Field]:
    return record[name].mapping() if name in record else {}


def _items(record: Mapping[str, Field], name: str) -> list[Field]:
    return record[name].sequence() if name in record else []


def _text(record: Mapping[str, Field], name: str, default: str = "") -> str:
    return record[name].text() if name in record else default


def _checked_id(name: str, field: Field) -> str:
    if not _ID.fullmatch(name):
        raise field.error(f"{name!r} cannot be an id: use a-z, 0-9 and single hyphens, e.g. resnet34-ml")
    return name


def _refuse_twins(named: list[tuple[str, Field]]) -> None:
    seen: set[str] = set()
    for name, field in named:
        if name in seen:
            raise field.error(f"a statement with the id {name!r} stands above already; ids are unique")
        seen.add(name)


def _cohort(name: str, field: Field) -> Cohort:
    record = field.record(("unit", "classes"), ("where",))
    classes = {label: count.integer() for label, count in record["classes"].mapping().items()}
    if sum(classes.values()) == 0:
        raise record["classes"].error("a cohort needs at least one sample")
    return Cohort(name, record["unit"].text(), classes, _text(record, "where"), field.line)


def _split(field: Field, cohorts: Mapping[str, Cohort]) -> Split:
    record = field.record(("training", "other", "where"))
    units = ("images", "patients")
    training, other = (record[part].record(units) for part in ("training", "other"))
    split = Split(
        training_images=training["images"].choice(cohorts),
        training_patients=training["patients"].choice(cohorts),
        other_images=other["images"].choice(cohorts),
        other_patients=other["patients"].choice(cohorts),
        where=record["where"].text(),
        line=field.line,
    )
    classes = {tuple(cohorts[part[unit].text()].classes) for part in (training, other) for unit in units}
    if len(classes) != 1:
        raise field.error(f"the four cohorts of a split need the same classes; found {sorted(classes)}")
    return split


def _table(name: str, field: Field, cohorts: Mapping[str, Cohort]) -> Table:
    record = field.record(("title", "columns", "rows"), ("where", "note", "protocol", "lost"))
    columns = {key: _column(_checked_id(key, f), f) for key, f in record["columns"].mapping().items()}
    rows = {key: _row(_checked_id(key, f), f, columns) for key, f in record["rows"].mapping().items()}
    return Table(
        id=name,
        title=record["title"].text(),
        where=_text(record, "where"),
        note=_text(record, "note"),
        columns=columns,
        rows=rows,
        protocol=_protocol(record["protocol"], cohorts) if "protocol" in record else Protocol(),
        lost="lost" in record and record["lost"].flag(),
        line=field.line,
    )


def _column(name: str, field: Field) -> Column:
    record = field.record(("label", "means"), ("unit", "best"))
    if name in vocabulary.RESERVED_ROW_KEYS:
        raise field.error(f"a column cannot be called {name!r}: rows use the word for something else")
    means = record["means"].choice(vocabulary.MEANINGS)
    unit = _text(record, "unit")
    if means in vocabulary.RATES and unit not in vocabulary.UNITS_OF_RATES:
        raise field.error(f"a column that means {means!r} needs `unit: percent` or `unit: fraction`")
    best = record["best"].choice(("max", "min")) if "best" in record else "max"
    lower = means in _LOWER_IS_BETTER and "best" not in record
    return Column(name, record["label"].text(), means, unit, "min" if lower else best, field.line)


def _row(name: str, field: Field, columns: Mapping[str, Column]) -> Row:
    record = field.record(("label",), (*vocabulary.RESERVED_ROW_KEYS, *columns))
    cells = {
        key: parse_cell(record[key], is_text=column.means == "text") for key, column in columns.items() if key in record
    }
    for key, cell in cells.items():
        _check_range(record[key], cell.value, columns[key])
    return Row(
        id=name,
        label=record["label"].text(),
        group=_text(record, "group"),
        cells=cells,
        cited="cited" in record and record["cited"].flag(),
        classes=record["classes"].integer(2) if "classes" in record else None,
        same_as=_text(record, "same_as") or None,
        line=field.line,
    )


def _check_range(field: Field, value: float | None, column: Column) -> None:
    """A rate beyond its unit's range is a slip of the transcription or of the unit: refuse it."""
    top = vocabulary.UNITS_OF_RATES.get(column.unit) if column.means in vocabulary.RATES else None
    if column.means == "p-value":
        top = 1.0
    if value is not None and top is not None and not 0 <= value <= top:
        raise field.error(f"{column.label} = {value:g} is outside [0, {top:g}] {column.unit}; wrong unit?")


def _protocol(field: Field, cohorts: Mapping[str, Cohort]) -> Protocol:
    record = field.record((), ("test_set", "runs", "shared", "cohort", "max_n", "bold_is_best"))
    cohort = _text(record, "cohort") or None
    if cohort is not None and cohort not in cohorts:
        raise record["cohort"].error(f"no cohort {cohort!r}{hint(cohort, cohorts)}")
    return Protocol(
        test_set=record["test_set"].choice(vocabulary.TEST_SETS) if "test_set" in record else "unknown",
        runs=record["runs"].integer(1) if "runs" in record else None,
        shared="shared" in record and record["shared"].flag(),
        cohort=cohort,
        max_n={group: limit.integer(2) for group, limit in _pairs(record, "max_n").items()},
        bold_is_best="bold_is_best" in record and record["bold_is_best"].flag(),
    )


def _check_links(fields: Mapping[str, Field], tables: Mapping[str, Table]) -> None:
    """Every ``same_as`` must point to a row that exists."""
    for name, table in tables.items():
        rows = fields[name].mapping()["rows"].mapping()
        for row in (row for row in table.rows.values() if row.same_as is not None):
            target, _, target_row = str(row.same_as).partition(":")
            if target not in tables or target_row not in tables[target].rows:
                raise rows[row.id].error(f"same_as: no row {row.same_as!r}; write TABLE:ROW, e.g. 6:resnet34-ml")
