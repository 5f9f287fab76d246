"""Grad-CAM and Grad-CAM++ for images and volumes: which part of a feature map speaks for a class.

In: a network, one of its layers and a batch ``(N, C, *spatial)``; out: heat maps ``(N, *spatial)`` in [0, 1].

References: Selvaraju et al., "Grad-CAM", ICCV 2017; Chattopadhay et al., "Grad-CAM++", WACV 2018.
The SE-Grad-CAM++ paper prints the equations of Grad-CAM (its Eqs. 1-9) under the name of Grad-CAM++.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from medrepro.lightning_modules.explain.network import Target, borrowed, choose_target, class_logits, to_unit, upsample

FLOOR = 1e-6  # assumed: Eq. 19 leaves 0/0 open


def gradcam_weights(activations: Tensor, gradients: Tensor) -> Tensor:
    """Return Grad-CAM's channel weights ``(N, K)``: gradients averaged over space (ICCV 2017, Eq. 1).

    Args:
        activations: ``(N, K, *spatial)``; not needed, here for the common signature.
        gradients: of the class score with respect to them, ``(N, K, *spatial)``.
    """
    del activations
    return gradients.flatten(2).mean(dim=2)


def gradcam_plus_plus_weights(activations: Tensor, gradients: Tensor) -> Tensor:
    """Return Grad-CAM++'s channel weights ``(N, K)`` (WACV 2018, Eqs. 5 and 19).

    ``alpha = g^2 / (2 g^2 + (sum A) g^3)``, summed as ``w = sum alpha relu(g)``. Cancelling g^2 keeps
    single precision exact for small g; where g = 0 its own term is 0. The paper's common factor exp(score)
    is positive and drops out when the map is scaled to [0, 1]: leaving it out is what prevents its overflow.
    The denominator can vanish only where activations are negative; ``FLOOR`` then holds it away from 0.

    Args:
        activations: ``(N, K, *spatial)``.
        gradients: of the class score with respect to them, ``(N, K, *spatial)``.
    """
    g = gradients.flatten(2)
    denominator = 2 + activations.flatten(2).sum(dim=2, keepdim=True) * g
    floor = torch.where(denominator < 0, -FLOOR, FLOOR).to(g.dtype)
    denominator = torch.where(denominator.abs() < FLOOR, floor, denominator)
    return (g.clamp_min(0) / denominator).sum(dim=2)


class _CAM(ABC):
    """Shared by both: catch the layer's output, differentiate the score, weigh, rectify, upsample.

    Args:
        network: returns logits ``(N, classes)``.
        layer: the layer whose map is explained, or its dotted name: usually the last convolutional one.

    Raises:
        ValueError: the layer is not in the network.
    """

    def __init__(self, network: nn.Module, layer: nn.Module | str) -> None:
        self.network = network
        self.layer = _find(network, layer)

    @staticmethod
    @abstractmethod
    def weights(activations: Tensor, gradients: Tensor) -> Tensor:
        """Return channel weights ``(N, K)`` of ``(N, K, *spatial)``."""

    def raw(self, x: Tensor, target: Target = None) -> Tensor:
        """Return the rectified map at the layer's own size, ``(N, *layer)``, unscaled."""
        with borrowed(self.network), _caught(self.layer) as outputs:
            logits = class_logits(self.network, x.detach().clone())
            activations = _only(outputs)
            score = logits.gather(1, choose_target(logits, target)[:, None]).sum()
            (gradients,) = torch.autograd.grad(score, activations)
        activations = activations.detach()
        weights = self.weights(activations, gradients)
        return torch.einsum("nk,nk...->n...", weights, activations).clamp_min(0)

    def __call__(self, x: Tensor, target: Target = None) -> Tensor:
        """Explain the class ``target`` (None: the predicted one) of each sample.

        Args:
            x: batch ``(N, C, *spatial)``.
            target: one class for all, one each ``(N,)``, or None.

        Returns:
            Heat maps ``(N, *spatial)``, each with maximum 1, or zero where nothing speaks for the class.

        Raises:
            ValueError: the layer did not run exactly once, or the output or target does not fit.
        """
        return to_unit(upsample(self.raw(x, target), tuple(x.shape[2:])))


class GradCAM(_CAM):
    """Grad-CAM: channels weighted by their mean gradient.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> head = (nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(4, 2))
        >>> network = nn.Sequential(nn.Conv3d(1, 4, 3), nn.ReLU(), *head)
        >>> GradCAM(network, network[1])(torch.rand(2, 1, 8, 8, 8), target=1).shape
        torch.Size([2, 8, 8, 8])
    """

    weights = staticmethod(gradcam_weights)


class GradCAMPlusPlus(_CAM):
    """Grad-CAM++: channels weighted by positive gradients, each corrected by Eq. 19's alpha.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> head = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
        >>> network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), *head)
        >>> GradCAMPlusPlus(network, "1")(torch.rand(2, 1, 8, 8)).shape
        torch.Size([2, 8, 8])
    """

    weights = staticmethod(gradcam_plus_plus_weights)


def _find(network: nn.Module, layer: nn.Module | str) -> nn.Module:
    modules: dict[str, nn.Module] = dict(network.named_modules())
    if isinstance(layer, str):
        if layer not in modules or not layer:
            parts = ", ".join(name for name, _ in network.named_children())
            raise ValueError(f"layer {layer!r} is not in the network; its parts are {parts}")
        return modules[layer]
    if all(layer is not module for module in modules.values()):
        raise ValueError(f"the layer ({type(layer).__name__}) is not part of the network ({type(network).__name__})")
    return layer


@contextmanager
def _caught(layer: nn.Module) -> Iterator[list[Any]]:
    """Collect the outputs of ``layer``, cut off as leaves: gradients go down to them and no further."""
    outputs: list[Any] = []

    def hook(_module: nn.Module, _inputs: object, output: object) -> object:
        if not isinstance(output, Tensor):
            outputs.append(output)
            return output
        outputs.append(output.detach().requires_grad_())
        return outputs[-1].clone()  # a later in-place operation must not change what was caught

    handle = layer.register_forward_hook(hook)
    try:
        yield outputs
    finally:
        handle.remove()


def _only(outputs: list[Any]) -> Tensor:
    if len(outputs) != 1 or not isinstance(outputs[0], Tensor) or outputs[0].ndim < 3:
        found = f"{len(outputs)} calls" if len(outputs) != 1 else "no feature map (N, K, *spatial)"
        raise ValueError(f"the layer must run once and give a feature map; it gave {found}: choose another layer")
    return torch.as_tensor(outputs[0])
