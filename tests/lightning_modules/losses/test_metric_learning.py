"""The competitors of Table 6 against plain loops over triplets and pairs."""

import itertools

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from medrepro.lightning_modules.losses.metric_learning import LiftedCrossEntropyLoss, TripletCrossEntropyLoss
from tests.lightning_modules.losses import _references as reference

LABELS = [0, 1, 1, 0, 1, 0, 1]


def _distances(features: Tensor) -> Tensor:
    units = functional.normalize(features, dim=1)
    return torch.stack([torch.stack([(a - b).norm() for b in units]) for a in units])


def _triplet(features: Tensor, labels: list[int], margin: float) -> Tensor:
    """Mean over the triplets that violate the margin."""
    distance, losses = _distances(features), []
    for a, p, n in itertools.permutations(range(len(labels)), 3):
        if labels[a] == labels[p] != labels[n]:
            violation = distance[a, p] - distance[a, n] + margin
            if violation > 0:
                losses.append(violation)
    return torch.stack(losses).mean()


def _lifted(features: Tensor, labels: list[int], margin: float) -> Tensor:
    """Eq. 4 of Song et al. (2016), both orders of a pair counted and halved."""
    distance, losses = _distances(features), []
    for i, j in itertools.permutations(range(len(labels)), 2):
        if labels[i] == labels[j]:
            others = [(k, n) for k in (i, j) for n in range(len(labels)) if labels[n] != labels[k]]
            total = sum((torch.exp(margin - distance[k, n]) for k, n in others), distance.new_zeros(()))
            losses.append(functional.relu(torch.log(total) + distance[i, j]) ** 2 / 2)
    return torch.stack(losses).mean()


def test_triplet_equals_the_plain_loop() -> None:
    features, logits, labels = reference.batch(LABELS)
    expected = reference.cross_entropy(logits, labels) + 0.5 * _triplet(features, LABELS, 0.2)
    torch.testing.assert_close(TripletCrossEntropyLoss()(features, logits, labels), expected, rtol=0, atol=1e-10)


def test_lifted_equals_the_plain_loop() -> None:
    features, logits, labels = reference.batch(LABELS)
    expected = reference.cross_entropy(logits, labels) + 0.5 * _lifted(features, LABELS, 1.0)
    torch.testing.assert_close(LiftedCrossEntropyLoss()(features, logits, labels), expected, rtol=0, atol=1e-10)


def test_generalized_is_another_loss() -> None:
    features, logits, labels = reference.batch(LABELS)
    plain, generalized = (LiftedCrossEntropyLoss(generalized=g)(features, logits, labels) for g in (False, True))
    assert abs(plain.item() - generalized.item()) > 1e-3


@pytest.mark.parametrize("loss", [TripletCrossEntropyLoss(), LiftedCrossEntropyLoss()], ids=["CTL", "CIL"])
def test_a_one_class_batch_is_cross_entropy_alone(loss: torch.nn.Module) -> None:
    features, logits, labels = reference.batch([1, 1, 1])
    value = loss(features, logits, labels)
    value.backward()
    assert value.item() == pytest.approx(reference.cross_entropy(logits, labels).item(), abs=1e-10)
    assert features.grad is not None
    assert features.grad.eq(0).all()
