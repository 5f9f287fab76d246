"""BatchSimilarityLoss against a plain-loop reading of Eqs. 5-9."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from medrepro.lightning_modules.losses.batch_similarity import BatchSimilarityLoss
from tests.lightning_modules.losses import _references as reference

BATCHES = [
    pytest.param([0, 0, 1, 1, 0, 1], id="two classes"),
    pytest.param([0, 0, 0, 0, 1], id="one sample without positives"),
    pytest.param([0, 1], id="no row has positives"),
    pytest.param([1, 1, 1], id="no row has negatives"),
    pytest.param([0], id="one sample"),
    pytest.param([2, 0, 1, 2, 1, 1, 0], id="three classes"),
]


def _value_and_gradient(loss: torch.Tensor, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    (gradient,) = torch.autograd.grad(loss, features)
    return loss.detach(), gradient


@pytest.mark.parametrize("margin", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("labels", BATCHES)
def test_equals_the_plain_loop(labels: list[int], margin: float) -> None:
    assert len(BATCHES) == 6
    features, _, targets = reference.batch(labels)
    ours = _value_and_gradient(BatchSimilarityLoss(margin)(features, targets), features)
    loops = _value_and_gradient(reference.batch_similarity(features, targets, margin), features)
    for one, other in zip(ours, loops, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-10)


@settings(max_examples=40, deadline=None)
@given(
    labels=st.lists(st.integers(0, 2), min_size=1, max_size=9),
    margin=st.floats(0, 1),
    seed=st.integers(0, 10**6),
)
def test_equals_the_plain_loop_on_any_batch(labels: list[int], margin: float, seed: int) -> None:
    features, _, targets = reference.batch(labels, length=4, seed=seed)
    ours = _value_and_gradient(BatchSimilarityLoss(margin)(features, targets), features)
    loops = _value_and_gradient(reference.batch_similarity(features, targets, margin), features)
    for one, other in zip(ours, loops, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-10)


@pytest.mark.parametrize("labels", [[0], [1, 1, 1], [0, 1]])
def test_without_a_complete_row_the_loss_is_zero_and_differentiable(labels: list[int]) -> None:
    features, _, targets = reference.batch(labels)
    loss = BatchSimilarityLoss()(features, targets)
    loss.backward()
    assert loss.item() == 0
    assert features.grad is not None
    assert features.grad.eq(0).all()


def test_squaring_makes_opposite_features_perfect_positives() -> None:
    """s = -1 costs what s = +1 costs: why a ReLU belongs before this loss."""
    along, across = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])
    labels = torch.tensor([0, 0, 1, 1])
    aligned = BatchSimilarityLoss(margin=1.0)(torch.stack([along, along, across, across]), labels)
    opposite = BatchSimilarityLoss(margin=1.0)(torch.stack([along, -along, across, -across]), labels)
    orthogonal = BatchSimilarityLoss(margin=1.0)(torch.stack([along, across, along, across]), labels)
    assert aligned.item() == opposite.item() == 0
    assert orthogonal.item() == pytest.approx(1 - 0 + 0.5)


def test_dead_features_give_finite_gradients() -> None:
    features, _, labels = reference.batch([0, 1, 0, 1])
    dead = (features * torch.tensor([[0.0], [1.0], [1.0], [1.0]], dtype=torch.float64)).requires_grad_()
    (gradient,) = torch.autograd.grad(BatchSimilarityLoss(1.0)(dead, labels), dead)
    assert gradient.isfinite().all()


def test_half_precision_features_are_compared_in_single_precision() -> None:
    features, _, labels = reference.batch([0, 0, 1, 1, 1])
    half = features.detach().to(torch.bfloat16)
    loss = BatchSimilarityLoss()(half, labels)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(BatchSimilarityLoss()(half.double(), labels).item(), abs=1e-6)


@pytest.mark.parametrize("margin", [-0.1, 1.01, float("nan")])
def test_refuses_a_margin_outside_the_unit_interval(margin: float) -> None:
    with pytest.raises(ValueError, match=r"margin must lie in \[0, 1\]"):
        BatchSimilarityLoss(margin)


def test_refuses_shapes_that_do_not_belong_together() -> None:
    with pytest.raises(ValueError, match=r"expected features \(N, L\) and labels \(N,\)"):
        BatchSimilarityLoss()(torch.zeros(4, 3), torch.zeros(3, dtype=torch.long))
    with pytest.raises(ValueError, match=r"found \(4, 3, 2\)"):
        BatchSimilarityLoss()(torch.zeros(4, 3, 2), torch.zeros(4, dtype=torch.long))
