"""Declare what a table holds: plain data, no numbers of ours, nothing heavy to import."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

NO_PAPER_VALUES: Mapping[str, float | str] = {}


@dataclass(frozen=True)
class Level:
    """What counts as one case: a sample as it is, or samples joined into a group.

    Attributes:
        name: first part of a metric's name, as in ``nodule/auc``.
        group: column of the predictions that names the group; ``None`` keeps every sample.
        how: a group's score is the mean or the largest of its members'; its label is the largest of theirs.
        of: the level whose cases are joined (``patient`` as the largest *nodule* mean); default the samples.
    """

    name: str
    group: str | None = None
    how: Literal["mean", "max"] = "mean"
    of: str | None = None


@dataclass(frozen=True)
class Subset:
    """The samples with ``low <= column < high``, as nodules of 8-15 mm."""

    column: str
    low: float
    high: float


@dataclass(frozen=True)
class Column:
    """One quantity of the table: the paper's printed value, ours, or ours minus another row's.

    Attributes:
        metric: ``level/statistic``, as ``patient/auc`` or ``image/f1@2`` (class 2 against the rest). It is
            recomputed from the predictions if ``_metrics.py`` knows the statistic or they have a column of
            that name (its mean); else it is read from the results' ``metrics``.
        label: heading without "ours".
        paper: key of the rows' ``paper`` values; puts a grey column of printed numbers before ours.
        scale: factor on our values (100 for per cent); the paper's are shown as printed.
        digits: decimals; by default 3, or 1 where ``scale`` is 100.
        ci: show the 95 % interval instead of the standard deviation.
        minus: id of the row or baseline to subtract, paired patient by patient; always with its interval.
        within: only these samples.
    """

    metric: str
    label: str = ""
    paper: str | None = None
    scale: float = 1.0
    digits: int | None = None
    ci: bool = False
    minus: str | None = None
    within: Subset | None = None


@dataclass(frozen=True)
class RowSpec:
    """One row: its id is the ``row`` of the result files.

    Attributes:
        paper: printed values by the paper's own heading; strings keep trailing zeros.
        method: name that fixes the colour in every figure of the suite (see ``_style.py``); default the id.
        below: a comparator of ours that the paper does not list: it stands below the line.
        reason: why the row is blank, if nothing can fill it.
    """

    id: str
    label: str
    paper: Mapping[str, float | str] = field(default_factory=lambda: NO_PAPER_VALUES)
    method: str = ""
    below: bool = False
    reason: str = ""


WITHOUT_NETWORK = {"majority": "majority", "grey": "intensities alone"}
"""Baselines that are rows with cells of their own (``_without_network.py``): of many classes, or many data sets."""


@dataclass(frozen=True)
class BaselineSpec:
    """A score that stands in every result's predictions: ``baseline_<id>``, or ``baseline_<id>_<class>``.

    Without such columns its metrics are read from ``baselines[id]`` of the results.
    """

    id: str
    label: str
    paper: Mapping[str, float | str] = field(default_factory=lambda: NO_PAPER_VALUES)


@dataclass(frozen=True)
class TableSpec:
    """One printed table or figure of a paper, and how ours is set beside it.

    Attributes:
        number: as the paper prints it: ``"5"``, ``"complexity"``.
        levels: the levels whose metrics are recomputed from predictions.
        classes: names of the classes in figures; the last of two is the positive one.
        source: whose results fill it, where they are another table's.
        members: results that rows rest on, such as an ensemble's networks; they are not rows themselves.
        ranked: whether to say that rows cannot be told apart, when they cannot.
        mixed_data: rows are measured on different data sets, which their labels name.
    """

    key: str
    number: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[RowSpec, ...]
    baselines: tuple[BaselineSpec, ...] = ()
    levels: tuple[Level, ...] = (Level("image"), Level("patient", "patient_id"))
    classes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    ranked: bool = True
    mixed_data: bool = False
    kind: Literal["Table", "Figure", "Study"] = "Table"
    source: str = ""
    members: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """As it is printed: ``Table 5``, ``Study margin``."""
        return f"{self.kind} {self.number}"
