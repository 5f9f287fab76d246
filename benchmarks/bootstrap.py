"""How fast is the patient bootstrap? Ours against scikit-learn's metric in a loop.

In: nothing (seeded scores). Out: a few lines on the terminal. Run: ``python benchmarks/bootstrap.py``.
"""

import time
from collections.abc import Callable

import numpy as np
from sklearn.metrics import roc_auc_score

from medrepro.reproduce.evaluation.bootstrap import Cases, bootstrap

IMAGES, PATIENTS, RESAMPLES, LOOPED = 3500, 228, 2000, 100


def fake_cases(seed: int = 0) -> Cases:
    """Scores of 3500 images of 228 patients, with ties (three decimals)."""
    generator = np.random.default_rng(seed)
    patients = np.sort(generator.integers(0, PATIENTS, IMAGES))
    labels = generator.integers(0, 2, PATIENTS)[patients]
    noisy = 0.5 + 0.2 * (labels - 0.5) + generator.normal(0, 0.2, IMAGES)
    scores = np.round(np.clip(noisy, 0, 1), 3).astype(np.float64)
    return Cases(np.arange(IMAGES).astype(str), patients.astype(str), labels, scores)


def looped(cases: Cases, resamples: int) -> None:
    """The usual way: draw patients, gather their images, call scikit-learn."""
    generator = np.random.default_rng(0)
    members = [np.flatnonzero(cases.patients == patient) for patient in np.unique(cases.patients)]
    for _ in range(resamples):
        index = np.concatenate([members[i] for i in generator.integers(0, len(members), len(members))])
        roc_auc_score(cases.labels[index], cases.scores[index])


def timed(name: str, repeats: int, action: Callable[[], object]) -> float:
    """Print and return the median seconds of ``action``."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    median = float(np.median(times))
    print(f"{name:<52} {median:8.3f} s")
    return median


def main() -> None:
    """Time AUC and accuracy on one seed, AUC on three, and scikit-learn's loop for comparison."""
    cases = fake_cases()
    print(f"{IMAGES} images, {PATIENTS} patients, {RESAMPLES} resamples; limit 1 s")
    ours = timed("AUC", 5, lambda: bootstrap("auc", [cases], RESAMPLES))
    timed("AUC, mean of 3 seeds", 3, lambda: bootstrap("auc", [fake_cases(s) for s in range(3)], RESAMPLES))
    timed("accuracy", 5, lambda: bootstrap("accuracy", [cases], RESAMPLES))
    loop = timed(f"scikit-learn in a loop, {LOOPED} resamples", 1, lambda: looped(cases, LOOPED))
    print(f"ours is {loop / LOOPED * RESAMPLES / ours:.0f} times as fast as the loop")


if __name__ == "__main__":
    main()
