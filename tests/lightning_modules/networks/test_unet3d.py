"""The 3-D U-Net: counts, shapes, and its skips."""

import pytest
import torch

from medrepro.lightning_modules.networks.unet3d import Encoder3D, UNet3D, UNetClassifier
from tests.lightning_modules.networks._volumes import parameters, unused_weights


@pytest.mark.parametrize(("widths", "count"), [((8, 16, 32, 64), 365_537), ((16, 32, 64, 128), 1_460_289)])
def test_parameters(widths: tuple[int, ...], count: int) -> None:
    assert parameters(UNet3D(widths)) == count


@pytest.mark.parametrize("size", [16, 20])
def test_segments_on_the_grid_of_the_image(size: int) -> None:
    network, x = UNet3D((4, 4, 8)), torch.rand(2, 1, size, size, size)
    logits = network(x)
    assert logits.shape == x.shape
    assert unused_weights(network, logits) == []


def test_the_encoder_halves_the_grid_a_level() -> None:
    maps = Encoder3D((3, 4, 5))(torch.rand(1, 1, 16, 16, 16))
    assert [tuple(m.shape[1:3]) for m in maps] == [(3, 16), (4, 8), (5, 4)]


def test_fine_detail_passes_by_the_skip() -> None:
    network = UNet3D((4, 4, 8)).eval()
    maps = network.encoder(torch.rand(1, 1, 16, 16, 16))
    before = network.decoder(maps)
    maps[0] = maps[0] + 1
    assert not torch.allclose(before, network.decoder(maps))


def test_the_classifier_has_the_trunk_and_no_idle_weights() -> None:
    network = UNetClassifier((4, 4, 8), (4, 4, 8, 8))
    logits = network(torch.rand(2, 1, 16, 16, 16))
    assert logits.shape == (2, 1)
    assert unused_weights(network, logits) == []
