"""The pairwise AUC loss against a double loop: value, gradient, one class, all ranks."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from medrepro.lightning_modules.losses import pairwise_auc as module
from medrepro.lightning_modules.losses.pairwise_auc import PairwiseAUCLoss
from tests._gloo import Run

POWERS = [1.0, 2.0, 3.0, 0.5, 2.5]


def double_loop(scores: Tensor, labels: Tensor, power: float) -> Tensor:
    """Eq. 12, pair by pair."""
    positives = [s for s, y in zip(scores, labels, strict=True) if y == 1]
    negatives = [s for s, y in zip(scores, labels, strict=True) if y == 0]
    total = scores.sum() * 0
    for s in positives:
        for t in negatives:
            total = total + (1 - (s - t)) ** power
    return total / (power * max(1, len(positives) * len(negatives)))


def batch(n: int, seed: int = 0, prevalence: float = 0.3) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    scores = 0.02 + 0.96 * torch.rand(n, generator=generator, dtype=torch.float64)  # away from saturation
    return scores, (torch.rand(n, generator=generator) < prevalence).long()


def value_and_gradient(loss: torch.nn.Module, scores: Tensor, labels: Tensor) -> tuple[float, Tensor]:
    leaf = scores.clone().requires_grad_()
    value = loss(leaf, labels)
    (gradient,) = torch.autograd.grad(value, leaf)
    return float(value.detach()), gradient


def reference(scores: Tensor, labels: Tensor, power: float) -> tuple[float, Tensor]:
    leaf = scores.clone().requires_grad_()
    value = double_loop(leaf, labels, power)
    (gradient,) = torch.autograd.grad(value, leaf)
    return float(value.detach()), gradient


def test_the_list_is_whole() -> None:
    assert len(POWERS) == 5


@pytest.mark.parametrize("power", POWERS)
def test_equals_the_double_loop_with_its_gradient(power: float) -> None:
    scores, labels = batch(37)
    value, gradient = value_and_gradient(PairwiseAUCLoss(power), scores, labels)
    expected, expected_gradient = reference(scores, labels, power)
    assert value == pytest.approx(expected, abs=1e-10)
    torch.testing.assert_close(gradient, expected_gradient, atol=1e-10, rtol=0)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 6), st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=30))
def test_integer_powers_equal_the_pairs_for_any_batch(power: int, samples: list[tuple[float, bool]]) -> None:
    scores = torch.tensor([s for s, _ in samples], dtype=torch.float64)
    labels = torch.tensor([int(y) for _, y in samples])
    by_sums = float(PairwiseAUCLoss(power)(scores, labels))
    by_pairs = float(module._from_pairs(scores, labels == 1, float(power), distributed=False))
    assert by_sums == pytest.approx(by_pairs, rel=1e-12, abs=1e-300)


@pytest.mark.parametrize("power", POWERS)
@pytest.mark.parametrize("label", [0, 1])
def test_one_class_costs_nothing_and_stays_differentiable(power: float, label: int) -> None:
    scores, _ = batch(5)
    value, gradient = value_and_gradient(PairwiseAUCLoss(power), scores, torch.full((5,), label))
    assert value == 0
    assert torch.equal(gradient, torch.zeros(5, dtype=torch.float64))


@pytest.mark.parametrize("power", [*POWERS, 0.01, 20.0])
def test_finite_at_saturation(power: float) -> None:
    scores = torch.tensor([1.0, 1.0, 0.0, 0.0, 1.0, 0.0], dtype=torch.float32)
    labels = torch.tensor([1, 1, 0, 0, 0, 1])  # ordered, reversed and tied pairs, all at the edge
    value, gradient = value_and_gradient(PairwiseAUCLoss(power), scores, labels)
    assert math.isfinite(value)
    assert gradient.isfinite().all()


@pytest.mark.parametrize("power", POWERS)
def test_small_chunks_change_nothing(power: float, monkeypatch: pytest.MonkeyPatch) -> None:
    scores, labels = batch(50)
    whole = value_and_gradient(PairwiseAUCLoss(power), scores, labels)
    monkeypatch.setattr(module, "PAIRS_AT_ONCE", 3)
    pieces = value_and_gradient(PairwiseAUCLoss(power), scores, labels)
    assert pieces[0] == pytest.approx(whole[0], rel=1e-12)
    torch.testing.assert_close(pieces[1], whole[1], atol=1e-14, rtol=1e-10)


def test_known_values() -> None:
    scores, labels = torch.tensor([0.9, 0.2]), torch.tensor([1, 0])
    assert float(PairwiseAUCLoss(1)(scores, labels)) == pytest.approx(0.3)
    assert float(PairwiseAUCLoss(2)(scores, labels)) == pytest.approx(0.045)  # Eq. 11: 0.3^2 / 2


def test_equals_the_square_of_libauc() -> None:
    libauc = pytest.importorskip("libauc.losses")
    scores, labels = batch(200)
    theirs = libauc.PairwiseAUCLoss(surr_loss="squared", hparam=1.0)(scores, labels)
    assert float(PairwiseAUCLoss(2)(scores, labels)) == pytest.approx(float(theirs) / 2, rel=1e-12)


def test_half_precision_scores_are_summed_in_single() -> None:
    scores, labels = batch(4000)
    value = PairwiseAUCLoss(2)(scores.bfloat16(), labels)
    assert value.dtype == torch.float32
    assert float(value) == pytest.approx(float(PairwiseAUCLoss(2)(scores, labels)), rel=1e-2)


@pytest.mark.parametrize("power", [0.0, -1.0, math.inf, math.nan])
def test_a_power_that_is_none_is_refused(power: float) -> None:
    with pytest.raises(ValueError, match="power must be a finite number > 0"):
        PairwiseAUCLoss(power)


@pytest.mark.parametrize(
    ("scores", "labels", "message"),
    [
        ([[0.5]], [[1]], r"must both be \(N,\), found \(1, 1\)"),
        ([0.5, 0.1], [1], r"found \(2,\) and \(1,\)"),
        ([1.5, 0.1], [1, 0], r"probabilities in \[0, 1\], found 0.1 to 1.5; apply a sigmoid"),
        ([math.nan, 0.1], [1, 0], "probabilities in"),
        ([0.5, 0.1], [1, -1], r"labels must be 0 or 1, found \[-1, 1\]"),
    ],
)
def test_wrong_input_is_refused(scores: list[float], labels: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PairwiseAUCLoss()(torch.tensor(scores), torch.tensor(labels))


def rank_value_and_gradient(
    shards: list[tuple[Tensor, Tensor]], power: float, training: bool = True
) -> tuple[float, Tensor]:
    scores, labels = shards[torch.distributed.get_rank()]
    return value_and_gradient(PairwiseAUCLoss(power).train(training), scores, labels)


def split(scores: Tensor, labels: Tensor, cuts: list[int]) -> list[tuple[Tensor, Tensor]]:
    """One shard a rank, each with memory of its own: shards are pickled."""
    parts = zip(torch.split(scores, cuts), torch.split(labels, cuts), strict=True)
    return [(s.clone(), y.clone()) for s, y in parts]


def shards_of(n: int, cuts: list[int]) -> tuple[Tensor, Tensor, list[tuple[Tensor, Tensor]]]:
    scores, labels = batch(n)
    return scores, labels, split(scores, labels, cuts)


@pytest.mark.parametrize("power", POWERS)
@pytest.mark.parametrize("cuts", [[12, 8], [11, 2, 7]])
def test_ranks_together_are_the_global_batch(gloo: Run, power: float, cuts: list[int]) -> None:
    scores, labels, shards = shards_of(20, cuts)
    results = gloo(len(cuts), rank_value_and_gradient, shards, power)
    expected, expected_gradient = reference(scores, labels, power)
    assert [value for value, _ in results] == pytest.approx([expected] * len(cuts), abs=1e-10)
    gradient = torch.cat([g for _, g in results]) / len(cuts)  # what DDP's average makes of it
    torch.testing.assert_close(gradient, expected_gradient, atol=1e-10, rtol=0)


@pytest.mark.parametrize("power", [2.0, 2.5])
def test_a_rank_without_positives_still_meets_the_others(gloo: Run, power: float) -> None:
    scores, _ = batch(6)
    labels = torch.tensor([1, 1, 1, 0, 0, 0])
    shards = [(scores[:3].clone(), labels[:3]), (scores[3:].clone(), labels[3:])]
    results = gloo(2, rank_value_and_gradient, shards, power)
    expected, expected_gradient = reference(scores, labels, power)
    assert results[0][0] == pytest.approx(expected, abs=1e-10)
    torch.testing.assert_close(torch.cat([g for _, g in results]) / 2, expected_gradient, atol=1e-10, rtol=0)


def test_evaluation_looks_at_this_rank_only(gloo: Run) -> None:
    _, _, shards = shards_of(20, [12, 8])
    results = gloo(2, rank_value_and_gradient, shards, 2.0, False)
    assert [value for value, _ in results] == pytest.approx([reference(*s, 2.0)[0] for s in shards], abs=1e-10)
