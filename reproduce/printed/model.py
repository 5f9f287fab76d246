"""What a paper printed, as plain frozen data: cells, rows, tables, statements.

In: nothing (pure dataclasses; the reader fills them). Out: the types that every check,
table and claim takes the published numbers from. No torch, no pandas.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Cell:
    """One printed cell.

    Attributes:
        printed: the text as printed, ``""`` for a blank cell, ``"?"`` for an illegible one.
        value: the number, None when the cell is blank, a dash, illegible or text.
        decimals: digits after the point as printed (``81.50`` has 2).
        sd: the number after ``±``, if any.
        sd_decimals: its digits after the point.
        percent: the percentage in brackets behind a count, ``57 (36.8%)``, if any.
        percent_decimals: its digits after the point.
        bold: whether the paper prints it in bold.
        line: line of the YAML file, from 1.
    """

    printed: str
    value: float | None
    decimals: int = 0
    sd: float | None = None
    sd_decimals: int = 0
    percent: float | None = None
    percent_decimals: int = 0
    bold: bool = False
    line: int = 0


@dataclass(frozen=True)
class Column:
    """A column: ``means`` is one of :data:`medrepro.reproduce.printed.vocabulary.MEANINGS`."""

    id: str
    label: str
    means: str
    unit: str
    best: str
    line: int


@dataclass(frozen=True)
class Row:
    """A row; ``cited`` rows repeat another paper's numbers, ``classes`` is the task's class count."""

    id: str
    label: str
    group: str
    cells: Mapping[str, Cell]
    cited: bool
    classes: int | None
    same_as: str | None
    line: int


@dataclass(frozen=True)
class Cohort:
    """A set of samples with its stated class counts; the first class is the positive one."""

    id: str
    unit: str
    classes: Mapping[str, int]
    where: str
    line: int

    @property
    def positives(self) -> int:
        """Number of samples of the first (positive) class."""
        return next(iter(self.classes.values()))

    @property
    def total(self) -> int:
        """Number of samples of all classes."""
        return sum(self.classes.values())


@dataclass(frozen=True)
class Protocol:
    """What the numbers of a table are.

    Attributes:
        test_set: ``fixed`` (all rows and runs on one set), ``folds`` (cross-validation) or ``unknown``.
        runs: number of runs or folds a cell averages, None when the paper does not say.
        shared: whether all rows of a group speak of one test set.
        cohort: id of the cohort of that test set, None when its class counts are not printed.
        max_n: an upper limit of the test set's size when the size itself is not printed.
        bold_is_best: the paper says that bold marks the best of each group.
    """

    test_set: str = "unknown"
    runs: int | None = None
    shared: bool = False
    cohort: str | None = None
    max_n: Mapping[str, int] = field(default_factory=dict)
    bold_is_best: bool = False


@dataclass(frozen=True)
class Table:
    """One printed table."""

    id: str
    title: str
    where: str
    note: str
    columns: Mapping[str, Column]
    rows: Mapping[str, Row]
    protocol: Protocol
    lost: bool
    line: int

    def cell(self, row_id: str, column_id: str) -> Cell:
        """The printed cell; a blank one where the paper prints nothing.

        Raises:
            KeyError: the table has no such row or column; the message lists what it has.
        """
        if row_id not in self.rows:
            raise KeyError(f"Table {self.id} has no row {row_id!r}; it has {', '.join(self.rows)}")
        if column_id not in self.columns:
            raise KeyError(f"Table {self.id} has no column {column_id!r}; it has {', '.join(self.columns)}")
        return self.rows[row_id].cells.get(column_id, Cell(printed="", value=None))

    def value(self, row_id: str, column_id: str) -> float | None:
        """The printed number in the column's own unit, None where there is none."""
        return self.cell(row_id, column_id).value

    def columns_meaning(self, meaning: str) -> list[Column]:
        """The columns that hold this quantity, in printed order."""
        return [column for column in self.columns.values() if column.means == meaning]

    def groups(self) -> dict[str, list[Row]]:
        """The rows by their ``group`` (``""`` when the table has no groups), in printed order."""
        grouped: dict[str, list[Row]] = {}
        for row in self.rows.values():
            grouped.setdefault(row.group, []).append(row)
        return grouped


@dataclass(frozen=True)
class Operand:
    """A number in a statement: either printed in the text or a cell (``TABLE:ROW.COLUMN``)."""

    text: str
    cell: Cell
    source: str


@dataclass(frozen=True)
class Statement:
    """Something the paper says about numbers, with where it says it.

    Attributes:
        id: short stable name.
        kind: one of :data:`medrepro.reproduce.printed.vocabulary.STATEMENTS`.
        quote: at most one line of the paper's own words.
        where: section, table or page.
        operands: the numbers that go in.
        result: the number the paper draws from them, if any.
        rows: row references the statement is about (``best``), if any.
        columns: columns it is about.
        readings: two or more (where, text) pairs that contradict each other (``conflict``).
        options: further words a kind takes (``among``, ``n``, ``folds``, ``unit``).
        note: what a reader should know about the arithmetic.
        severity: severity of a finding when the statement does not hold.
    """

    id: str
    kind: str
    quote: str
    where: str
    operands: tuple[Operand, ...]
    result: Operand | None
    table: str | None
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    readings: tuple[tuple[str, str], ...]
    options: Mapping[str, str]
    note: str
    severity: str
    line: int


@dataclass(frozen=True)
class Split:
    """A division of one collection in two, by the ids of four cohorts with the same classes."""

    training_images: str
    training_patients: str
    other_images: str
    other_patients: str
    where: str
    line: int


@dataclass(frozen=True)
class Paper:
    """Everything one paper printed that a number can be taken from."""

    key: str
    title: str
    citation: str
    cohorts: Mapping[str, Cohort]
    tables: Mapping[str, Table]
    splits: tuple[Split, ...]
    statements: tuple[Statement, ...]
    reading: Mapping[str, str]
    path: str

    def table(self, table_id: str) -> Table:
        """The table printed under this number.

        Raises:
            KeyError: no such table; the message lists those there are.
        """
        if table_id not in self.tables:
            raise KeyError(f"{self.key} has no table {table_id!r}; it has {', '.join(self.tables)}")
        return self.tables[table_id]
