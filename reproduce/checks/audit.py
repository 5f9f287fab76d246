"""All checks on one paper.

In: a :class:`Paper`. Out: an :class:`Audit`: every finding, worst first, and what was tested and held.
"""

from collections.abc import Callable
from dataclasses import dataclass

from medrepro.reproduce.checks.accuracy import accuracy_at_counts, accuracy_between, one_class_mix
from medrepro.reproduce.checks.counts import granularity, p_values, percentages
from medrepro.reproduce.checks.findings import Finding, Result, by_severity
from medrepro.reproduce.checks.matrices import confusion_matrices
from medrepro.reproduce.checks.overlap import dice_and_jaccard, f1_from_parts
from medrepro.reproduce.checks.rows import bold_is_best, possible_spreads, printed_twice, shifted_rows
from medrepro.reproduce.checks.split import split_plausibility
from medrepro.reproduce.checks.statements import statement_holds
from medrepro.reproduce.printed.model import Paper, Table

# Checks that need no more than the table, and those that also need the paper's cohorts or other tables.
TABLE_CHECKS: tuple[Callable[[Table], Result], ...] = (
    accuracy_between,
    one_class_mix,
    f1_from_parts,
    dice_and_jaccard,
    percentages,
    p_values,
    shifted_rows,
    possible_spreads,
    bold_is_best,
)
PAPER_CHECKS: tuple[Callable[[Paper, Table], Result], ...] = (
    accuracy_at_counts,
    confusion_matrices,
    granularity,
    printed_twice,
)


@dataclass(frozen=True)
class Audit:
    """What the audit of one paper says.

    Attributes:
        paper: the paper.
        findings: worst first.
        tested: how many rows, cells or sentences each check could test, in the order of the checks.
        lost: titles of tables whose cells are not legible, so that nothing in them was tested.
    """

    paper: Paper
    findings: tuple[Finding, ...]
    tested: dict[str, int]
    lost: tuple[str, ...]


def audit(paper: Paper) -> Audit:
    """Apply every check to every table, split and statement of a paper."""
    legible = [table for table in paper.tables.values() if not table.lost]
    results = [check(paper, table) for check in PAPER_CHECKS for table in legible]
    results += [check(table) for check in TABLE_CHECKS for table in legible]
    results += [split_plausibility(paper, split) for split in paper.splits]
    results += [statement_holds(paper, statement) for statement in paper.statements]
    tested: dict[str, int] = {}
    for result in results:
        tested[result.check] = tested.get(result.check, 0) + result.tested
    findings = by_severity([finding for result in results for finding in result.findings])
    lost = tuple(f"Table {table.id}: {table.title}" for table in paper.tables.values() if table.lost)
    return Audit(paper, tuple(findings), {name: n for name, n in tested.items() if n}, lost)
