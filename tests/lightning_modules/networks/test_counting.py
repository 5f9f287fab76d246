"""Counts against arithmetic by hand."""

import pytest
import torch
from torch import nn

from medrepro.lightning_modules.networks.counting import keras_parameter_count, macs, trainable_count


def test_keras_counts_running_statistics() -> None:
    network = nn.Sequential(nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5), nn.BatchNorm2d(5, affine=False))
    assert trainable_count(network) == 5 * 27 + 5 + 10
    assert keras_parameter_count(network) == 5 * 27 + 5 + 10 + 20


def test_frozen_parameters_are_not_trainable() -> None:
    layer = nn.Linear(4, 3)
    layer.weight.requires_grad_(False)
    assert (trainable_count(layer), keras_parameter_count(layer)) == (3, 15)


@pytest.mark.parametrize(
    ("layer", "shape", "expected"),
    [
        (nn.Conv2d(3, 8, 3, stride=2, padding=1), (3, 8, 8), 4 * 4 * 8 * 27),
        (nn.Conv2d(4, 8, 3, padding=1, groups=4), (4, 5, 5), 25 * 8 * 9),
        (nn.Conv3d(1, 2, 3), (1, 4, 4, 4), 8 * 2 * 27),
        (nn.Linear(10, 7), (10,), 70),
        (nn.ConvTranspose2d(3, 6, 2, stride=2), (3, 4, 4), 3 * 16 * 6 * 4),
        (nn.Sequential(nn.ReLU(), nn.BatchNorm2d(3)), (3, 4, 4), 0),
    ],
    ids=["strided", "grouped", "3-D", "linear", "transposed", "nothing to multiply"],
)
def test_multiply_adds(layer: nn.Module, shape: tuple[int, ...], expected: int) -> None:
    assert macs(layer, shape) == expected


def test_the_network_is_left_as_it_was() -> None:
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)).train()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    macs(network, (1, 5, 5))
    assert network.training
    assert not any(layer._forward_hooks for layer in network.modules())
    for key, value in network.state_dict().items():
        assert torch.equal(value, before[key])
