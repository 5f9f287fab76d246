"""Guided backpropagation, deconvolution, and their product with a class activation map.

In: a network whose rectifiers are ``nn.ReLU`` modules and a batch ``(N, C, *spatial)``; out: maps
``(N, *spatial)`` in [0, 1]. The two gradient rules are captum's, wrapped; a rectifier called as a function,
or another non-linearity (Mish, sigmoid), keeps its ordinary gradient.

References: Springenberg et al., arXiv 1412.6806; Zeiler and Fergus, ECCV 2014; Selvaraju et al., ICCV 2017.
"""

import warnings

import torch
from captum import attr
from torch import Tensor, nn

from medrepro.lightning_modules.explain.cam import GradCAM, GradCAMPlusPlus
from medrepro.lightning_modules.explain.network import Target, borrowed, choose_target, class_logits, to_unit


class _ReLURule:
    """Shared by both: captum's changed gradient, its magnitude as a map.

    Args:
        network: returns logits ``(N, classes)``.
    """

    method: type[attr.GuidedBackprop] | type[attr.Deconvolution]

    def __init__(self, network: nn.Module) -> None:
        self.network = network

    def gradients(self, x: Tensor, target: Target = None) -> Tensor:
        """Return the signed, unscaled gradient image ``(N, C, *spatial)`` of the class score."""
        with borrowed(self.network), warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Setting backward hooks on ReLU")
            x = x.detach().clone().requires_grad_()
            with torch.no_grad():
                chosen = choose_target(class_logits(self.network, x), target)
            gradients: Tensor = self.method(self.network).attribute(x, target=chosen)
        return gradients.detach()

    def __call__(self, x: Tensor, target: Target = None) -> Tensor:
        """Explain the class ``target`` (None: the predicted one) of each sample.

        Args:
            x: batch ``(N, C, *spatial)``.
            target: one class for all, one each ``(N,)``, or None.

        Returns:
            The largest magnitude over channels, ``(N, *spatial)``, scaled to maximum 1.
        """
        return to_unit(self.gradients(x, target).abs().amax(dim=1))


class GuidedBackprop(_ReLURule):
    """Guided backpropagation: a ReLU lets only positive gradients through, where its input was positive."""

    method = attr.GuidedBackprop


class Deconvolution(_ReLURule):
    """Deconvolution: a ReLU lets only positive gradients through, wherever they come from."""

    method = attr.Deconvolution


class GuidedGradCAM:
    """Guided Grad-CAM(++): a heat map times the guided gradients' magnitude, voxel by voxel (after Eq. 9).

    Args:
        network: returns logits ``(N, classes)``.
        layer: of the heat map, or its dotted name.
        plus_plus: Grad-CAM++ (the paper's) or Grad-CAM.
        deconvolution: multiply with deconvolution instead (Sec. 3.1.5's "Deconvolution Grad-CAM").
    """

    def __init__(
        self, network: nn.Module, layer: nn.Module | str, plus_plus: bool = True, deconvolution: bool = False
    ) -> None:
        self.cam = GradCAMPlusPlus(network, layer) if plus_plus else GradCAM(network, layer)
        self.guided = Deconvolution(network) if deconvolution else GuidedBackprop(network)

    def __call__(self, x: Tensor, target: Target = None) -> Tensor:
        """Explain ``x (N, C, *spatial)``; returns the product ``(N, *spatial)``, scaled to maximum 1."""
        return to_unit(self.cam(x, target) * self.guided(x, target))
