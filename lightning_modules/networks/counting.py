"""How large a network is: parameters as torch and as Keras count them, multiply-adds of one image.

In: a module; out: whole numbers.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd


def trainable_count(module: nn.Module) -> int:
    """Return the number of trainable parameters; batch normalisation has 2 a channel."""
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)


def keras_parameter_count(module: nn.Module) -> int:
    """Return Keras's total: all parameters and the running mean and variance, 4 a batch-normalised channel."""
    statistics = sum(2 * norm.num_features for norm in module.modules() if isinstance(norm, _BatchNorm))
    return sum(parameter.numel() for parameter in module.parameters()) + statistics


def macs(module: nn.Module, input_shape: Sequence[int]) -> int:
    """Return the multiply-adds of convolutions and fully connected layers for one input.

    Args:
        module: any network of one tensor; it is run once in eval mode and left in the mode it had.
        input_shape: without the batch, for example (1, 64, 64).
    """
    total = 0

    def add(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        total += _layer_macs(layer, inputs[0], output)

    hooks = [layer.register_forward_hook(add) for layer in module.modules() if isinstance(layer, _ConvNd | nn.Linear)]
    was_training = module.training
    device = next((parameter.device for parameter in module.parameters()), torch.device("cpu"))
    try:
        with torch.no_grad():
            module.eval()(torch.zeros(1, *input_shape, device=device))
    finally:
        module.train(was_training)
        for hook in hooks:
            hook.remove()
    return total


def _layer_macs(layer: nn.Module, features: Tensor, output: Tensor) -> int:
    """One filter a value: of the output, or of the input where a transposed convolution spreads it."""
    weight = layer.get_parameter("weight")
    values = features if isinstance(layer, _ConvTransposeNd) else output
    return values.numel() * weight[0].numel()
