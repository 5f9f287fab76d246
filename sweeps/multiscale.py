"""Can the ensemble's weights be found with a fifth of the grid's evaluations? Optuna beside grid and random search.

In: a run of ``reproduce/multiscale.py`` (its members' *validation* predictions), or a synthetic case whose optimum
is sharp; out: a table on the terminal and a CSV record. On most simplexes the AUC is flat, so that any weights pass:
the synthetic case is where a search can fail. Regret is the grid's best AUC minus the search's: below 0 is better.

``python sweeps/multiscale.py --run runs/multiscale-studyscales-quick``; without ``--run`` the synthetic cases.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import optuna
import pandas as pd

from datamodules.cache import atomic_write
from datamodules.errors import InputError
from reproduce._multiscale.weights import STEP, Choice, Floats, Labels, auc, combine, grid_search, simplex_grid

SHARE = 5  # the search may use 1/5 of the grid's evaluations
STARTUP = 8  # random weights before the surrogate is trusted
SCALES = (32, 48, 64)
LOSSES = ("ce", "auc-ce")
OPTIMA = ((0.2, 0.3, 0.5), (0.6, 0.25, 0.15), (0.1, 0.8, 0.1))


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


def weights_of(trial: optuna.Trial) -> Floats:
    """Draw three weights on the simplex by breaking a stick of length 1 twice."""
    first, rest = trial.suggest_float("first", 0, 1), trial.suggest_float("rest", 0, 1)
    return np.array([first, (1 - first) * rest, (1 - first) * (1 - rest)])


def search(case: Case, sampler: optuna.samplers.BaseSampler, evaluations: int) -> Choice:
    """Return the best weights a sampler finds; equal weights are its first guess."""
    study = optuna.create_study(direction="maximize", sampler=sampler)
    study.enqueue_trial({"first": 1 / 3, "rest": 1 / 2})
    study.optimize(lambda trial: float(auc(case.labels, combine(weights_of(trial), case.probabilities))), evaluations)
    best = study.best_params["first"], study.best_params["rest"]
    weights = np.array([best[0], (1 - best[0]) * best[1], (1 - best[0]) * (1 - best[1])])
    return Choice(weights, study.best_value, evaluations)


def gaussian_process(seed: int) -> optuna.samplers.BaseSampler:
    """Return Optuna's sampler for few, noiseless evaluations of a smooth function of few variables."""
    return optuna.samplers.GPSampler(seed=seed, deterministic_objective=True, n_startup_trials=STARTUP)


def random_search(seed: int) -> optuna.samplers.BaseSampler:
    """Return the control: the same budget without a model."""
    return optuna.samplers.RandomSampler(seed=seed)


SEARCHES: dict[str, Callable[[int], optuna.samplers.BaseSampler]] = {
    "optuna": gaussian_process,
    "random": random_search,
}


def budget(step: float = STEP) -> int:
    """Return the evaluations a search may use: a fifth of the grid's 231."""
    return len(simplex_grid(3, step)) // SHARE


def compare(case: Case, seeds: Sequence[int]) -> list[dict[str, object]]:
    """Return one record for the grid and one for each search and seed, with its regret."""
    grid = grid_search(case.probabilities, case.labels)
    records = [_record(case, "grid", 0, grid, grid)]
    for name, sampler in SEARCHES.items():
        records += [_record(case, name, seed, search(case, sampler(seed), budget()), grid) for seed in seeds]
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
    """Compare the searches and write their record; bad input is one line and exit code 2."""
    parser = argparse.ArgumentParser(prog="sweeps/multiscale.py", description="Search the ensemble's weights.")
    parser.add_argument("--run", type=Path, help="folder of a finished run; default: three synthetic cases")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="seeds of the searches")
    parser.add_argument("--out", type=Path, default=Path("runs/multiscale-weights.csv"), help="where the record goes")
    chosen = parser.parse_args(args)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        cases = list(run_cases(chosen.run)) if chosen.run else [sharp_case(best) for best in OPTIMA]
        records = pd.DataFrame([record for case in cases for record in compare(case, chosen.seeds)])
        with atomic_write(chosen.out) as temporary:
            records.to_csv(temporary, index=False)
    except InputError as error:
        print(f"sweeps/multiscale.py: error: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    print(summary(records))
    print(f"record {chosen.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
