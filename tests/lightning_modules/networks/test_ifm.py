"""IFM: counts, cost, and that each part is used."""

import pytest
import torch

from medrepro.lightning_modules.networks.channels import ChannelName
from medrepro.lightning_modules.networks.ifm import IFM, ChannelFusion, IFMSegmenter
from tests.lightning_modules.networks._volumes import gmacs, parameters, unused_weights

SINGLE: list[tuple[ChannelName, ...]] = [("oa",), ("dt",)]
ALL: list[tuple[ChannelName, ...]] = [*SINGLE, ("oa", "dt", "general")]


def test_parameters_and_multiply_adds() -> None:
    assert parameters(IFM()) == 972_613
    assert [round(gmacs(IFM(), size), 2) for size in (32, 48, 64)] == [0.85, 2.88, 6.83]


@pytest.mark.parametrize("channels", SINGLE)
def test_a_channel_alone(channels: tuple[ChannelName, ...]) -> None:
    assert parameters(IFM(channels=channels)) == 964_501
    assert ChannelFusion(4, channels).attention is None


@pytest.mark.parametrize("channels", ALL)
@pytest.mark.parametrize("size", [16, 24])
def test_classifier_and_segmenter_use_all_weights(channels: tuple[ChannelName, ...], size: int) -> None:
    x = torch.rand(2, 1, size, size, size)
    classifier, segmenter = (
        IFM(4, (4, 4, 8, 8), channels=channels),
        IFMSegmenter(4, (4, 4, 8, 8), channels=channels),
    )
    logits, maps = classifier(x), segmenter(x)
    assert (logits.shape, maps.shape) == ((2, 1), x.shape)
    assert unused_weights(classifier, logits) == []
    assert unused_weights(segmenter, maps) == []


def test_fusion_keeps_the_grid_and_doubles_the_width() -> None:
    assert ChannelFusion(4)(torch.rand(2, 1, 12, 12, 12)).shape == (2, 8, 12, 12, 12)
