"""ResNet-MLB: the losses of Table 6 behind one call, the optimiser of Sec. 3.1.2, first steps that stay as they are."""

import pytest
import torch
from torch.nn import functional
from torch.optim import Adam
from torch.optim.lr_scheduler import LRScheduler

from medrepro.lightning_modules.egfr import EGFRModule, LossName, table6_loss
from medrepro.lightning_modules.losses.batch_similarity import BatchSimilarityLoss

LOSSES: tuple[LossName, ...] = ("ce", "ctl", "cil", "ml")


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(12, 1, 64, 64, generator=generator), torch.tensor([0, 1, 1] * 4)


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_of_table_6_trains(loss: LossName) -> None:
    assert len(LOSSES) == 4
    torch.manual_seed(0)
    module = EGFRModule("resnet18", scale="quick", loss=loss)
    optimizer = Adam(module.parameters(), lr=1e-3)
    images, labels = batch()
    values = []
    for _ in range(8):
        optimizer.zero_grad()
        value = module.batch_loss(images, labels)
        value.backward()
        optimizer.step()
        values.append(value.item())
    assert values[-1] < values[0]
    gradients = [p.grad for p in module.parameters() if p.requires_grad]
    assert all(g is not None and g.isfinite().all() for g in gradients)


def test_the_mixed_loss_is_its_two_terms() -> None:
    module = EGFRModule("resnet18", scale="quick", beta=0.7, gamma=0.3, margin=0.9).eval()
    images, labels = batch()
    with torch.no_grad():
        features, logits = module.network(images)
        expected = 0.7 * functional.cross_entropy(logits, labels) + 0.3 * BatchSimilarityLoss(0.9)(features, labels)
        assert module.batch_loss(images, labels).item() == pytest.approx(expected.item(), abs=1e-6)


def test_features_are_never_negative_so_no_cosine_is() -> None:
    module = EGFRModule("resnet18", scale="quick")
    assert module.network(batch()[0])[0].min() >= 0


def test_optimiser_is_the_papers() -> None:
    optimizer = EGFRModule("resnet18", scale="quick").configure_optimizers()
    assert isinstance(optimizer, Adam)
    group = optimizer.param_groups[0]
    assert (group["lr"], group["weight_decay"]) == (1e-4, 1e-8)


def test_cosine_schedule_ends_at_zero() -> None:
    configured = EGFRModule("resnet18", scale="quick", schedule="cosine", epochs=4).configure_optimizers()
    assert isinstance(configured, dict)
    optimizer, scheduler = configured["optimizer"], dict(configured)["lr_scheduler"]
    assert isinstance(scheduler, LRScheduler)
    for _ in range(4):
        optimizer.step()
        scheduler.step()
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.0, abs=1e-12)


def test_cross_entropy_ignores_the_similarity() -> None:
    loss = table6_loss("ce", beta=1.0, gamma=0.5, margin=0.5)
    features, logits, labels = torch.rand(6, 4), torch.randn(6, 2), torch.tensor([0, 1] * 3)
    assert torch.allclose(loss(features, logits, labels), functional.cross_entropy(logits, labels))
