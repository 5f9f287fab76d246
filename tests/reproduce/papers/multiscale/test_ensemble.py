"""The ensemble's weights: the grid, the AUC against scikit-learn, the choice against a plain loop."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from medrepro.datamodules.support.errors import InputError
from medrepro.reproduce.papers.multiscale.ensemble import auc, combine, grid_search, simplex_grid


def case(seed: int = 0, n: int = 60) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    labels = (generator.random(n) < 0.4).astype(np.int64)
    return 0.5 + 0.1 * labels + 0.15 * generator.normal(size=(3, n)), labels


@pytest.mark.parametrize(("step", "points"), [(0.5, 6), (0.1, 66), (0.05, 231)])
def test_the_grid_is_the_simplex(step: float, points: int) -> None:
    grid = simplex_grid(3, step)
    assert grid.shape == (points, 3)
    assert len(np.unique(grid, axis=0)) == points
    assert (grid >= 0).all()
    np.testing.assert_allclose(grid.sum(axis=1), 1)


def test_a_grid_of_one_member_is_the_member() -> None:
    assert simplex_grid(1).tolist() == [[1.0]]


def test_a_step_that_does_not_divide_one_is_refused() -> None:
    with pytest.raises(InputError, match=r"a step of 0.3 does not divide 1"):
        simplex_grid(3, 0.3)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=40))
def test_auc_is_scikit_learns_with_ties(samples: list[tuple[int, bool]]) -> None:
    labels = np.array([int(y) for _, y in samples])
    if len(set(labels.tolist())) < 2:
        return
    scores = np.array([s / 5 for s, _ in samples])
    assert float(auc(labels, scores)) == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)


def test_one_class_is_refused() -> None:
    with pytest.raises(InputError, match="one class only"):
        auc(np.ones(3, np.int64), np.zeros(3))


def test_equation_4() -> None:
    probabilities, _ = case()
    expected = 0.2 * probabilities[0] + 0.3 * probabilities[1] + 0.5 * probabilities[2]
    np.testing.assert_allclose(combine(np.array([0.2, 0.3, 0.5]), probabilities), expected)


def test_the_choice_is_the_best_of_all() -> None:
    probabilities, labels = case()
    choice = grid_search(probabilities, labels, 0.1)
    every = [roc_auc_score(labels, w @ probabilities) for w in simplex_grid(3, 0.1)]
    assert choice.auc == pytest.approx(max(every), abs=1e-12)
    assert roc_auc_score(labels, choice.weights @ probabilities) == pytest.approx(choice.auc, abs=1e-12)
    assert choice.evaluations == 66


def test_of_equally_good_weights_the_most_even_are_taken() -> None:
    labels = np.array([0, 0, 1, 1])
    same = np.tile([0.1, 0.2, 0.8, 0.9], (3, 1))
    np.testing.assert_allclose(grid_search(same, labels, 0.05).weights, 1 / 3, atol=0.05)


def test_a_useless_member_gets_nothing() -> None:
    labels = np.array([0, 1] * 20)
    generator = np.random.default_rng(0)
    wrong = 1.0 - labels
    good = labels * 0.02 + generator.random(40)
    choice = grid_search(np.stack([good, wrong, wrong]), labels)
    assert choice.weights[0] > 0.9
