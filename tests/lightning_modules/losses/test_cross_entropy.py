"""CrossEntropyLoss against torch's own on one process, with and without weights, and its errors."""

import pytest
import torch
from torch.nn import functional

from medrepro.lightning_modules.losses.cross_entropy import CrossEntropyLoss


@pytest.mark.parametrize("weights", [None, [0.25, 2.0, 1.0]])
@pytest.mark.parametrize("shape", [(), (5,), (2, 3, 4)])
def test_equals_torch_on_one_process(weights: list[float] | None, shape: tuple[int, ...]) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(6, 3, *shape, generator=generator, dtype=torch.float64)
    labels = torch.randint(0, 3, (6, *shape), generator=generator)
    expected = functional.cross_entropy(
        logits, labels, weight=None if weights is None else torch.tensor(weights, dtype=torch.float64)
    )
    torch.testing.assert_close(CrossEntropyLoss(weights)(logits, labels), expected, rtol=0, atol=1e-12)


def test_a_batch_of_weightless_classes_costs_nothing() -> None:
    logits = torch.randn(3, 2, requires_grad=True)
    loss = CrossEntropyLoss([0.0, 1.0])(logits, torch.zeros(3, dtype=torch.long))
    loss.backward()
    assert loss.item() == 0
    assert logits.grad is not None
    assert logits.grad.eq(0).all()


@pytest.mark.parametrize("weights", [[-1.0, 1.0], [0.0, 0.0], [float("nan"), 1.0], [float("inf"), 1.0]])
def test_refuses_useless_weights(weights: list[float]) -> None:
    with pytest.raises(ValueError, match="class weights must be finite"):
        CrossEntropyLoss(weights)


def test_refuses_shapes_that_do_not_belong_together() -> None:
    with pytest.raises(ValueError, match=r"labels \(3,\) do not fit logits \(4, 2\)"):
        CrossEntropyLoss()(torch.zeros(4, 2), torch.zeros(3, dtype=torch.long))
    with pytest.raises(ValueError, match="3 class weights for 2 classes"):
        CrossEntropyLoss([1.0, 1.0, 1.0])(torch.zeros(4, 2), torch.zeros(4, dtype=torch.long))
