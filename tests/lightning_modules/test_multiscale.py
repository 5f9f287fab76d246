"""The multi-scale modules: one logit as two classes, the loss of each scale, masks augmented with their image."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.lr_scheduler import CosineAnnealingLR, StepLR

from medrepro.lightning_modules.losses.auc_cross_entropy import AUCCrossEntropyLoss
from medrepro.lightning_modules.multiscale import (
    MultiScaleModule,
    MultiScaleSegmenter,
    NetworkName,
    SegmenterName,
    build_classifier,
    build_segmenter,
    truth,
)

CLASSIFIERS: dict[NetworkName, int] = {
    "light10": 942_397,
    "ifm": 972_613,
    "zi-net-oa": 964_501,
    "zi-net-dt": 964_501,
    "kiu-net": 968_029,
    "das": 689_733,
    "u-net": 1_322_565,
}
SEGMENTERS: dict[SegmenterName, int] = {
    "u-net": 365_537,
    "kiu-net": 28_673,
    "zi-net-oa": 1_115_865,
    "zi-net-dt": 1_115_865,
    "ifm": 1_123_977,
}


def parameters(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def crops(n: int = 4, channels: int = 1, size: int = 8) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(n, channels, size, size, size, generator=generator), torch.arange(n) % 2


def test_the_tables_rows_are_all_there() -> None:
    assert (len(CLASSIFIERS), len(SEGMENTERS)) == (7, 5)


@pytest.mark.parametrize(("name", "count"), CLASSIFIERS.items())
def test_full_width_classifiers_have_the_documented_counts(name: NetworkName, count: int) -> None:
    assert parameters(build_classifier(name)) == count


@pytest.mark.parametrize(("name", "count"), SEGMENTERS.items())
def test_full_width_segmenters_have_the_documented_counts(name: SegmenterName, count: int) -> None:
    assert parameters(build_segmenter(name)) == count


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_width_scales_every_network(name: NetworkName) -> None:
    assert parameters(build_classifier(name, 0.5)) < 0.5 * CLASSIFIERS[name]


def test_the_softmax_of_two_logits_is_the_sigmoid_of_one() -> None:
    module = MultiScaleModule("light10", width=0.25).eval()
    images, _ = crops()
    probabilities = module.probabilities(images)
    torch.testing.assert_close(probabilities[:, 1], module.network(images).squeeze(1).sigmoid())
    torch.testing.assert_close(probabilities.sum(dim=1), torch.ones(4))


@pytest.mark.parametrize(("scale", "alpha"), [(32, 0.5), (48, 0.75), (64, 1.0)])
def test_alpha_follows_the_scale_unless_it_is_given(scale: int, alpha: float) -> None:
    module = MultiScaleModule("light10", scale=scale, width=0.25)  # type: ignore[arg-type]  # a parametrised literal
    assert module.loss.alpha == alpha
    assert MultiScaleModule("light10", scale=48, alpha=2.0, width=0.25).loss.alpha == 2.0
    assert MultiScaleModule("light10", loss="ce", width=0.25).loss.alpha == 0.0


def test_the_loss_is_equation_13_of_the_networks_logit() -> None:
    module = MultiScaleModule("light10", scale=48, width=0.25).eval()
    images, labels = crops()
    expected = AUCCrossEntropyLoss(0.75).eval()(module.network(images).squeeze(1), labels)
    torch.testing.assert_close(module.batch_loss(images, labels), expected)


def test_the_learning_rate_falls_to_a_tenth_every_30_epochs() -> None:
    block = MultiScaleModule("light10", width=0.25).configure_optimizers()
    optimizer, scheduler = block["optimizer"], block["lr_scheduler"]
    assert isinstance(scheduler, StepLR)
    rates = []
    for _ in range(61):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    assert [rates[i] for i in (0, 29, 30, 59, 60)] == pytest.approx([1e-3, 1e-3, 1e-4, 1e-4, 1e-5])
    short = MultiScaleModule("light10", width=0.25, schedule="cosine").configure_optimizers()
    assert isinstance(short["lr_scheduler"], CosineAnnealingLR)


def test_a_segmenter_does_not_look_at_the_mask() -> None:
    module = MultiScaleSegmenter("u-net", width=0.25).eval()
    images, _ = crops(channels=2)
    other = images.clone()
    other[:, 1] = 0
    assert torch.equal(module.logits(images), module.logits(other))
    assert module.logits(images).shape == (4, 1, 8, 8, 8)


@pytest.mark.parametrize("loss", ["dice-ce", "ce"])
def test_a_segmenters_loss(loss: str) -> None:
    module = MultiScaleSegmenter("u-net", loss=loss, width=0.25).eval()  # type: ignore[arg-type]
    images, labels = crops(channels=2)
    logits, masks = module.logits(images), truth(images)
    entropy = functional.binary_cross_entropy_with_logits(logits, masks)
    found = module.batch_loss(images, labels)
    assert float(found.detach()) == pytest.approx(float(entropy.detach()), rel=1e-5) or loss == "dice-ce"
    assert float(found.detach()) > float(entropy.detach()) + 0.1 or loss == "ce"


def test_image_and_mask_are_augmented_alike() -> None:
    module = MultiScaleSegmenter("u-net", width=0.25)
    image, _ = crops(n=16, size=12)
    image = (image > 0.5).float()
    images = torch.cat([image, image], dim=1)  # a mask that is its image stays it
    assert module.augment is not None
    moved = module.augment(images, torch.arange(16), 3)
    torch.testing.assert_close(moved[:, 0], moved[:, 1])
    assert not torch.equal(moved, images)
    assert set(truth(moved).flatten().tolist()) == {0.0, 1.0}


def test_overlap_is_per_case_and_j_is_d_over_2_minus_d(monkeypatch: pytest.MonkeyPatch) -> None:
    module = MultiScaleSegmenter("u-net", width=0.25)
    found = torch.zeros(3, 1, 4, 4, 4)
    real = torch.zeros(3, 1, 4, 4, 4)
    real[:, :, :2] = 1  # 32 voxels
    found[0, :, :2] = 1  # all of them
    found[1, :, 1:3] = 1  # half of them, and as many others
    monkeypatch.setattr(module, "logits", lambda _: found - 0.5)
    dice, jaccard = module.overlap(torch.cat([torch.zeros_like(real), real], dim=1))
    torch.testing.assert_close(dice, torch.tensor([1.0, 0.5, 0.0]))
    torch.testing.assert_close(jaccard, dice / (2 - dice))
