"""How often does the interval of an effect hold the truth, and how seldom is nothing called a gain? A simulation.

Experiments are drawn with S trainings on n patients; a training's own effect has 0, 1 or 4 times the variance of the
patients' mean. Beside the interval that counts both sources of luck stands the one that holds the networks fixed (the
patient bootstrap alone). Run: ``python benchmarks/coverage.py [TRIALS]``; writes ``benchmarks/results/coverage.json``.
"""

import json
import sys
from pathlib import Path

import numpy as np

from medrepro.datamodules.support.cache import atomic_write
from medrepro.reproduce.evaluation.bootstrap import interval
from medrepro.reproduce.evaluation.luck import luck
from medrepro.reproduce.evaluation.metrics import Floats

RESULTS = Path(__file__).parent / "results"
RESAMPLES = 400
EFFECT = 2.8  # standard errors of a run with fixed networks: 80 % power there


def replicates(rng: np.random.Generator, seeds: int, patients: int, ratio: float, effect: float) -> Floats:
    """Return an experiment's effect per training, on the data (column 0) and on resamples of its patients."""
    training = rng.normal(0, np.sqrt(ratio / patients), seeds)
    effects = effect + rng.normal(0, 1, patients) + rng.normal(0, 0.3, (seeds, patients)) + training[:, None]
    weights = rng.multinomial(patients, np.full(patients, 1 / patients), size=RESAMPLES) / patients
    return np.concatenate([effects.mean(axis=1, keepdims=True), effects @ weights.T], axis=1)


def simulate(seeds: int, patients: int, ratio: float, trials: int) -> dict[str, float]:
    """Return coverage of both intervals, the share of nulls above 0, and the power at an effect of 2.8 errors."""
    rng = np.random.default_rng([seeds, patients, int(ratio)])
    counts = {"coverage": 0, "coverage, networks fixed": 0, "false support": 0, "power": 0}
    for _ in range(trials):
        values = replicates(rng, seeds, patients, ratio, 0.0)
        both, fixed = luck(values, range(seeds), patients, 0), interval(values)
        shifted = luck(values + EFFECT / np.sqrt(patients), range(seeds), patients, 0)
        if both is None or shifted is None:
            raise ValueError("an experiment without an interval")
        low, high = both.interval.low or 0.0, shifted.interval.low or 0.0
        counts["coverage"] += not both.interval.excludes(0)
        counts["coverage, networks fixed"] += not fixed.excludes(0)
        counts["false support"] += low > 0
        counts["power"] += high > 0
    return {name: round(count / trials, 4) for name, count in counts.items()}


def main(args: list[str] | None = None) -> int:
    """Simulate every case, print and write."""
    words = sys.argv[1:] if args is None else args
    trials = int(words[0]) if words else 4000
    found = {
        f"{seeds} trainings, {patients} patients, training {ratio:g} x patients": simulate(
            seeds, patients, ratio, trials
        )
        for seeds in (3, 5, 10)
        for patients in (50, 200)
        for ratio in (0, 1, 4)
    }
    RESULTS.mkdir(exist_ok=True)
    with atomic_write(RESULTS / "coverage.json") as temporary:
        temporary.write_text(json.dumps({"trials": trials, "cases": found}, indent=1) + "\n")
    for name, values in found.items():
        print(f"{name:50} {values}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
