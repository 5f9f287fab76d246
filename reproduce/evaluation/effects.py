"""Measure a claim's comparison on results: its pairs, the weakest of them, and which arms have not learnt."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from medrepro.datamodules.lidc import MATCHED
from medrepro.datamodules.support.errors import InputError
from medrepro.reproduce.evaluation.estimates import Estimate, Evidence, Quantity
from medrepro.reproduce.evaluation.luck import Luck, probability_above
from medrepro.reproduce.evaluation.results import Result, read_results, tables_in
from medrepro.reproduce.evaluation.verdicts import MIN_REPEATS, p_of
from medrepro.reproduce.plan.table import RowSpec, TableSpec
from medrepro.reproduce.printed.claim import Comparison, PaperClaims, is_number

JUDGE = "judge"  # the preset whose results decide before any other's
TIERS = ("original", "stand-in", "embedded")


@dataclass(frozen=True)
class Effect:
    """Our measured effect on one data set.

    Attributes:
        pairs: one estimate per pair, or one over all; of a trend the fitted gain from the first row to the last.
        names: of the pairs.
        weakest: number of the pair with the smallest effect: it decides a conjunction.
        idle: rows with a repeat at or below the floor.
        above: P(A > B): how often one training of the better arm of the weakest pair beats one of the other.
        p: of the conjunction: the largest of its pairs'.
        preset: budget at which it was measured.
        data: name of the data set.
        tier: ``embedded``, ``stand-in`` or ``original``.
        holm: p after Holm's correction within the paper.
    """

    pairs: tuple[Estimate, ...]
    names: tuple[str, ...]
    weakest: int
    idle: tuple[str, ...]
    above: float | None
    p: float | None
    preset: str
    data: str
    tier: str
    holm: float | None = None

    @property
    def estimate(self) -> Estimate:
        """The effect that decides."""
        return self.pairs[self.weakest]


def measure(claims: PaperClaims, test: Comparison, results: Path, unpaired: bool = False) -> tuple[list[Effect], str]:
    """Return the effect on every data set and budget for which all rows have results, the decisive one first.

    Rows that were not measured on the same cases give no effect; the second value says so.
    """
    found, reason = [], ""
    for name, group in _groups(results, test):
        try:
            effect = _measure_in(claims, test, group, unpaired)
        except InputError as error:
            reason = reason or f"{name}: {error}"
            continue
        found += [effect] if effect is not None else []
    order = sorted(found, key=lambda effect: (effect.preset != JUDGE, TIERS.index(effect.tier), effect.data == MATCHED))
    return order, reason


def _groups(results: Path, test: Comparison) -> Iterator[tuple[str, list[Result]]]:
    """Yield the results of the test's rows by folder: of its table as it is, at another budget, on other data."""
    others = [place for place in tables_in(results) if place.name.startswith(f"{test.table}-")]
    for folder in (results / test.table, *others):
        own = [one for one in read_results(folder) if one.row in test.needed and one.content["table"] == test.table]
        if {one.row for one in own} == set(test.needed):
            yield folder.name, own


def _measure_in(claims: PaperClaims, test: Comparison, results: Sequence[Result], unpaired: bool) -> Effect | None:
    rows = tuple(RowSpec(name, name) for name in test.needed)
    spec = TableSpec(claims.paper.key, test.table, "", columns=(), rows=rows, levels=claims.levels)
    return effect_of(Evidence(spec, results), test, unpaired)


def effect_of(evidence: Evidence, test: Comparison, unpaired: bool = False) -> Effect | None:
    """Return the effect of a comparison in the results of one table; None if a row or its metric is not there.

    Raises:
        InputError: rows that are compared pairwise were not measured on the same cases.
    """
    what = Quantity(test.metric)
    arms = {row: evidence.estimate(row, what) for row in test.needed}
    estimates = [_unpaired(arms, pair) if unpaired else _paired(evidence, pair, what) for pair in _contrasts(test)]
    pairs = [estimate for estimate in estimates if estimate is not None]
    if not pairs or len(pairs) < len(estimates):
        return None
    weakest = min(range(len(pairs)), key=lambda number: pairs[number].value)
    result = next(iter(evidence.rows[test.rows[0]].values()))
    tier = str(result.data.get("tier", TIERS[-1]))
    return Effect(
        pairs=tuple(pairs),
        names=_names(test),
        weakest=weakest,
        idle=_idle(test, arms),
        above=_above(arms, _contrasts(test)[weakest]),
        p=_p(test, pairs, weakest),
        preset=str(result.content["preset"]),
        data=str(result.data["name"]),
        tier=tier if tier in TIERS else TIERS[-1],
    )


def _idle(test: Comparison, arms: Mapping[str, Estimate | None]) -> tuple[str, ...]:
    """Return the rows with a repeat at or below the floor: a number, or another row's mean."""
    base = arms[test.floor] if isinstance(test.floor, str) else None
    floor = base.value if base is not None else test.floor
    if floor is None or isinstance(floor, str):
        return ()
    return tuple(row for row in test.rows if (arm := arms[row]) and min(arm.repeats.values()) <= floor)


def _p(test: Comparison, pairs: Sequence[Estimate], weakest: int) -> float | None:
    """Return the p of a conjunction: the largest of its pairs' if the weakest lies above 0, else the weakest's own."""
    found = [p_of(test, pair) for pair in pairs]
    low = pairs[weakest].interval.low
    if None in found or low is None or low <= 0:
        return found[weakest]
    return max(p for p in found if p is not None)


def _contrasts(test: Comparison) -> list[dict[str, float]]:
    """Return weights of the rows for each effect that is judged; a trend is its fitted line from first to last."""
    if test.direction == "trend":
        centred = [value - sum(test.at) / len(test.at) for value in test.at]
        scale = (test.at[-1] - test.at[0]) / sum(value**2 for value in centred)
        return [dict(zip(test.better, (scale * value for value in centred), strict=True))]
    if test.over == "each":
        return [{better: 1.0, worse: -1.0} for better, worse in zip(test.better, test.worse, strict=True)]
    weights = dict.fromkeys((*test.better, *test.worse), 0.0)
    for row, sign in [*((row, 1) for row in test.better), *((row, -1) for row in test.worse)]:
        weights[row] += sign / len(test.better)
    return [weights]


def _names(test: Comparison) -> tuple[str, ...]:
    if test.direction != "trend" and test.over == "each":
        return tuple(f"{better} - {worse}" for better, worse in zip(test.better, test.worse, strict=True))
    return ("trend" if test.direction == "trend" else "mean",)


def _paired(evidence: Evidence, weights: Mapping[str, float], what: Quantity) -> Estimate | None:
    rows = {name: weight for name, weight in weights.items() if not is_number(name)}
    constant = sum(weight * float(name) for name, weight in weights.items() if is_number(name))
    found = evidence.contrast(rows, what)
    return found if found is None or not constant else found.moved(constant)


def _unpaired(arms: Mapping[str, Estimate | None], weights: Mapping[str, float]) -> Estimate | None:
    """Return the difference of two independent means: variances add up, degrees of freedom by Satterthwaite."""
    sides = [(arms[row], weight) for row, weight in weights.items()]
    lucks = [(side.luck, weight) for side, weight in sides if side is not None and side.luck is not None]
    first = sides[0][0]
    if first is None or len(lucks) < len(sides):
        return None
    value = sum(weight * one.value for one, weight in lucks)
    terms = [((weight * one.se) ** 2, one.df) for one, weight in lucks]
    variance = sum(term for term, _ in terms)
    df = variance**2 / sum(term**2 / freedom for term, freedom in terms) if variance else min(d for _, d in terms)
    luck = Luck(value, math.sqrt(variance), df)
    common = {
        seed: sum(weight * side.repeats.get(seed, math.nan) for side, weight in sides if side is not None)
        for seed in first.repeats
    }
    runs = min((side.runs for side, _ in sides if side is not None), key=len)  # how often the rarer side was trained
    return Estimate(luck.interval, None, runs, first.over, luck, common)


def _above(arms: Mapping[str, Estimate | None], weights: Mapping[str, float]) -> float | None:
    """Return P(A > B) of two arms; None where the contrast has more, or fewer than three repeats."""
    if len(weights) != 2 or any(is_number(name) for name in weights):
        return None
    better, worse = (arms[row] for row in sorted(weights, key=lambda row: -weights[row]))
    if better is None or worse is None or min(len(better.repeats), len(worse.repeats)) < MIN_REPEATS:
        return None
    return probability_above(better.repeats, worse.repeats)
