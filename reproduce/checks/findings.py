"""What a check gives back: how much it tested, and what it found.

In: nothing. Out: :class:`Finding` (one contradiction with its arithmetic) and :class:`Result`
(one check on one table or statement). A finding a reader cannot recompute by hand is no finding.
"""

from dataclasses import dataclass

from medrepro.reproduce.printed.vocabulary import SEVERITIES


@dataclass(frozen=True)
class Finding:
    """One thing that cannot be right, contradicts something else, or needs an explanation.

    Attributes:
        check: the function that found it.
        severity: ``impossible`` (no data give these numbers under the paper's own definitions),
            ``inconsistent`` (two printed things contradict each other), ``unclear`` (right only under a
            circumstance that is unlikely or not stated).
        where: table or section of the paper.
        rows: ids of the rows concerned.
        summary: one sentence.
        arithmetic: lines a reader can recompute.
        tolerance: the rounding allowance that was used.
        caveat: what could still explain it (averaging over runs, another definition).
        line: line in the table file.
        statement: id of the statement that does not hold, if it is one.
    """

    check: str
    severity: str
    where: str
    summary: str
    arithmetic: tuple[str, ...]
    tolerance: str = ""
    caveat: str = ""
    rows: tuple[str, ...] = ()
    line: int = 0
    statement: str = ""

    @property
    def id(self) -> str:
        """``accuracy_at_counts @ Table 6``, or the statement's id: what a claim points to."""
        return self.statement or f"{self.check} @ {self.where}"


@dataclass(frozen=True)
class Result:
    """One check applied: how many rows, cells or sentences it could test, and what broke."""

    check: str
    tested: int
    findings: tuple[Finding, ...] = ()


def by_severity(findings: list[Finding]) -> list[Finding]:
    """Worst first; the order of the paper within one severity."""
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))


def count_severities(findings: list[Finding]) -> dict[str, int]:
    """How many findings there are of each severity, zeros included."""
    return {name: sum(finding.severity == name for finding in findings) for name in SEVERITIES}
