"""From result files to estimates: any row, baseline or difference, at any level, with its interval.

In: a table's declaration and its results. Out: :class:`Estimate` by row and metric.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from medrepro.reproduce.evaluation.bootstrap import (
    RESAMPLES,
    Cases,
    Interval,
    check_paired,
    delong_p,
    interval,
    mean_sd,
    replicates_of_folds,
)
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
        interval: mean and 95 % interval (patient bootstrap, or the results' own).
        sd: over seeds, or over folds where there is one seed; ``None`` with one run.
        runs: the value of each run.
        over: what it is averaged over: ``3 seeds``, ``2 seeds x 5 folds``.
        p: DeLong's p of an AUC difference, where cases are patients and runs share them.
        text: for a quantity that is words, not a number.
    """

    interval: Interval
    sd: float | None = None
    runs: tuple[float, ...] = ()
    over: str = ""
    p: float | None = None
    text: str = ""

    @property
    def value(self) -> float:
        """The mean."""
        return self.interval.value

    def same_sign(self) -> bool:
        """Whether every run points the same way."""
        return all(value > 0 for value in self.runs) or all(value < 0 for value in self.runs)


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


def _estimate(values: Floats, runs: Sequence[Run], p: float | None = None) -> Estimate | None:
    """From ``values (runs, 1 + resamples)``; ``None`` if the mean on the data is undefined."""
    if np.isnan(values[:, 0]).any():
        return None
    per_run = dict(zip(runs, values[:, 0].tolist(), strict=True))
    return Estimate(interval(values), spread(per_run), tuple(per_run.values()), _over(runs), p)


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
            return _estimate(values, runs)
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
        runs = self._common_runs([arm for pair in known for arm in pair])
        parts = [self._difference(first, second, what, runs) for first, second in known]
        found = [part for part in parts if part is not None]
        if not runs or len(found) < len(parts):
            return None
        width = min(part.shape[1] for part in found)
        p = None
        if what.statistic == "auc" and len(known) == 1:
            p = delong_p(*(self._all(arm, what, runs) for arm in known[0]))
        return _estimate(np.mean([part[:, :width] for part in found], axis=0), runs, p)

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

    def _difference(self, first: Arm, second: Arm, what: Quantity, runs: tuple[Run, ...]) -> Floats | None:
        ours, theirs = self._replicates(first, what, runs), self._replicates(second, what, runs)
        if ours is None or theirs is None:
            return None
        for mine, other in zip(self._all(first, what, runs), self._all(second, what, runs), strict=True):
            check_paired(mine, other)
        return ours - theirs

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
            return Estimate(Interval(mean), spread(values), tuple(values.values()), _over(list(values)))
        stated = Interval(mean, float(bounds[0]), float(bounds[1]))
        return Estimate(stated, None, (mean,), _over(list(values)))

    def _of(self, arm: Arm) -> list[tuple[Run, Result]]:
        return sorted(self.rows[arm.host].items(), key=lambda item: item[0])


def _stated_value(result: Result, name: str, metric: str, is_baseline: bool) -> float | str | None:
    """What a result file says about a row or one of its baselines."""
    baselines = result.content.get("baselines") or {}
    block = baselines.get(name, {}) if is_baseline else result.content["metrics"]
    value: float | str | None = block.get(metric)
    return value
