"""QuadSNetModule: which loss sees what, weights from counts, baselines, checkpoints, optimiser."""

from pathlib import Path
from typing import Any, get_args

import pytest
import torch
from torch.nn import functional

from medrepro.lightning_modules.losses.cross_entropy import CrossEntropyLoss
from medrepro.lightning_modules.losses.margin import MarginLoss
from medrepro.lightning_modules.networks.timm_classifier import BASELINES, BaselineName, TimmClassifier
from medrepro.lightning_modules.quadsnet import LossName, QuadSNetModule

TINY: dict[str, Any] = {"widths": (2, 2, 3, 4), "in_channels": 1, "channels_last": False}


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(6, 1, 32, 32, generator=generator), torch.tensor([0, 1, 1, 1, 1, 1])


@pytest.mark.parametrize("loss", get_args(LossName))
@pytest.mark.parametrize("squash", ["sigmoid", "softmax"])
def test_margin_losses_see_squashed_logits_and_cross_entropy_the_logits(loss: LossName, squash: Any) -> None:
    module = QuadSNetModule(**TINY, loss=loss, squash=squash, class_counts=(1, 5)).eval()
    images, labels = batch()
    logits = module.logits(images)
    weights = [3.0, 0.6]
    v = torch.sigmoid(logits) if squash == "sigmoid" else functional.softmax(logits, dim=1)
    expected = {
        "margin": lambda: MarginLoss(class_weights=weights)(v, labels),
        "margin-capsule": lambda: MarginLoss(class_weights=weights, form="capsule")(v, labels),
        "ce": lambda: CrossEntropyLoss(weights)(logits, labels),
    }
    assert len(expected) == len(get_args(LossName))
    torch.testing.assert_close(module.batch_loss(images, labels), expected[loss]())


def test_margins_and_down_weight_reach_the_loss() -> None:
    module = QuadSNetModule(**TINY, class_weights="none", m_pos=0.8, m_neg=0.3, down_weight=0.25).eval()
    images, labels = batch()
    expected = MarginLoss(0.8, 0.3, 0.25)(torch.sigmoid(module.logits(images)), labels)
    torch.testing.assert_close(module.batch_loss(images, labels), expected)
    with pytest.raises(ValueError, match="0 <= m_neg < m_pos"):
        QuadSNetModule(**TINY, class_weights="none", m_pos=0.2, m_neg=0.3)


def test_unweighted_needs_no_counts_and_balanced_needs_one_a_class() -> None:
    assert QuadSNetModule(**TINY, class_weights="none").loss.class_weights is None
    for counts in (None, (3,), (1, 2, 3)):
        with pytest.raises(ValueError, match="needs? class_counts, one for each of 2 classes"):
            QuadSNetModule(**TINY, class_counts=counts)


def test_defaults_are_the_papers() -> None:
    module = QuadSNetModule(class_counts=(1, 1))
    assert sum(p.numel() for p in module.parameters() if p.requires_grad) == 5_242_728
    optimizer = module.configure_optimizers()
    assert isinstance(optimizer, torch.optim.Adam)
    assert optimizer.defaults["lr"] == 1e-4
    assert module.augment is None
    assert isinstance(module.loss, MarginLoss)
    assert (module.loss.m_pos, module.loss.m_neg, module.loss.down_weight) == (0.9, 0.1, 0.5)


def test_cosine_ends_at_zero() -> None:
    module = QuadSNetModule(**TINY, class_counts=(1, 1), schedule="cosine", epochs=4)
    schedule = module.configure_optimizers()["lr_scheduler"]
    for _ in range(4):
        schedule.optimizer.step()
        schedule.step()
    assert schedule.get_last_lr()[0] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("network", BASELINES)
def test_every_baseline_can_take_the_networks_place(network: BaselineName) -> None:
    with torch.device("meta"):
        module = QuadSNetModule(network=network, num_classes=4, class_weights="none")
    assert isinstance(module.network, TimmClassifier)
    assert module.logits(torch.empty(2, 3, 80, 80, device="meta")).shape == (2, 4)


def test_a_checkpoint_restores_the_module_without_pickle(tmp_path: Path) -> None:
    module = QuadSNetModule(**TINY, streams=("cs1", "ss2"), class_counts=(2, 5)).eval()
    state = {"state_dict": module.state_dict(), "hyper_parameters": dict(module.hparams)}
    torch.save({**state, "pytorch-lightning_version": "2.6.0"}, tmp_path / "model.ckpt")
    restored = QuadSNetModule.load_from_checkpoint(tmp_path / "model.ckpt", weights_only=True).eval()
    images, _ = batch()
    torch.testing.assert_close(restored.probabilities(images), module.probabilities(images))


@pytest.mark.parametrize("loss", get_args(LossName))
def test_a_few_steps_learn_a_few_images(loss: LossName) -> None:
    torch.manual_seed(0)
    module = QuadSNetModule(**TINY, loss=loss, class_counts=(1, 5), dropout=0.0, lr=1e-2)
    images, labels = batch()
    images[labels == 0] *= 0.2
    optimizer = module.configure_optimizers()
    losses: list[float] = []
    for _ in range(20):
        optimizer.zero_grad()
        value = module.batch_loss(images, labels)
        torch.autograd.backward(value)
        optimizer.step()
        losses.append(value.item())
    assert losses[-1] < 0.7 * losses[0]


def test_a_rare_class_that_is_lost_returns_under_sigmoid_and_not_under_softmax() -> None:
    # Where the loss of class 0 comes to rest: both outputs at their margins, or the first at its margin.
    rest = {"sigmoid": torch.logit(torch.tensor([[0.9**0.5, 0.1**0.5]])), "softmax": torch.tensor([[3.0, 0.0]])}
    gradients = {}
    for name, logits in rest.items():
        v = torch.sigmoid(logits.requires_grad_()) if name == "sigmoid" else logits.requires_grad_().softmax(dim=1)
        torch.autograd.backward(MarginLoss()(v, torch.tensor([1])))
        assert logits.grad is not None
        gradients[name] = abs(float(logits.grad[0, 1]))
    assert gradients["sigmoid"] > 2 * gradients["softmax"]
