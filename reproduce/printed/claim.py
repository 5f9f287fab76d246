"""Describe a paper's claims: what it says, what comparison would show it, what must be in the data for that."""

from dataclasses import dataclass

from medrepro.reproduce.plan.table import Level
from medrepro.reproduce.printed.model import Operand, Paper

DIRECTIONS = ("higher", "no-worse", "trend")
OVER = ("each", "mean")
SAME = {"recall": "sensitivity", "ppv": "precision"}  # our names for what the printed tables call otherwise


@dataclass(frozen=True)
class Sample:
    """What a paper could test on."""

    id: str
    unit: str
    n: int
    positives: int
    note: str = ""


def is_number(name: str) -> bool:
    """Whether the name of an arm is a number that stands for one."""
    return name.replace(".", "", 1).isdigit()


@dataclass(frozen=True)
class Comparison:
    """Rows of ours that decide a claim: ``metric`` of ``better`` minus ``worse``, in pairs, or a trend over a series.

    Attributes:
        table: whose results are compared.
        better: rows; of a trend the whole series in order.
        worse: as many rows, or a number that stands for one, as 0.5 for chance; none of a trend.
        metric: level and statistic.
        gain: the smallest gain that counts, fixed before the runs and never larger than the paper's own effect.
        direction: ``higher``, ``no-worse`` (by ``gain`` at most), or ``trend`` (rising over the series).
        over: several pairs decide ``each`` for itself, so that the weakest does, or by their ``mean``.
        floor: level at or below which an arm has not learnt, so that nothing is said either way: a number, or a row.
        claimed: the paper's own effect in this metric where no printed cells give it.
        at: of a trend the value of each row.
        varies: the settings in which the arms may differ, as ``module.loss``; a test holds the results to it.
    """

    table: str
    better: tuple[str, ...]
    worse: tuple[str, ...]
    metric: str
    gain: float
    direction: str = "higher"
    over: str = "mean"
    floor: float | str | None = None
    claimed: float | None = None
    at: tuple[float, ...] = ()
    varies: tuple[str, ...] = ()

    @property
    def rows(self) -> tuple[str, ...]:
        """Every row that takes part, once."""
        return tuple(dict.fromkeys(name for name in (*self.better, *self.worse) if not is_number(name)))

    @property
    def needed(self) -> tuple[str, ...]:
        """The rows that take part, and the one that is the floor, if a row is."""
        return (*self.rows, self.floor) if isinstance(self.floor, str) else self.rows

    @property
    def statistic(self) -> str:
        """The metric without its level."""
        return self.metric.partition("/")[2]


@dataclass(frozen=True)
class Control:
    """A comparison whose outcome is known by construction, run with the same code and budget as the claims.

    Attributes:
        expects: ``effect``: the mechanism must help; ``none``: it must not.
        says: what was built into the data, or taken out of them.
    """

    id: str
    says: str
    expects: str
    comparison: Comparison


@dataclass(frozen=True)
class Signal:
    """What the data must carry for the claim's mechanism to act, and whether they do."""

    needs: str
    present: bool


@dataclass(frozen=True)
class Claim:
    """One claim of a paper.

    Attributes:
        quote: at most one line of its words.
        says: the comparison in plain words.
        better: printed cells, in pairs with ``worse``; empty if no cells are compared.
        comparison: how our results decide it.
        audit: ids of findings that exclude it.
        needs: what only could decide it; empty if our results can.
        signal: what the data must carry for it; absent: the claim cannot be asked of them.
        controls: ids of the controls that stand behind it.
        unpaired: the two sides are measured on different cases.
        samples: ids of the paper's samples that the claim rests on.
        was: the verdict before the rule was changed, if it was another.
    """

    id: str
    quote: str
    where: str
    says: str
    better: tuple[Operand, ...] = ()
    worse: tuple[Operand, ...] = ()
    comparison: Comparison | None = None
    audit: tuple[str, ...] = ()
    needs: str = ""
    signal: Signal | None = None
    controls: tuple[str, ...] = ()
    unpaired: bool = False
    samples: tuple[str, ...] = ()
    was: str = ""
    line: int = 0


@dataclass(frozen=True)
class PaperClaims:
    """All claims of one paper.

    Attributes:
        paper: its printed tables.
        typical: the value of a rate at which power is computed where a claim names no cells.
        levels: how samples join into cases.
        controls: what must, or must not, come out by construction.
    """

    paper: Paper
    typical: float
    levels: tuple[Level, ...]
    samples: tuple[Sample, ...]
    claims: tuple[Claim, ...]
    controls: tuple[Control, ...] = ()

    def claim(self, name: str) -> Claim:
        """Return the claim with this id.

        Raises:
            KeyError: there is none.
        """
        return {claim.id: claim for claim in self.claims}[name]


def claimed_effects(paper: Paper, claim: Claim) -> tuple[float, ...]:
    """Return the paper's own effects in the metric of the test: one per printed pair, or as the claim states it.

    Empty where the paper prints no number, or prints it in another metric.
    """
    test = claim.comparison
    if test is None:
        return ()
    if test.claimed is not None:
        return (test.claimed,)
    pairs = printed_pairs(paper, claim)
    return tuple(better - worse for means, better, worse in pairs if means == SAME.get(test.statistic, test.statistic))


def printed_pairs(paper: Paper, claim: Claim) -> list[tuple[str, float, float]]:
    """Return (statistic, better, worse) of each printed pair, as fractions."""
    pairs = []
    for better, worse in zip(claim.better, claim.worse, strict=True):
        table, _, rest = better.text.partition(":")
        column = paper.table(table).columns[rest.rpartition(".")[2]]
        scale = 100.0 if column.unit == "percent" else 1.0
        pairs.append((column.means, (better.cell.value or 0.0) / scale, (worse.cell.value or 0.0) / scale))
    return pairs
