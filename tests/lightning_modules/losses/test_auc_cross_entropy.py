"""Eq. 13: cross-entropy and the AUC term, summed; exact over ranks."""

import math

import pytest
import torch
from sklearn.metrics import log_loss
from torch import Tensor

from medrepro.lightning_modules.losses.auc_cross_entropy import ALPHA, AUCCrossEntropyLoss
from tests._gloo import Run
from tests.lightning_modules.losses.test_pairwise_auc import double_loop, split, value_and_gradient


def batch(n: int = 20) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    logits = 2 * torch.randn(n, generator=generator, dtype=torch.float64)
    return logits, (torch.rand(n, generator=generator) < 0.4).long()


def reference(logits: Tensor, labels: Tensor, alpha: float, power: float) -> Tensor:
    scores = logits.sigmoid()
    true = torch.where(labels == 1, scores, 1 - scores)
    return -true.log().mean() + alpha * double_loop(scores, labels, power)


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("power", [2.0, 1.5])
def test_equals_equation_13(alpha: float, power: float) -> None:
    logits, labels = batch()
    value, gradient = value_and_gradient(AUCCrossEntropyLoss(alpha, power), logits, labels)
    leaf = logits.clone().requires_grad_()
    expected = reference(leaf, labels, alpha, power)
    (expected_gradient,) = torch.autograd.grad(expected, leaf)
    assert value == pytest.approx(float(expected.detach()), abs=1e-10)
    torch.testing.assert_close(gradient, expected_gradient, atol=1e-10, rtol=0)


def test_without_the_auc_term_it_is_the_log_loss() -> None:
    logits, labels = batch()
    expected = log_loss(labels.numpy(), logits.sigmoid().numpy())
    assert float(AUCCrossEntropyLoss(alpha=0)(logits, labels)) == pytest.approx(expected, rel=1e-12)


def test_the_papers_alphas() -> None:
    assert ALPHA == {32: 0.5, 48: 0.75, 64: 1.0}


def test_extreme_logits_stay_finite() -> None:
    logits = torch.tensor([100.0, -100.0, 1e4, -1e4])
    value, gradient = value_and_gradient(AUCCrossEntropyLoss(1.0), logits, torch.tensor([1, 0, 0, 1]))
    assert math.isfinite(value)
    assert gradient.isfinite().all()


def rank_value_and_gradient(shards: list[tuple[Tensor, Tensor]], power: float) -> tuple[float, Tensor]:
    return value_and_gradient(AUCCrossEntropyLoss(0.75, power), *shards[torch.distributed.get_rank()])


@pytest.mark.parametrize("power", [2.0, 0.5])
@pytest.mark.parametrize("cuts", [[13, 7], [2, 11, 7]])
def test_ranks_together_are_the_global_batch(gloo: Run, power: float, cuts: list[int]) -> None:
    logits, labels = batch()
    shards = split(logits, labels, cuts)
    results = gloo(len(cuts), rank_value_and_gradient, shards, power)
    expected, expected_gradient = value_and_gradient(AUCCrossEntropyLoss(0.75, power), logits, labels)
    assert sum(value for value, _ in results) / len(cuts) == pytest.approx(expected, abs=1e-10)
    gradient = torch.cat([g for _, g in results]) / len(cuts)
    torch.testing.assert_close(gradient, expected_gradient, atol=1e-10, rtol=0)


@pytest.mark.parametrize("alpha", [-0.1, math.inf, math.nan])
def test_a_wrong_weight_is_refused(alpha: float) -> None:
    with pytest.raises(ValueError, match="alpha must be a finite number >= 0"):
        AUCCrossEntropyLoss(alpha)


def test_two_class_logits_are_refused() -> None:
    with pytest.raises(ValueError, match=r"must both be \(N,\), found \(3, 2\) and \(3,\)"):
        AUCCrossEntropyLoss()(torch.zeros(3, 2), torch.zeros(3))
