"""EGFRNet: the counts of Table 4, shapes, features that suit the mixed loss, errors."""

from typing import cast, get_args

import pytest
import torch

from medrepro.lightning_modules.networks.counting import keras_parameter_count, macs, trainable_count
from medrepro.lightning_modules.networks.egfr import Backbone, EGFRNet, Scale

# backbone: (Keras total, Table 4's millions)
PAPER_COUNTS: dict[Backbone, tuple[int, float]] = {
    "vgg16": (7_219_338, 7.18),
    "resnet18": (2_822_746, 2.82),
    "resnet34": (3_635_038, 3.64),
    "resnet50": (4_048_719, 4.06),
    "densenet": (2_124_562, 2.12),
}
STANDARD_COUNTS: dict[Backbone, int] = {
    "vgg16": 136_358_082,
    "resnet18": 11_433_922,
    "resnet34": 21_542_082,
    "resnet50": 24_551_874,
    "densenet": 7_473_410,
}


@pytest.mark.parametrize("backbone", get_args(Backbone))
def test_paper_scale_has_table_4s_parameters(backbone: Backbone) -> None:
    assert list(PAPER_COUNTS) == list(get_args(Backbone))
    count, millions = PAPER_COUNTS[backbone]
    network = EGFRNet(backbone)
    assert keras_parameter_count(network) == count
    assert count / 1e6 == pytest.approx(millions, rel=0.006)


@pytest.mark.parametrize("backbone", get_args(Backbone))
def test_standard_scale_is_timms_network_with_a_512_head(backbone: Backbone) -> None:
    assert list(STANDARD_COUNTS) == list(get_args(Backbone))
    with torch.device("meta"):  # a count needs no memory
        network = EGFRNet(backbone, "standard")
    assert trainable_count(network) == STANDARD_COUNTS[backbone]


def test_quick_resnet18_is_small() -> None:
    network = EGFRNet("resnet18", "quick")
    assert keras_parameter_count(network) == 771_202
    assert macs(network, (1, 64, 64)) == 9_520_128


@pytest.mark.parametrize("backbone", get_args(Backbone))
def test_every_quick_network_is_below_a_million_parameters(backbone: Backbone) -> None:
    network = EGFRNet(backbone, "quick")
    assert 0.5e6 < keras_parameter_count(network) < 1e6
    assert macs(network, (1, 64, 64)) < 20e6


@pytest.mark.parametrize(
    ("backbone", "scale"),
    [(b, s) for b in get_args(Backbone) for s in get_args(Scale) if (b, s) != ("vgg16", "standard")],
)
def test_shapes_and_non_negative_features(backbone: Backbone, scale: Scale) -> None:
    network = EGFRNet(backbone, scale, in_channels=2, num_classes=3, embedding_dim=20).eval()
    features, logits = network(torch.randn(2, 2, 64, 64))
    assert features.shape == (2, 20)
    assert logits.shape == (2, 3)
    assert features.min() >= 0
    assert logits.min() < 0 or logits.max() > 0


@pytest.mark.parametrize("backbone", get_args(Backbone))
def test_every_parameter_learns(backbone: Backbone) -> None:
    network = EGFRNet(backbone, "quick")
    features, logits = network(torch.randn(4, 1, 64, 64))
    (features.sum() + logits.square().sum()).backward()
    silent = [name for name, parameter in network.named_parameters() if parameter.grad is None]
    assert silent == []


def test_other_image_sizes_pass() -> None:
    for backbone in get_args(Backbone):
        assert EGFRNet(backbone, "quick").eval()(torch.zeros(1, 1, 48, 48))[1].shape == (1, 2)


def test_unknown_names_are_refused() -> None:
    with pytest.raises(ValueError, match="backbone 'alexnet' is not one of vgg16, resnet18"):
        EGFRNet(cast(Backbone, "alexnet"))
    with pytest.raises(ValueError, match="scale 'huge' is not one of paper, standard, quick"):
        EGFRNet("resnet18", cast(Scale, "huge"))
