"""Guided backpropagation and deconvolution against their rules written out; the guided product."""

import pytest
import torch
from torch import Tensor, nn

from medrepro.lightning_modules.explain.cam import GradCAM, GradCAMPlusPlus
from medrepro.lightning_modules.explain.guided import Deconvolution, GuidedBackprop, GuidedGradCAM


def network_of(axes: int) -> nn.Sequential:
    torch.manual_seed(axes)
    conv, pool = (nn.Conv2d, nn.AdaptiveAvgPool2d) if axes == 2 else (nn.Conv3d, nn.AdaptiveAvgPool3d)
    relu, last = nn.ReLU(inplace=True), nn.ReLU(inplace=True)
    linear = nn.Linear(3, 2)
    nn.init.uniform_(linear.weight)  # positive: else every gradient may be rectified away
    return nn.Sequential(conv(2, 3, 3), relu, conv(3, 3, 2), last, pool(1), nn.Flatten(), linear).double()


def by_hand(network: nn.Sequential, x: Tensor, target: int, guided: bool) -> Tensor:
    """Walk back layer by layer, with the changed rule at each ReLU."""
    inputs = [x]
    for layer in network:
        inputs.append(layer(inputs[-1].clone()).detach())
    gradient = torch.zeros_like(inputs[-1])
    gradient[:, target] = 1
    for layer, before in zip(reversed(network), reversed(inputs[:-1]), strict=True):
        if isinstance(layer, nn.ReLU):
            gradient = gradient.clamp_min(0) * ((before > 0) if guided else 1)
        else:
            leaf = before.clone().requires_grad_()
            (gradient,) = torch.autograd.grad(layer(leaf), leaf, gradient)
    return gradient


@pytest.mark.parametrize("axes", [2, 3])
@pytest.mark.parametrize("guided", [False, True])
def test_equals_the_rule_by_hand(axes: int, guided: bool) -> None:
    network = network_of(axes)
    x = torch.randn(2, 2, *[6] * axes, dtype=torch.float64)
    method = (GuidedBackprop if guided else Deconvolution)(network)
    torch.testing.assert_close(method.gradients(x, 1), by_hand(network, x, 1, guided))
    heat = method(x, 1)
    assert heat.shape == (2, *[6] * axes)
    torch.testing.assert_close(heat.flatten(1).amax(dim=1), torch.ones(2, dtype=torch.float64))


def test_none_explains_the_prediction() -> None:
    network = network_of(2)
    x = torch.randn(3, 2, 6, 6, dtype=torch.float64)
    predicted = network(x.clone()).argmax(dim=1)
    torch.testing.assert_close(GuidedBackprop(network)(x), GuidedBackprop(network)(x, predicted))


@pytest.mark.parametrize("plus_plus", [False, True])
@pytest.mark.parametrize("deconvolution", [False, True])
def test_product_of_its_two_parts(plus_plus: bool, deconvolution: bool) -> None:
    network = network_of(3)
    x = torch.randn(2, 2, 6, 6, 6, dtype=torch.float64)
    cam = (GradCAMPlusPlus if plus_plus else GradCAM)(network, "3")(x, 0)
    fine = (Deconvolution if deconvolution else GuidedBackprop)(network)(x, 0)
    product = cam * fine
    peak = product.flatten(1).amax(dim=1).clamp_min(1e-300)[:, None, None, None]
    torch.testing.assert_close(GuidedGradCAM(network, "3", plus_plus, deconvolution)(x, 0), product / peak)
