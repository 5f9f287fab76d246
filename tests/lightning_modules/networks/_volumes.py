"""What the tests of the 3-D networks share: counting, and plain versions of pooling and resizing."""

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode


def parameters(module: nn.Module) -> int:
    """Trainable parameters, BatchNorm with two a channel."""
    return sum(p.numel() for p in module.parameters())


def gmacs(network: nn.Module, size: int) -> float:
    """Multiply-adds of convolutions and linear layers at one crop of ``size``, in 1e9."""
    network = network.to("meta").eval()
    with FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, 1, size, size, size, device="meta"))
    return float(counter.get_total_flops()) / 2e9


def unused_weights(network: nn.Module, output: Tensor) -> list[str]:
    """Names of the parameters that ``output`` does not depend on."""
    torch.autograd.backward(output.square().sum())
    return [name for name, p in network.named_parameters() if p.grad is None]


def random_maps(channels: int = 4, size: int = 8) -> Tensor:
    return torch.randn(2, channels, size, size, size, generator=torch.Generator().manual_seed(0))


def halved(x: Tensor) -> Tensor:
    """Max over 2^3 blocks by plain indexing."""
    parts = [x[:, :, i::2, j::2, k::2] for i in (0, 1) for j in (0, 1) for k in (0, 1)]
    return torch.stack(parts).amax(dim=0)


def doubled(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2, mode="trilinear")
