"""The ensemble of Eq. 4: three probabilities, three weights on the simplex, chosen on validation.

In: probabilities of each member on the same samples, and their labels; out: weights and their AUC. Pure numpy:
nothing here knows of a test part. The grid is the paper's; the search that needs fewer evaluations is
``sweeps/multiscale.py``.
"""

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from medrepro.datamodules.support.errors import InputError

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]
STEP = 0.05  # assumed: the paper says "grid search"


@dataclass(frozen=True)
class Choice:
    """Weights that were chosen.

    Attributes:
        weights: ``(K,)``, >= 0, summing to 1.
        auc: on the samples they were chosen on.
        evaluations: how many weights were tried.
    """

    weights: Floats
    auc: float
    evaluations: int


def simplex_grid(members: int = 3, step: float = STEP) -> Floats:
    """Return all weights ``(M, members)`` >= 0 with sum 1 in multiples of ``step``; 231 for three at 0.05.

    Raises:
        InputError: 1 is no multiple of ``step``.
    """
    parts = round(1 / step)
    if abs(parts * step - 1) > 1e-9:
        raise InputError(f"a step of {step} does not divide 1; use 0.1, 0.05, 0.02 or the like")
    counts = itertools.product(range(parts + 1), repeat=members - 1)
    grid = [(*head, parts - sum(head)) for head in counts if sum(head) <= parts]
    return np.array(grid, dtype=np.float64) / parts


def combine(weights: Floats, probabilities: Floats) -> Floats:
    """Return Eq. 4: ``(..., N)`` from weights ``(..., K)`` and the members' probabilities ``(K, N)``."""
    return weights @ probabilities


def auc(labels: Labels, scores: Floats) -> Floats:
    """Return the area under the ROC curve of each row of ``scores (..., N)``, ties counted half.

    Raises:
        InputError: the labels hold one class only.
    """
    positive = labels == 1
    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    if not (n_positive and n_negative):
        raise InputError(f"{len(labels)} validation samples hold one class only; use more patients")
    ranks = rankdata(np.round(scores, 12), axis=-1)[..., positive].sum(axis=-1)  # equal up to rounding is a tie
    return np.asarray((ranks - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative))


def grid_search(probabilities: Floats, labels: Labels, step: float = STEP) -> Choice:
    """Return the grid's best weights by AUC; of equally good ones those nearest to equal weights.

    Args:
        probabilities: ``(K, N)`` of class 1, one row a member.
        labels: ``(N,)``.
        step: of the grid.
    """
    grid = simplex_grid(len(probabilities), step)
    values = auc(labels, combine(grid, probabilities))
    spread = ((grid - 1 / len(probabilities)) ** 2).sum(axis=1)
    best = np.lexsort((spread, -values))[0]
    return Choice(grid[best], float(values[best]), len(grid))
