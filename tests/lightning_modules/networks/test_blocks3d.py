"""The shared blocks, against what their formulas say."""

import pytest
import torch

from medrepro.lightning_modules.networks.blocks3d import NoduleHead, ResidualBlock3d, conv_bn, resize
from tests.lightning_modules.networks._volumes import parameters, random_maps


def test_convolution_before_normalisation_has_no_bias() -> None:
    assert parameters(conv_bn(3, 5)) == 27 * 15 + 10


@pytest.mark.parametrize(("width", "stride", "projected"), [(4, 1, False), (6, 1, True), (4, 2, True)])
def test_residual_block_is_equation_3(width: int, stride: int, projected: bool) -> None:
    block = ResidualBlock3d(4, width, stride).eval()
    x = random_maps()
    shortcut = block.shortcut(x)
    out = block(x)
    assert torch.equal(out, (shortcut + block.branch(x)).relu())
    assert torch.equal(shortcut, x) is not projected
    assert out.shape == (2, width, *[8 // stride] * 3)


def test_head_averages_over_space() -> None:
    head = NoduleHead(4, hidden=6).eval()
    x = random_maps()
    flat = x.mean(dim=(2, 3, 4), keepdim=True).expand_as(x)
    torch.testing.assert_close(head(x), head(flat))
    assert head(x).shape == (2, 1)


def test_resize_takes_the_size_of_its_model() -> None:
    assert resize(random_maps(4, 8), like=random_maps(1, 13)).shape == (2, 4, 13, 13, 13)
