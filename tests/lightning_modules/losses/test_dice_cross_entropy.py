"""Dice and cross-entropy, by plain loops and over ranks."""

import pytest
import torch
from torch import Tensor

from medrepro.lightning_modules.losses.dice_cross_entropy import DiceCrossEntropyLoss
from tests._gloo import Run
from tests.lightning_modules.losses.test_pairwise_auc import split, value_and_gradient


def batch(n: int = 5) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(2)
    logits = torch.randn(n, 1, 4, 4, 4, generator=generator, dtype=torch.float64)
    return logits, (torch.rand(n, 1, 4, 4, 4, generator=generator) < 0.3).double()


@pytest.mark.parametrize("weight", [0.0, 1.0, 0.5])
def test_equals_its_formula_case_by_case(weight: float) -> None:
    logits, masks = batch()
    total = 0.0
    for z, mask in zip(logits, masks, strict=True):
        p = z.sigmoid()
        entropy = -(mask * p.log() + (1 - mask) * (1 - p).log()).mean()
        dice = 1 - (2 * (p * mask).sum() + 1e-5) / (p.sum() + mask.sum() + 1e-5)
        total += float(entropy + weight * dice)
    assert float(DiceCrossEntropyLoss(weight)(logits, masks)) == pytest.approx(total / 5, rel=1e-8)


def rank_value_and_gradient(shards: list[tuple[Tensor, Tensor]]) -> tuple[float, Tensor]:
    return value_and_gradient(DiceCrossEntropyLoss(), *shards[torch.distributed.get_rank()])


def test_ranks_together_are_the_global_batch(gloo: Run) -> None:
    logits, masks = batch()
    results = gloo(2, rank_value_and_gradient, split(logits, masks, [4, 1]))
    expected, expected_gradient = value_and_gradient(DiceCrossEntropyLoss(), logits, masks)
    assert sum(value for value, _ in results) / 2 == pytest.approx(expected, rel=1e-10)
    torch.testing.assert_close(torch.cat([g for _, g in results]) / 2, expected_gradient, atol=1e-12, rtol=1e-8)


def test_other_shapes_and_negative_weights_are_refused() -> None:
    with pytest.raises(ValueError, match="must have one shape"):
        DiceCrossEntropyLoss()(torch.zeros(1, 1, 4, 4, 4), torch.zeros(1, 4, 4, 4))
    with pytest.raises(ValueError, match="dice_weight must be >= 0, found -1"):
        DiceCrossEntropyLoss(-1)
