"""No explanation leaves a trace: hooks, modes, gradients, in-place flags, weights, random state."""

import copy
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from medrepro.lightning_modules import explain
from medrepro.lightning_modules.explain import trust
from medrepro.lightning_modules.explain.network import borrowed
from medrepro.lightning_modules.networks.senet3d import SENet3D

HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
EXPLAINERS: dict[str, Callable[[nn.Module], Callable[[Tensor], Tensor]]] = {
    "GradCAM": lambda net: explain.GradCAM(net, "stage4"),
    "GradCAMPlusPlus": lambda net: explain.GradCAMPlusPlus(net, "stage4"),
    "GuidedBackprop": explain.GuidedBackprop,
    "Deconvolution": explain.Deconvolution,
    "GuidedGradCAM": lambda net: explain.GuidedGradCAM(net, "stage4"),
    "occlusion": lambda net: lambda x: explain.occlusion(net, x, mask_size=8, overlap=0.0),
    "deletion_auc": lambda net: lambda x: explain.deletion_auc(net, x, x[:, 0], steps=2),
    "insertion_auc": lambda net: lambda x: explain.insertion_auc(net, x, x[:, 0], steps=2),
    "randomisation": lambda net: lambda x: trust.randomisation_similarity(lambda _: lambda y, __: y[:, 0], net, x),
}


def small() -> SENet3D:
    """A network in a mixed state, as a user may hand it over."""
    network = SENet3D("bottleneck", (4, 4, 8, 8), 4, modules=(1, 1, 1, 1))
    network.train()
    network.stage2.eval()
    network.stage3.requires_grad_(False)
    return network


def state(network: nn.Module) -> list[object]:
    found: list[object] = []
    for name, module in network.named_modules():
        hooks = [len(getattr(module, kind)) for kind in HOOKS]
        found.append((name, id(module), type(module), module.training, getattr(module, "inplace", None), hooks))
    found += [(name, p.requires_grad, p.grad is None) for name, p in network.named_parameters()]
    return found


def test_list_is_whole() -> None:
    assert len(EXPLAINERS) == 9


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("name", EXPLAINERS)
def test_leaves_the_network_as_found(name: str, fails: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    network = small()
    x = torch.rand(2, 1, 16, 16, 16, requires_grad=True)
    before, weights = state(network), copy.deepcopy(network.state_dict())
    generator = torch.get_rng_state()
    if fails:
        monkeypatch.setattr(network.classifier, "forward", lambda _: (_ for _ in ()).throw(RuntimeError("broken")))
        with pytest.raises(RuntimeError, match="broken"):
            EXPLAINERS[name](network)(x)
    else:
        out = EXPLAINERS[name](network)(x)
        assert len(out) == 2
        assert not out.requires_grad
    assert state(network) == before
    assert x.grad is None
    assert torch.equal(torch.get_rng_state(), generator)
    for key, value in network.state_dict().items():
        assert torch.equal(value, weights[key]), key


def test_keeps_gradients_that_were_there() -> None:
    network = small()
    network(torch.rand(2, 1, 16, 16, 16)).sum().backward()
    before = {name: p.grad.clone() for name, p in network.named_parameters() if p.grad is not None}
    for build in EXPLAINERS.values():
        build(network)(torch.rand(2, 1, 16, 16, 16))
    for name, parameter in network.named_parameters():
        assert (name in before) == (parameter.grad is not None)
        assert parameter.grad is None or torch.equal(parameter.grad, before[name])


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_works_where_gradients_are_off(mode: Callable[[], torch.no_grad]) -> None:
    network, x = small(), torch.rand(2, 1, 16, 16, 16)
    expected = explain.GradCAMPlusPlus(network, "stage4")(x)
    with mode():
        torch.testing.assert_close(explain.GradCAMPlusPlus(network, "stage4")(x.clone()), expected)
        assert explain.GuidedBackprop(network)(x.clone()).max() == 1


def test_borrowed_restores_each_module_after_an_error() -> None:
    network = small()
    before = state(network)

    def fail() -> None:
        with borrowed(network):
            assert not any(module.training for module in network.modules())
            assert not any(getattr(module, "inplace", False) for module in network.modules())
            raise KeyError("stop")

    with pytest.raises(KeyError, match="stop"):
        fail()
    assert state(network) == before


def test_package_is_lazy_and_needs_no_lightning() -> None:
    code = (
        "import sys, medrepro.lightning_modules.explain as e; assert 'torch' not in sys.modules;"
        "e.GradCAM; e.pointing_game;"
        "assert not {'pytorch_lightning', 'captum', 'monai', 'datamodules'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    package: Any = explain
    with pytest.raises(AttributeError, match=r"No medrepro\.lightning_modules\.explain attribute Nothing"):
        package.Nothing  # noqa: B018
    assert all(hasattr(package, name) for name in package.__all__)
