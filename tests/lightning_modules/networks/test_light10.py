"""Light10: the layer table, the cost, the shapes."""

import pytest
import torch
from torch import nn

from medrepro.lightning_modules.networks.light10 import Light10
from tests.lightning_modules.networks._volumes import gmacs, parameters, unused_weights


def test_the_layer_table() -> None:
    network = Light10()
    convolutions = [m.weight.numel() for m in network.modules() if isinstance(m, nn.Conv3d)]
    linear = [parameters(m) for m in network.modules() if isinstance(m, nn.Linear)]
    assert convolutions == [432, 6_912, 13_824, 27_648, 55_296, 110_592, 221_184, 442_368]
    assert linear == [62_694, 487]
    assert parameters(network) == 942_397


def test_multiply_adds_at_the_three_scales() -> None:
    assert [round(gmacs(Light10(), size), 2) for size in (32, 48, 64)] == [0.54, 1.82, 4.30]


@pytest.mark.parametrize("size", [8, 24, 32])
def test_crops_of_any_scale_become_one_logit_through_all_weights(size: int) -> None:
    network = Light10((4, 4, 8, 8))
    logits = network(torch.rand(3, 1, size, size, size))
    assert logits.shape == (3, 1)
    assert unused_weights(network, logits) == []


def test_the_last_pair_sees_an_eighth_of_the_grid() -> None:
    network = Light10((4, 4, 8, 8))
    assert network.features(torch.rand(2, 1, 32, 32, 32)).shape == (2, 8, 4, 4, 4)


def test_dropout_acts_in_training_only() -> None:
    network = Light10((4, 4, 8, 8))
    x = torch.rand(2, 1, 16, 16, 16)
    assert not torch.equal(network(x), network(x))
    network.eval()
    assert torch.equal(network(x), network(x))
