"""The comparators' common demands: a matched budget, logits of the right shape, parameters that all learn."""

import torch
from torch import nn

from medrepro.lightning_modules.networks.senet3d import SENet3D


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def assert_matched(default: nn.Module, quick: nn.Module) -> None:
    """Within 5 % of SENet3D's parameters at full width, and at the width of the quick preset."""
    assert abs(parameters(default) / parameters(SENet3D()) - 1) < 0.05
    assert abs(parameters(quick) / parameters(SENet3D("bottleneck", (8, 32, 64, 128))) - 1) < 0.05


def assert_learns(network: nn.Module) -> None:
    logits = network(torch.rand(3, 1, 32, 32, 32))
    assert logits.shape == (3, 2)
    logits.square().sum().backward()
    silent = [name for name, p in network.named_parameters() if p.grad is None or p.grad.abs().sum() == 0]
    assert silent == []
