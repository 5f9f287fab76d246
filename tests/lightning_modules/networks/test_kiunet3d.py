"""KiU-Net, one level: counts, shapes, the cross block by hand."""

import torch
from torch.nn import functional

from medrepro.lightning_modules.networks.kiunet3d import CrossBlock, KiUClassifier, KiUNet3D
from tests.lightning_modules.networks._volumes import parameters, unused_weights


def test_parameters() -> None:
    assert parameters(KiUNet3D()) == 28_673


def test_the_cross_block_interpolates_in_both_directions() -> None:
    module = CrossBlock(4).eval()
    over, under = torch.rand(1, 4, 16, 16, 16), torch.rand(1, 4, 4, 4, 4)
    new_over, new_under = module(over, under)
    upward = functional.interpolate(module.to_over(under), scale_factor=4, mode="trilinear")
    downward = functional.interpolate(module.to_under(over), scale_factor=0.25, mode="trilinear")
    torch.testing.assert_close(new_over, over + upward)
    torch.testing.assert_close(new_under, under + downward)


def test_segments_on_the_grid_of_the_image() -> None:
    network, x = KiUNet3D(4), torch.rand(2, 1, 12, 12, 12)
    logits = network(x)
    assert logits.shape == x.shape
    assert unused_weights(network, logits) == []


def test_classifies() -> None:
    network = KiUClassifier(4, (4, 4, 8, 8))
    logits = network(torch.rand(2, 1, 16, 16, 16))
    assert logits.shape == (2, 1)
    assert unused_weights(network, logits) == []
