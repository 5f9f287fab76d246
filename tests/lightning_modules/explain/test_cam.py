"""Grad-CAM(++) against plain loops, closed forms, MONAI and pytorch-grad-cam."""

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.visualize.class_activation_maps import GradCAM as MonaiGradCAM
from torch import Tensor, nn

from medrepro.lightning_modules.explain.cam import GradCAM, GradCAMPlusPlus, gradcam_plus_plus_weights, gradcam_weights
from medrepro.lightning_modules.explain.network import to_unit, upsample

SHAPES = [(6, 7), (4, 5, 6)]


def network_of(axes: int, seed: int = 0, activation: nn.Module | None = None) -> nn.Sequential:
    """Convolution, activation, a second convolution (so gradients vary over space), average, logits; float64."""
    conv, pool = (nn.Conv2d, nn.AdaptiveAvgPool2d) if axes == 2 else (nn.Conv3d, nn.AdaptiveAvgPool3d)
    torch.manual_seed(seed)
    return nn.Sequential(
        conv(1, 3, 3, padding=1),
        activation or nn.ReLU(),
        conv(3, 4, 3, padding=1),
        nn.Tanh(),
        pool(1),
        nn.Flatten(),
        nn.Linear(4, 3),
    ).double()


def loop_cam(network: nn.Sequential, layer: int, x: Tensor, target: int, plus_plus: bool) -> Tensor:
    """Eq. 19 and Eq. 5 (or Grad-CAM's Eq. 1) of one image (C, *spatial), written out."""
    activations = network[: layer + 1](x[None]).detach().requires_grad_()
    score = network[layer + 1 :](activations)[0, target]
    gradients = torch.autograd.grad(score, activations)[0][0].numpy()
    maps = activations.detach()[0].numpy()
    places = list(product(*map(range, maps.shape[1:])))
    heat = np.zeros(maps.shape[1:])
    for channel, grad in zip(maps, gradients, strict=True):
        total, weight = channel.sum(), 0.0
        for place in places:
            g = grad[place]
            if not plus_plus:
                weight += g / len(places)
            elif g > 0:
                weight += g**2 / (2 * g**2 + total * g**3) * g
        for place in places:
            heat[place] += weight * channel[place]
    return torch.from_numpy(np.maximum(heat, 0))


@pytest.mark.parametrize("spatial", SHAPES)
@pytest.mark.parametrize("plus_plus", [False, True])
def test_equals_the_loop_in_float64(spatial: tuple[int, ...], plus_plus: bool) -> None:
    assert len(SHAPES) == 2
    network = network_of(len(spatial))
    x = torch.randn(3, 1, *spatial, dtype=torch.float64)
    targets = torch.tensor([0, 2, 1])
    cam = (GradCAMPlusPlus if plus_plus else GradCAM)(network, "1")
    for row, sample, target in zip(cam.raw(x, targets), x, targets.tolist(), strict=True):
        torch.testing.assert_close(row, loop_cam(network, 1, sample, target, plus_plus), rtol=1e-10, atol=1e-14)


@given(seed=st.integers(0, 10_000), scale=st.floats(1e-3, 1e3))
@settings(max_examples=40, deadline=None)
def test_never_negative_and_at_most_one_even_for_negative_activations(seed: int, scale: float) -> None:
    network = network_of(2, seed, nn.Tanh())
    x = scale * torch.randn(2, 1, 5, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    heat = GradCAMPlusPlus(network, "1")(x)
    assert torch.isfinite(heat).all()
    assert heat.min() >= 0
    assert heat.max() <= 1


@pytest.mark.parametrize("axes", [2, 3])
def test_closed_form_for_average_and_linear(axes: int) -> None:
    """GAP + linear: weights w 1[w > 0] / (2 + w mean(A)); Grad-CAM's are w / Z."""
    pool = nn.AdaptiveAvgPool2d(1) if axes == 2 else nn.AdaptiveAvgPool3d(1)
    linear = nn.Linear(5, 2).double()
    network = nn.Sequential(nn.ReLU(), pool, nn.Flatten(), linear)
    x = torch.rand(2, 5, *[4] * axes, dtype=torch.float64)
    w = linear.weight[1].detach()
    mean = x.flatten(2).mean(dim=2)
    expected = torch.where(w > 0, w / (2 + w * mean), 0.0)
    heat = torch.einsum("nk,nk...->n...", expected, x)
    torch.testing.assert_close(GradCAMPlusPlus(network, "0").raw(x, 1), heat)
    plain = torch.einsum("k,nk...->n...", w / 4**axes, x).clamp_min(0)
    torch.testing.assert_close(GradCAM(network, "0").raw(x, 1), plain)
    assert not torch.allclose(to_unit(heat), to_unit(plain))


def test_one_positive_channel_equals_grad_cam_after_scaling() -> None:
    linear = nn.Linear(1, 2)
    nn.init.constant_(linear.weight, 0.7)
    network = nn.Sequential(nn.ReLU(), nn.AdaptiveAvgPool3d(1), nn.Flatten(), linear)
    x = torch.rand(2, 1, 4, 4, 4)
    torch.testing.assert_close(GradCAMPlusPlus(network, "0")(x, 1), GradCAM(network, "0")(x, 1))


def test_huge_scores_do_not_overflow_and_tiny_gradients_do_not_vanish() -> None:
    network = network_of(3).float()
    x = torch.rand(1, 1, 4, 5, 6)
    heat = GradCAMPlusPlus(network, "1")(x, 0)
    last = network[6]
    assert isinstance(last, nn.Linear)
    with torch.no_grad():
        last.bias.add_(1e4)  # exp(1e4) is infinite
    torch.testing.assert_close(GradCAMPlusPlus(network, "1")(x, 0), heat)
    activations, gradients = (
        torch.ones(1, 1, 2, 2),
        torch.full((1, 1, 2, 2), 1e-30),
    )  # its square is 0 in float32
    torch.testing.assert_close(gradcam_plus_plus_weights(activations, gradients), torch.tensor([[2e-30]]))


def test_vanishing_denominator_is_held_at_the_floor() -> None:
    activations, gradients = torch.tensor([[[-1.0, -1.0]]]), torch.tensor([[[1.0, 0.0]]])  # 2 + (-2) * 1 = 0
    assert torch.isfinite(gradcam_plus_plus_weights(activations, gradients)).all()
    torch.testing.assert_close(gradcam_weights(activations, gradients), torch.tensor([[0.5]]))


@pytest.mark.parametrize("spatial", SHAPES)
def test_grad_cam_equals_monai(spatial: tuple[int, ...]) -> None:
    network = network_of(len(spatial)).float().eval()
    for sample in torch.randn(3, 1, 1, *spatial):
        theirs = MonaiGradCAM(network, "1", postprocessing=lambda x: x)(sample, class_idx=1)
        torch.testing.assert_close(GradCAM(network, "1")(sample, 1), to_unit(theirs[:, 0].detach()))


def test_grad_cam_plus_plus_weights_equal_pytorch_grad_cam_in_two_dimensions() -> None:
    other = pytest.importorskip("pytorch_grad_cam").GradCAMPlusPlus
    activations, gradients = torch.rand(2, 4, 5, 6), 10 * torch.randn(2, 4, 5, 6)
    theirs = other.get_cam_weights(None, None, None, None, activations.numpy(), gradients.numpy())
    ours = gradcam_plus_plus_weights(activations, gradients)
    # Theirs adds 1e-6 to the denominator, which moves a weight less than that for gradients of this size.
    np.testing.assert_allclose(ours.numpy(), theirs, rtol=1e-4)


def test_batch_equals_one_by_one_and_none_is_the_prediction() -> None:
    network = network_of(3)
    x = torch.randn(4, 1, 4, 5, 6, dtype=torch.float64)
    cam = GradCAMPlusPlus(network, "1")
    torch.testing.assert_close(cam(x), torch.cat([cam(sample[None]) for sample in x]))
    torch.testing.assert_close(cam(x), cam(x, network(x).argmax(dim=1)))


def test_upsampling_is_linear_to_the_input() -> None:
    small = torch.rand(2, 2, 2, 2)
    assert upsample(small, (4, 5, 6)).shape == (2, 4, 5, 6)
    assert upsample(torch.tensor([[0.0, 1.0]]), (4,)).tolist() == [[0.0, 0.25, 0.75, 1.0]]


def test_in_place_after_the_layer_does_not_change_the_map() -> None:
    network = network_of(2)
    before = GradCAM(network, "0").raw(x := torch.randn(1, 1, 6, 6, dtype=torch.float64), 0)
    network[1] = nn.ReLU(inplace=True)
    torch.testing.assert_close(GradCAM(network, "0").raw(x, 0), before)


@pytest.mark.parametrize(("layer", "target", "message"), [
    ("9", None, "not in the network; its parts are 0, 1"),
    ("6", None, "no feature map"),
    ("1", 3, r"classes 0\.\.2"),
    ("1", torch.tensor([0, 1]), "one for each of 1 samples"),
])  # fmt: skip
def test_errors(layer: str, target: int | Tensor | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        GradCAM(network_of(2), layer)(torch.rand(1, 1, 6, 6, dtype=torch.float64), target)


def test_errors_on_foreign_layers_double_calls_and_wrong_outputs() -> None:
    x = torch.rand(1, 1, 6, 6)
    with pytest.raises(ValueError, match="not part of the network"):
        GradCAM(network_of(2), nn.ReLU())
    relu = nn.ReLU()
    twice = nn.Sequential(relu, relu, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with pytest.raises(ValueError, match="2 calls"):
        GradCAM(twice, relu)(x)
    with pytest.raises(ValueError, match="wrap it in a module"):
        GradCAM(nn.Sequential(nn.ReLU()), "0")(x)
