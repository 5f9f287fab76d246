"""The segradcam module: the paper's optimiser, its loss, pre-training, every network and every explanation."""

import math
from typing import Any

import pytest
import torch
from torch import nn

from medrepro.lightning_modules.networks.autoencoder3d import Autoencoder3D
from medrepro.lightning_modules.networks.senet3d import SENet3D, SqueezeExcite3D
from medrepro.lightning_modules.segradcam import Comparator, Method, SEGradCAMModule, comparator, explainer

NAMES: tuple[Comparator, ...] = ("three-plane", "dual-path", "autoencoder", "multi-crop", "binary-tree")
METHODS: tuple[Method, ...] = (
    "gaussian-centre", "grad-cam", "grad-cam++", "guided-backprop", "deconvolution", "guided-grad-cam++", "occlusion",
)  # fmt: skip


def small(**options: Any) -> SEGradCAMModule:
    return SEGradCAMModule(design="bottleneck", widths=(4, 4, 8, 8), **options)


def test_defaults_are_the_paper_s() -> None:
    module = SEGradCAMModule()
    assert sum(p.numel() for p in module.network.parameters()) == 1_789_934
    found = module.configure_optimizers()
    optimizer, schedule = found["optimizer"], found["lr_scheduler"]
    group = optimizer.param_groups[0]
    assert isinstance(optimizer, torch.optim.SGD)
    assert (group["lr"], group["momentum"], group["weight_decay"]) == (1e-3, 0.9, 1e-3)
    rates = []
    for _ in range(150):
        rates.append(group["lr"])
        optimizer.step()
        schedule.step()
    assert [rates[epoch] for epoch in (0, 59, 60, 119, 120, 149)] == pytest.approx([1e-3, 1e-3, 1e-4, 1e-4, 1e-5, 1e-5])


def test_the_reduction_narrows_every_squeeze() -> None:
    gates = [part for part in small(reduction=2).modules() if isinstance(part, SqueezeExcite3D)]
    linears = [[part for part in gate.modules() if isinstance(part, nn.Linear)] for gate in gates]
    assert len(gates) == 16
    assert all(first.out_features == first.in_features // 2 for first, _ in linears)


def test_loss_is_cross_entropy_and_probabilities_sum_to_one() -> None:
    module = small().eval()
    x, y = torch.rand(3, 1, 16, 16, 16), torch.tensor([0, 1, 1])
    logits = module.logits(x)
    loss = -sum(math.log(float(logits.detach()[i].softmax(0)[y[i]])) for i in range(3)) / 3
    assert float(module.batch_loss(x, y)) == pytest.approx(loss, rel=1e-5)
    torch.testing.assert_close(module.probabilities(x).sum(dim=1), torch.ones(3))


def test_switches_reach_the_network() -> None:
    relu, plain = small(activation="relu"), small(squeeze_excitation=False)
    gates = [module for module in relu.modules() if isinstance(module, SqueezeExcite3D)]
    assert gates
    assert all(isinstance(gate.gate[1], nn.ReLU) for gate in gates)
    assert not any(isinstance(module, SqueezeExcite3D) for module in plain.modules())
    assert small().augment is not None
    assert small(augmented=False).augment is None


@pytest.mark.parametrize("name", NAMES)
def test_every_comparator_classifies_a_cube(name: Comparator) -> None:
    module = SEGradCAMModule(network=name, width=8).eval()
    assert module.logits(torch.rand(2, 1, 32, 32, 32)).shape == (2, 2)
    assert type(module.network) is type(comparator(name, None))


def test_the_autoencoder_reconstructs_first_and_classifies_then() -> None:
    module = SEGradCAMModule(network="autoencoder", width=4, pretrain_epochs=1)
    network = module.network
    assert isinstance(network, Autoencoder3D)
    x, y = torch.rand(2, 1, 8, 8, 8), torch.tensor([0, 1])
    module.eval()
    torch.testing.assert_close(module.batch_loss(x, y), network.reconstruction_loss(x))
    module.pretrain_epochs = 0
    torch.testing.assert_close(module.batch_loss(x, y), nn.functional.cross_entropy(network(x), y))


@pytest.mark.parametrize("method", METHODS)
def test_every_method_gives_maps_in_the_unit_interval(method: Method) -> None:
    assert len(METHODS) == 7
    network, x = SENet3D("bottleneck", (4, 4, 8, 8)).eval(), torch.rand(2, 1, 16, 16, 16)
    heat = explainer(network, method, "stage3")(x, torch.tensor([0, 1]))
    assert heat.shape == (2, 16, 16, 16)
    assert heat.min() >= 0
    assert heat.max() <= 1
