"""MixedLoss against a plain-loop reading of Eqs. 5-11."""

import pytest
import torch
from torch.nn import functional

from medrepro.lightning_modules.losses.mixed import MixedLoss
from tests.lightning_modules.losses import _references as reference

LABELS = [[0, 0, 1, 1, 0, 1], [0, 0, 0, 1], [1, 1, 1], [0, 1], [1]]


@pytest.mark.parametrize("labels", LABELS, ids=str)
@pytest.mark.parametrize(("beta", "gamma", "margin"), [(1.0, 0.5, 0.5), (0.3, 1.0, 1.0), (0.0, 0.7, 0.2)])
def test_equals_the_plain_loop(labels: list[int], beta: float, gamma: float, margin: float) -> None:
    assert len(LABELS) == 5
    features, logits, targets = reference.batch(labels)
    ours = MixedLoss(beta, gamma, margin)(features, logits, targets)
    loops = reference.mixed(features, logits, targets, beta, gamma, margin)
    torch.testing.assert_close(ours, loops, rtol=0, atol=1e-10)
    for one, other in zip(
        torch.autograd.grad(ours, (features, logits)),
        torch.autograd.grad(loops, (features, logits), allow_unused=True),
        strict=True,
    ):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-10)


def test_defaults_are_the_papers() -> None:
    loss = MixedLoss()
    assert (loss.beta, loss.gamma, loss.batch_similarity.margin) == (1.0, 0.5, 0.5)


def test_without_gamma_it_is_cross_entropy() -> None:
    features, logits, labels = reference.batch([0, 1, 1, 0])
    loss = MixedLoss(gamma=0)(features, logits, labels)
    assert loss.item() == pytest.approx(functional.cross_entropy(logits, labels).item(), abs=1e-12)
    (gradient,) = torch.autograd.grad(loss, features, allow_unused=True)
    assert gradient is None


@pytest.mark.parametrize(("beta", "gamma"), [(-1.0, 0.5), (1.0, -0.5)])
def test_refuses_negative_weights(beta: float, gamma: float) -> None:
    with pytest.raises(ValueError, match="weights must be >= 0"):
        MixedLoss(beta, gamma)
