"""Estimate any row, baseline, difference or trend of a table's results, at any level, with its interval."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from medrepro.reproduce.evaluation.bootstrap import (
    RESAMPLES,
    Cases,
    Interval,
    check_paired,
    interval,
    mean_sd,
    replicates_of_folds,
)
from medrepro.reproduce.evaluation.luck import Luck, luck, repeats
from medrepro.reproduce.evaluation.metrics import Floats, is_known
from medrepro.reproduce.evaluation.results import Predictions, Result
from medrepro.reproduce.plan.table import Column, Subset, TableSpec

Run = tuple[int, int]  # seed, fold


class Arm(NamedTuple):
    """A row or baseline, and the row whose results carry it."""

    name: str
    host: str


@dataclass(frozen=True)
class Quantity:
    """A metric at a level, perhaps of a subset: ``patient/auc``."""

    metric: str
    within: Subset | None = None

    @property
    def level(self) -> str:
        """What counts as a case."""
        return self.metric.partition("/")[0]

    @property
    def statistic(self) -> str:
        """What is computed from the cases."""
        return self.metric.partition("/")[2]

    @property
    def measure(self) -> str:
        """Its name for the bootstrap: a known statistic, or the mean of a column."""
        return self.statistic if is_known(self.statistic) else "mean"


def quantity(column: Column) -> Quantity:
    """The quantity that a column shows."""
    return Quantity(column.metric, column.within)


@dataclass(frozen=True)
class Estimate:
    """A quantity averaged over runs.

    Attributes:
        interval: mean and 95 % interval over patients and trainings; of a single run over patients alone.
        sd: over seeds, or over folds where there is one seed; ``None`` with one run.
        runs: the value of each run: seeds times folds.
        over: what it is averaged over: ``3 seeds``, ``2 seeds x 5 folds``.
        luck: standard error and degrees of freedom behind the interval; ``None`` with one run or one patient.
        repeats: by seed, the mean over its folds.
        text: for a quantity that is words, not a number.
    """

    interval: Interval
    sd: float | None = None
    runs: tuple[float, ...] = ()
    over: str = ""
    luck: Luck | None = None
    repeats: Mapping[int, float] = field(default_factory=dict)
    text: str = ""

    @property
    def value(self) -> float:
        """The mean."""
        return self.interval.value

    def moved(self, by: float) -> "Estimate":
        """Return this estimate plus a constant."""
        low, high = (None if one is None else one + by for one in (self.interval.low, self.interval.high))
        return replace(
            self,
            interval=Interval(self.value + by, low, high),
            runs=tuple(value + by for value in self.runs),
            luck=None if self.luck is None else replace(self.luck, value=self.luck.value + by),
            repeats={seed: value + by for seed, value in self.repeats.items()},
        )


def spread(values: Mapping[Run, float]) -> float | None:
    """Standard deviation over seeds (folds averaged first), over folds if one seed; of one run ``None``."""
    seeds: dict[int, list[float]] = {}
    for (seed, _), value in values.items():
        seeds.setdefault(seed, []).append(value)
    of_seeds = [float(np.mean(folds)) for folds in seeds.values()]
    return mean_sd(of_seeds if len(seeds) > 1 else list(values.values()))[1]


def _over(runs: Sequence[Run]) -> str:
    seeds, folds = len({seed for seed, _ in runs}), len({fold for _, fold in runs})
    parts = [(seeds, "seed"), (folds, "fold")] if folds > 1 else [(seeds, "seed")]
    return " x ".join(f"{count} {noun}{'' if count == 1 else 's'}" for count, noun in parts)


class Evidence:
    """What the results of one table say.

    Args:
        spec: the table.
        results: its results, one a row, seed and fold.
        resamples: of the patient bootstrap.
    """

    def __init__(self, spec: TableSpec, results: Iterable[Result], resamples: int = RESAMPLES) -> None:
        self.spec, self.resamples = spec, resamples
        self.levels = {level.name: level for level in spec.levels}
        self.baselines = {baseline.id for baseline in spec.baselines}
        self.rows: dict[str, dict[Run, Result]] = {}
        for result in results:
            self.rows.setdefault(result.row, {})[result.run] = result
        self._kept: dict[tuple[Arm, Quantity, tuple[Run, ...]], Floats | None] = {}
        self._cases: dict[tuple[Arm, Run, Quantity], Cases | None] = {}

    def estimate(self, name: str, what: Quantity) -> Estimate | None:
        """A row's or baseline's value: recomputed from predictions if possible, else as the results say."""
        arm = self.arm(name)
        if arm is None:
            return None
        runs = tuple(sorted(self.rows[arm.host]))
        values = self._replicates(arm, what, runs)
        if values is not None:
            return self._estimate(values, [arm], what, runs)
        return None if what.within else self._stated(arm, what.metric)

    def difference(self, firsts: Sequence[str], seconds: Sequence[str], what: Quantity) -> Estimate | None:
        """First - second, paired by patient and run, averaged over pairs; ``None`` if it cannot be computed.

        Raises:
            InputError: paired rows hold predictions of different cases.
        """
        pairs = [self._arms(first, second) for first, second in zip(firsts, seconds, strict=True)]
        known = [pair for pair in pairs if pair is not None]
        if not known or len(known) < len(pairs):
            return None
        share = 1 / len(known)
        parts = [(arm, sign * share) for pair in known for arm, sign in zip(pair, (1, -1), strict=True)]
        return self._sum(parts, known, what)

    def contrast(self, weights: Mapping[str, float], what: Quantity) -> Estimate | None:
        """Weighted sum of rows, paired by patient and run, as the trend over a series; ``None`` if a row is not there.

        Raises:
            InputError: rows hold predictions of different cases.
        """
        parts = [(arm, weight) for name, weight in weights.items() if (arm := self.arm(name)) is not None]
        if len(parts) < len(weights):
            return None
        return self._sum(parts, [(parts[0][0], arm) for arm, _ in parts[1:]], what)

    def _sum(
        self, parts: Sequence[tuple[Arm, float]], pairs: Sequence[tuple[Arm, Arm]], what: Quantity
    ) -> Estimate | None:
        """Estimate the weighted sum of arms over the runs that all have; ``pairs`` must hold the same cases."""
        arms = [arm for arm, _ in parts]
        runs = self._common_runs(arms)
        known = [values for arm in arms if (values := self._replicates(arm, what, runs)) is not None] if runs else []
        if not known or len(known) < len(arms):
            return None
        for first, second in pairs:
            for mine, other in zip(self._all(first, what, runs), self._all(second, what, runs), strict=True):
                check_paired(mine, other)
        width = min(values.shape[1] for values in known)
        terms = [weight * values[:, :width] for values, (_, weight) in zip(known, parts, strict=True)]
        return self._estimate(np.sum(terms, axis=0), arms, what, runs)

    def _estimate(self, values: Floats, arms: Sequence[Arm], what: Quantity, runs: Sequence[Run]) -> Estimate | None:
        """Make one of ``values (runs, 1 + resamples)``; ``None`` if the mean on the data is undefined."""
        if np.isnan(values[:, 0]).any():
            return None
        seeds = [seed for seed, _ in runs]
        patients = {name for cases in self._all(arms[0], what, tuple(runs)) for name in cases.patients}
        found = luck(values, seeds, len(patients), self._test_to_train(arms[0], runs))
        per_run = dict(zip(runs, values[:, 0].tolist(), strict=True))
        return Estimate(
            interval(values) if found is None else found.interval,
            spread(per_run),
            tuple(per_run.values()),
            _over(runs),
            found,
            repeats(list(per_run.values()), seeds),
        )

    def _test_to_train(self, arm: Arm, runs: Sequence[Run]) -> float:
        """Return how many samples are tested for each that is trained on, as the results say, or as k folds have it."""
        counts = [self.rows[arm.host][run].data.get("n_samples", {}) for run in runs]
        known = [count["test"] / count["train"] for count in counts if count.get("test") and count.get("train")]
        return float(np.mean(known)) if known else 1 / max(1, len({fold for _, fold in runs}) - 1)

    def arm(self, name: str) -> Arm | None:
        """Where a row or baseline is found; a baseline in the results of the row with the most runs."""
        if name in self.rows:
            return Arm(name, name)
        order = [row.id for row in self.spec.rows if row.id in self.rows]
        if name not in self.baselines or not order:
            return None
        return Arm(name, max(order, key=lambda row: len(self.rows[row])))

    def cases(self, arm: Arm, run: Run, what: Quantity) -> Cases | None:
        """The cases behind a quantity in one run: of the row's model, of a baseline, or a column's values."""
        key = (arm, run, what)
        if key not in self._cases:
            self._cases[key] = self._read_cases(arm, run, what)
        return self._cases[key]

    def _read_cases(self, arm: Arm, run: Run, what: Quantity) -> Cases | None:
        predictions = self.rows[arm.host][run].predictions
        level = self.levels.get(what.level)
        if predictions is None or level is None or not predictions.has(level, self.levels):
            return None
        scores = self._scores(predictions, arm.name, what.statistic)
        return None if scores is None else predictions.cases(level, self.levels, scores, what.within)

    def _scores(self, predictions: Predictions, name: str, statistic: str) -> Floats | None:
        if is_known(statistic):
            return predictions.scores(name if name in self.baselines else None)
        return None if name in self.baselines else predictions.column(statistic)

    def _arms(self, first: str, second: str) -> tuple[Arm, Arm] | None:
        """Both arms; a baseline set against a row is taken from that row's own predictions."""
        ours, theirs = self.arm(first), self.arm(second)
        if ours is None or theirs is None:
            return None
        if first in self.baselines and second not in self.baselines:
            ours = Arm(first, theirs.host)
        if second in self.baselines and first not in self.baselines:
            theirs = Arm(second, ours.host)
        return ours, theirs

    def _common_runs(self, arms: Sequence[Arm]) -> tuple[Run, ...]:
        return tuple(sorted(set.intersection(*(set(self.rows[arm.host]) for arm in arms))))

    def _replicates(self, arm: Arm, what: Quantity, runs: tuple[Run, ...]) -> Floats | None:
        """The quantity in each run, on the data and on every resample; ``None`` if a run cannot give it."""
        key = (arm, what, runs)
        if key not in self._kept:
            cases = self._all(arm, what, runs)
            whole = bool(cases) and len(cases) == len(runs)
            self._kept[key] = (
                replicates_of_folds(what.measure, cases, [seed for seed, _ in runs], self.resamples) if whole else None
            )
        return self._kept[key]

    def _all(self, arm: Arm, what: Quantity, runs: tuple[Run, ...]) -> list[Cases]:
        found = [self.cases(arm, run, what) for run in runs]
        return [cases for cases in found if cases is not None]

    def _stated(self, arm: Arm, metric: str) -> Estimate | None:
        """The metric as the results state it; with one run, the interval too."""
        is_baseline = arm.name in self.baselines
        found = {run: _stated_value(result, arm.name, metric, is_baseline) for run, result in self._of(arm)}
        words = [value for value in found.values() if isinstance(value, str)]
        if words:
            return Estimate(Interval(math.nan), text=words[0])
        values = {run: float(value) for run, value in found.items() if value is not None}
        if not values:
            return None
        mean = float(np.mean(list(values.values())))
        bounds = self._of(arm)[0][1].content.get("ci", {}).get(metric)
        if bounds is None or is_baseline or len(found) > 1:
            by_seed = repeats(list(values.values()), [seed for seed, _ in values])
            return Estimate(Interval(mean), spread(values), tuple(values.values()), _over(list(values)), None, by_seed)
        stated = Interval(mean, float(bounds[0]), float(bounds[1]))
        return Estimate(stated, None, (mean,), _over(list(values)), None, {run[0]: mean for run in values})

    def _of(self, arm: Arm) -> list[tuple[Run, Result]]:
        return sorted(self.rows[arm.host].items(), key=lambda item: item[0])


def _stated_value(result: Result, name: str, metric: str, is_baseline: bool) -> float | str | None:
    """What a result file says about a row or one of its baselines."""
    baselines = result.content.get("baselines") or {}
    block = baselines.get(name, {}) if is_baseline else result.content["metrics"]
    value: float | str | None = block.get(metric)
    return value
