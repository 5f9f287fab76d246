"""ResNet of any width: geometry, blocks against plain arithmetic, parameters by hand."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from medrepro.lightning_modules.networks.counting import trainable_count
from medrepro.lightning_modules.networks.egfr_resnet import ResidualBlock, ResNet


@pytest.mark.parametrize(("pool", "grid"), [(False, 4), (True, 2)])
def test_stages_halve_the_image(pool: bool, grid: int) -> None:
    network = ResNet((1, 1, 1, 1), (4, 8, 12, 16), stem_width=6, stem_kernel=3, pool=pool)
    images = torch.randn(2, 1, 64, 64)
    for name, layer in network.named_children():
        if name == "average":
            break
        images = layer(images)
    assert images.shape == (2, 16, grid, grid)
    assert network(torch.randn(2, 1, 64, 64)).shape == (2, network.num_features) == (2, 16)


def conv_and_norm(unit: nn.Module) -> tuple[nn.Conv2d, nn.BatchNorm2d]:
    conv, norm = unit.children()
    assert isinstance(conv, nn.Conv2d)
    assert isinstance(norm, nn.BatchNorm2d)
    return conv, norm


@pytest.mark.parametrize(("stride", "in_channels", "projected"), [(1, 8, False), (1, 5, True), (2, 8, True)])
def test_a_block_is_branch_plus_shortcut(stride: int, in_channels: int, projected: bool) -> None:
    block = ResidualBlock(in_channels, 8, stride).eval()
    images = torch.randn(2, in_channels, 6, 6)
    (first, norm1), (second, norm2) = conv_and_norm(block.branch[0]), conv_and_norm(block.branch[2])
    inner = functional.relu(norm1(functional.conv2d(images, first.weight, first.bias, stride, padding=1)))
    branch = norm2(functional.conv2d(inner, second.weight, second.bias, padding=1))
    shortcut = block.shortcut(images)
    assert (shortcut is not images) == projected
    torch.testing.assert_close(block(images), functional.relu(branch + shortcut))


def test_parameters_by_hand() -> None:
    """Each k x k convolution of i to o channels has (k k i + 1) o parameters and 2 o of normalisation."""

    def cost(kernel: int, i: int, o: int) -> int:
        return (kernel * kernel * i + 1) * o + 2 * o

    assert trainable_count(ResidualBlock(4, 4)) == 2 * cost(3, 4, 4)
    assert trainable_count(ResidualBlock(4, 6, 2)) == cost(3, 4, 6) + cost(3, 6, 6) + cost(1, 4, 6)
    bottleneck = ResidualBlock(4, 3, bottleneck=True)
    assert bottleneck.out_channels == 12
    assert trainable_count(bottleneck) == cost(1, 4, 3) + cost(3, 3, 3) + cost(1, 3, 12) + cost(1, 4, 12)


def test_depths_and_widths_must_pair() -> None:
    with pytest.raises(ValueError, match="zip"):
        ResNet((1, 1), (4, 8, 16))
