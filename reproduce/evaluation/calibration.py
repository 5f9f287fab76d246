"""How far a probability can be believed: right and wrong answers, temperature, threshold.

In: class probabilities (N, C) and labels (N,); out: plain numbers. Numpy and scipy only. Reliability diagrams
and the expected calibration error of a table are drawn from its predictions elsewhere, by the same formula.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from medrepro.reproduce.evaluation.metrics import Floats, Ints, Weights, evaluate

SMALLEST = 1e-12  # probabilities below it carry no more information than it
TEMPERATURES = (0.05, 20.0)


@dataclass(frozen=True)
class Confidence:
    """Mean probability of the answer given, for right and for wrong answers; None where there is none."""

    right: float | None
    wrong: float | None


def expected_calibration_error(probabilities: Floats, labels: Ints) -> float:
    """Return the mean gap between confidence and accuracy over 15 equal bins of confidence (Guo et al. 2017)."""
    everyone = Weights(np.zeros(len(labels), dtype=np.int64), np.ones((1, 1)))
    return float(evaluate("ece", labels, probabilities, everyone)[0])


def fit_temperature(probabilities: Floats, labels: Ints) -> float:
    """Return the T > 0 for which softmax(log p / T) makes the ``labels`` most likely.

    Fit it on validation samples: on training samples it would only learn how far the model has overfitted.

    Raises:
        ValueError: no sample, or rows and labels that do not match.
    """
    if len(labels) == 0 or len(probabilities) != len(labels):
        raise ValueError(f"{len(probabilities)} rows of probabilities for {len(labels)} labels: need as many, > 0")
    logits = np.log(np.clip(probabilities, SMALLEST, None))
    rows = np.arange(len(labels))

    def loss(log_temperature: float) -> float:
        return float(-log_softmax(logits / np.exp(log_temperature), axis=1)[rows, labels].mean())

    found = minimize_scalar(loss, bounds=(np.log(TEMPERATURES[0]), np.log(TEMPERATURES[1])), method="bounded")
    return float(np.exp(found.x))


def at_temperature(probabilities: Floats, temperature: float) -> Floats:
    """Return softmax(log p / temperature), (N, C): the order of the classes stays, the confidence changes."""
    logits = np.log(np.clip(probabilities, SMALLEST, None))
    scaled: Floats = np.exp(log_softmax(logits / temperature, axis=1))
    return scaled


def confidence(probabilities: Floats, labels: Ints, among: NDArray[np.bool_] | None = None) -> Confidence:
    """Return the mean confidence of right and of wrong answers; ``among`` (N,) restricts the samples.

    The paper's Table 9 averages a 0 for a class without wrong answers into the mean; here it stays empty.
    """
    chosen = np.ones(len(labels), dtype=bool) if among is None else among
    best, answer = probabilities.max(axis=1), probabilities.argmax(axis=1)
    right, wrong = (best[chosen & (answer == labels)], best[chosen & (answer != labels)])
    return Confidence(_mean(right), _mean(wrong))


def _mean(values: Floats) -> float | None:
    return float(values.mean()) if len(values) else None


def unknown_threshold(probabilities: Floats, labels: Ints, accuracy: float = 0.9) -> float:
    """Return the lowest confidence above which answers are right at least so often; below it say "unknown".

    Args:
        probabilities: (N, C) of validation samples, calibrated.
        labels: (N,).
        accuracy: share of right answers asked for among those given.

    Returns:
        A confidence in [0, 1]; 1 if no threshold reaches the accuracy, so that nothing is named.
    """
    best = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    order = np.argsort(-best, kind="stable")
    shares = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    enough = np.flatnonzero(shares >= accuracy)
    return float(best[order[enough[-1]]]) if len(enough) else 1.0
