"""Can the ensemble's weights be found with a fifth of the grid's evaluations? Optuna beside grid and random search.

In: a run of ``reproduce/multiscale.py`` (its members' *validation* predictions), or a synthetic case whose optimum
is sharp; out: a table on the terminal and a CSV record. On most simplexes the AUC is flat, so that any weights pass:
the synthetic case is where a search can fail. Regret is the grid's best AUC minus the search's: below 0 is better.

``python sweeps/multiscale.py --run runs/multiscale-studyscales-quick``; without ``--run`` the synthetic cases.
``--study auc-term`` searches alpha and lambda of the AUC loss (Eqs. 12 and 13) instead, on validation data.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import optuna
import pandas as pd
from optuna.distributions import FloatDistribution
from scipy.stats import norm

from medrepro.datamodules.support.cache import atomic_write
from medrepro.datamodules.support.command_line import OneLineParser, guarded
from medrepro.datamodules.support.errors import InputError
from medrepro.reproduce.papers.multiscale.ensemble import (
    STEP,
    Choice,
    Floats,
    Labels,
    auc,
    combine,
    grid_search,
    simplex_grid,
)
from medrepro.reproduce.papers.multiscale.protocol import PROTOCOL, preparation
from medrepro.reproduce.plan.cell import Cell
from medrepro.reproduce.plan.options import Options
from medrepro.reproduce.plan.protocol import Variant
from medrepro.sweeps.command import main as run
from medrepro.sweeps.study import Range, Study

SHARE = 5  # the search may use 1/5 of the grid's evaluations
WIDE = 28  # evaluations over the whole simplex; the rest of the budget stays near the best of them
NEAR = 0.1  # how far from it each weight may move then
STARTS = (
    (1 / 3, 1 / 2),
    (2 / 3, 1 / 2),
    (1 / 6, 0.2),
    (1 / 6, 0.8),
    (1 / 2, 0),
    (1 / 2, 1),
    (0, 1 / 2),
)  # centre, edges
SCALES = (32, 48, 64)
LOSSES = ("ce", "auc-ce")
Box = tuple[tuple[float, float], tuple[float, float]]
OPTIMA = ((0.2, 0.3, 0.5), (0.6, 0.25, 0.15), (0.1, 0.8, 0.1))


def auc_term_cells(options: Options, row: str) -> tuple[Cell, ...]:
    """Return Light10's cells at 32 mm, with whatever the options change."""
    variant = Variant(row, "Light10, 32 mm", {"network": "light10", "scale": 32}, {"scale": 32})
    return PROTOCOL.cells(options, "sweep-auc-term", [variant])


def prepare(options: Options) -> object:
    """Render the crops once."""
    return preparation(options, auc_term_cells(options, "prepare"))()


STUDIES = {
    "auc-term": Study(
        key="multiscale",
        place="medrepro.sweeps.multiscale:STUDIES",
        name="auc-term",
        title="Which weight and power of the AUC term (Eqs. 12 and 13)?",
        space=(
            Range("module.alpha", 0.0, 2.0),  # Sec. 3.2.4: 0.5 at 32
            Range("module.power", 1.0, 4.0),  # Eq. 12: lambda is not printed
        ),
        cells=auc_term_cells,
        paper={"module.alpha": 0.5, "module.power": 2.0},
        prepare=prepare,
    )
}


@dataclass(frozen=True)
class Case:
    """Probabilities ``(K, N)`` of the members and labels ``(N,)``, on which weights are searched."""

    name: str
    probabilities: Floats
    labels: Labels


def sharp_case(best: Sequence[float], seed: int = 0, samples: int = 400, noise: float = 8.0) -> Case:
    """Return three useless members whose noise cancels at the weights ``best`` and nowhere else.

    Each member is the same weak signal under noise ``noise`` times as strong; at ``best`` only the signal is left.
    """
    generator = np.random.default_rng([seed, 1])
    labels = (generator.random(samples) < 0.35).astype(np.int64)
    first, second = generator.normal(size=(2, samples))
    third = -(best[0] * first + best[1] * second) / best[2]
    signal = labels - 0.5 + 0.3 * generator.normal(size=samples)
    scores = 0.5 + (signal + noise * np.stack([first, second, third])) / 200
    return Case(f"sharp at {', '.join(f'{weight:g}' for weight in best)}, draw {seed}", scores, labels)


def run_cases(run: Path) -> Iterator[Case]:
    """Yield one case a loss, seed and fold from a finished run's validation predictions.

    Raises:
        InputError: the run holds none.
    """
    folder = run / "results" / "multiscale" / "scales"
    firsts = sorted(folder.glob(f"{SCALES[0]}-*.val.parquet"))
    if not firsts:
        raise InputError(f"{folder}: no validation predictions; run `python reproduce/multiscale.py` first")
    for path in firsts:
        loss, seed, fold = path.name.removesuffix(".val.parquet").removeprefix(f"{SCALES[0]}-").split("__")
        frames = [pd.read_parquet(folder / f"{scale}-{loss}__{seed}__{fold}.val.parquet") for scale in SCALES]
        probabilities = np.stack([frame["prob_1"].to_numpy(np.float64) for frame in frames])
        yield Case(f"{loss}, seed {seed}, fold {fold}", probabilities, frames[0]["label"].to_numpy(np.int64))


class Trial(NamedTuple):
    """Two breaks of the stick and the AUC they gave."""

    first: float
    rest: float
    auc: float


def weights_of(first: float, rest: float) -> Floats:
    """Return three weights on the simplex: a stick of length 1 is broken at ``first``, what is left at ``rest``."""
    return np.array([first, (1 - first) * rest, (1 - first) * (1 - rest)])


def search(case: Case, seed: int, evaluations: int) -> Choice:
    """Return the best weights of a Gaussian process in two stages: over the simplex, then around its best point."""
    tried: list[Trial] = []
    _stage(case, tried, ((0.0, 1.0), (0.0, 1.0)), WIDE, STARTS, seed)
    _stage(case, tried, _around(max(tried, key=lambda trial: trial.auc)), evaluations - WIDE, (), seed)
    best = max(tried, key=lambda trial: trial.auc)
    return Choice(weights_of(best.first, best.rest), best.auc, len(tried))


def random_search(case: Case, seed: int, evaluations: int) -> Choice:
    """Return the control: the same budget without a model; equal weights are its first guess."""
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=seed))
    study.enqueue_trial({"first": 1 / 3, "rest": 1 / 2})
    study.optimize(lambda trial: _auc(case, _suggest(trial)), evaluations)
    return Choice(weights_of(*study.best_params.values()), study.best_value, evaluations)


def difficulty(area: float) -> float:
    """Return 1 / d' of the binormal model whose AUC is ``area``: lower is better, at most 10.

    Of scores that are sums, 1 / d' is nearly a cone around the best weights, where the AUC itself is a spike on a
    plain: a Gaussian process follows the one and misses the other.
    """
    d_prime = 2**0.5 * float(norm.ppf(min(max(area, 0.5 + 1e-9), 1 - 1e-9)))
    return min(1 / d_prime, 10.0)


def _stage(
    case: Case, tried: list[Trial], box: Box, evaluations: int, starts: Sequence[tuple[float, float]], seed: int
) -> None:
    """Add the trials of a Gaussian process over ``box``, which knows the earlier ones inside it."""
    sampler = optuna.samplers.GPSampler(seed=seed, deterministic_objective=True, n_startup_trials=len(starts) or 4)
    study = optuna.create_study(direction="minimize", sampler=sampler)
    axes = {name: FloatDistribution(*sides) for name, sides in zip(("first", "rest"), box, strict=True)}
    for old in tried:
        point = {"first": old.first, "rest": old.rest}
        if all(low <= value <= high for value, (low, high) in zip(point.values(), box, strict=True)):
            study.add_trial(optuna.create_trial(params=point, distributions=dict(axes), value=difficulty(old.auc)))
    for first, rest in starts:
        study.enqueue_trial({"first": first, "rest": rest})

    def objective(trial: optuna.Trial) -> float:
        point = _suggest(trial, box)
        tried.append(Trial(*point, _auc(case, point)))
        return difficulty(tried[-1].auc)

    study.optimize(objective, evaluations)


def _suggest(trial: optuna.Trial, box: Box = ((0.0, 1.0), (0.0, 1.0))) -> tuple[float, float]:
    return trial.suggest_float("first", *box[0]), trial.suggest_float("rest", *box[1])


def _auc(case: Case, point: tuple[float, float]) -> float:
    return float(auc(case.labels, combine(weights_of(*point), case.probabilities)))


def _around(best: Trial) -> Box:
    """Return the box in which each weight moves by at most ``NEAR``."""
    reach = NEAR / max(1 - best.first, NEAR)  # of the second break, in shares of what the first one left
    return (
        (max(0.0, best.first - NEAR), min(1.0, best.first + NEAR)),
        (max(0.0, best.rest - reach), min(1.0, best.rest + reach)),
    )


SEARCHES: dict[str, Callable[[Case, int, int], Choice]] = {"optuna": search, "random": random_search}


def budget(step: float = STEP) -> int:
    """Return the evaluations a search may use: a fifth of the grid's 231."""
    return len(simplex_grid(3, step)) // SHARE


def compare(case: Case, seeds: Sequence[int]) -> list[dict[str, object]]:
    """Return one record for the grid and one for each search and seed, with its regret."""
    grid = grid_search(case.probabilities, case.labels)
    records = [_record(case, "grid", 0, grid, grid)]
    for name, find in SEARCHES.items():
        records += [_record(case, name, seed, find(case, seed, budget()), grid) for seed in seeds]
    return records


def _record(case: Case, name: str, seed: int, found: Choice, grid: Choice) -> dict[str, object]:
    weights = {f"w{number}": round(float(weight), 4) for number, weight in enumerate(found.weights)}
    regret = round(grid.auc - found.auc, 6)
    return {
        "case": case.name,
        "search": name,
        "seed": seed,
        "evaluations": found.evaluations,
        "auc": round(found.auc, 6),
        "regret": regret,
        **weights,
    }


def summary(records: pd.DataFrame) -> str:
    """Return a line a case: the grid's AUC, each search's mean and largest regret over seeds."""
    lines = []
    for name in dict.fromkeys(map(str, records["case"])):
        rows = records[records["case"] == name]
        grid = rows[rows["search"] == "grid"].iloc[0]
        regrets = {key: rows["regret"][rows["search"] == key] for key in SEARCHES if (rows["search"] == key).any()}
        told = "   ".join(f"{key} {part.mean():+.4f} (worst {part.max():+.4f})" for key, part in regrets.items())
        lines.append(f"{name:<34} grid {grid['auc']:.4f} in {grid['evaluations']}   regret in {budget()}: {told}")
    return "\n".join(lines)


def main(args: list[str] | None = None) -> int:
    """Compare the searches and write their record, or run a study; bad input is one line and exit code 2."""
    words = sys.argv[1:] if args is None else args
    asked = argparse.ArgumentParser(add_help=False)
    asked.add_argument("--study", default="weights")
    if asked.parse_known_args(words)[0].study != "weights":
        return run("multiscale", STUDIES, args)
    parser = OneLineParser(prog="sweeps/multiscale.py", description="Search the ensemble's weights.")
    parser.add_argument("--study", choices=("weights", *STUDIES), default="weights", help="--study auc-term --help")
    parser.add_argument("--run", type=Path, help="folder of a finished run; default: three synthetic cases")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="seeds of the searches")
    parser.add_argument("--out", type=Path, default=Path("runs/multiscale-weights.csv"), help="where the record goes")
    chosen = parser.parse_args(words)
    return guarded("sweeps/multiscale.py", lambda: _compare_all(chosen))


def _compare_all(chosen: argparse.Namespace) -> int:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    cases = list(run_cases(chosen.run)) if chosen.run else [sharp_case(best) for best in OPTIMA]
    records = pd.DataFrame([record for case in cases for record in compare(case, chosen.seeds)])
    with atomic_write(chosen.out) as temporary:
        records.to_csv(temporary, index=False)
    print(summary(records))
    print(f"record {chosen.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
