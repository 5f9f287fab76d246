"""Say when a table's rows cannot be told apart."""

from collections.abc import Sequence

from medrepro.datamodules.support.errors import InputError
from medrepro.reproduce.evaluation import text
from medrepro.reproduce.evaluation.estimates import Evidence, quantity
from medrepro.reproduce.plan.table import Column, TableSpec

RANKED_BY = ("auc", "accuracy", "f1", "balanced_accuracy")


def ranking_note(spec: TableSpec, evidence: Evidence, usable: Sequence[str]) -> str:
    """Say that the rows are not ranked, if even the best and the worst cannot be told apart; else nothing.

    They are compared in the first of our columns that ranks (AUC, accuracy, F1) and has an interval.
    """
    columns = [c for c in spec.columns if c.minus is None and quantity(c).statistic.split("@")[0] in RANKED_BY]
    for column in sorted(columns, key=lambda column: not column.ci):
        values = [(name, evidence.estimate(name, quantity(column))) for name in usable]
        found = sorted(
            (estimate.value, name) for name, estimate in values if estimate and estimate.interval.low is not None
        )
        if not spec.ranked or len(found) < 2:
            continue
        try:
            gap = evidence.difference([found[-1][1]], [found[0][1]], quantity(column))
        except InputError:  # one row in folds, the other with all cases in one file
            return "rows not ranked: the best and the worst were not tested fold by fold on the same cases"
        if gap is None or gap.interval.excludes(0):
            return ""
        shown = Column(column.metric, scale=column.scale, digits=column.digits, minus="")
        return f"rows not ranked at this budget: best - worst is {text.compact(gap, shown)} ({column.label})"
    return ""
