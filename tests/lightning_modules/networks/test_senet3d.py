"""SENet3D: the counts of the three designs, the gate against its formula, the poolings, the switches."""

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from medrepro.lightning_modules.networks.senet3d import Design, SENet3D, SqueezeExcite3D

COUNTS: list[tuple[Design, int, float]] = [
    ("resnext", 1_789_934, 1.21),
    ("bottleneck", 2_509_048, 1.82),
    ("basic", 15_908_856, 12.1),
]
STAGES: list[tuple[Design, tuple[int, ...]]] = [
    ("resnext", (928, 18_540, 94_496, 549_984, 1_124_960, 1_026)),
    ("bottleneck", (928, 24_678, 131_472, 782_384, 1_569_072, 514)),
]


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def gmac(network: nn.Module) -> float:
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network.eval()(torch.zeros(1, 1, 32, 32, 32))
    return float(counter.get_total_flops()) / 2e9


def small(squeeze_excitation: bool = True) -> SENet3D:
    widths, modules = (8, 8, 16, 16), (1, 1, 1, 1)
    return SENet3D("bottleneck", widths, 4, modules=modules, squeeze_excitation=squeeze_excitation)


def test_lists_are_whole() -> None:
    assert (len(COUNTS), len(STAGES)) == (3, 2)


@pytest.mark.parametrize(("design", "count", "macs"), COUNTS)
def test_parameters_and_macs_of_each_design(design: Design, count: int, macs: float) -> None:
    network = SENet3D(design)
    assert parameters(network) == count
    assert gmac(network) == pytest.approx(macs, abs=0.05 if design == "basic" else 0.005)


@pytest.mark.parametrize(("design", "counts"), STAGES)
def test_parameters_stage_by_stage(design: Design, counts: tuple[int, ...]) -> None:
    network = SENet3D(design)
    parts = (network.stem, network.stage1, network.stage2, network.stage3, network.stage4, network.classifier)
    assert tuple(map(parameters, parts)) == counts


def test_early_pool_costs_a_seventh_and_no_parameter() -> None:
    whole, early = SENet3D(), SENet3D(early_pool=True)
    assert parameters(early) == parameters(whole)
    assert 6 < gmac(whole) / gmac(early) < 8


def test_shapes_of_the_stages_at_32() -> None:
    network, shapes = small().eval(), []
    for stage in (network.stage1, network.stage2, network.stage3, network.stage4):
        stage.register_forward_hook(lambda _m, _x, out: shapes.append(tuple(out.shape)))
    assert network(torch.zeros(2, 1, 32, 32, 32)).shape == (2, 2)
    assert shapes == [(2, 8, 32, 32, 32), (2, 8, 16, 16, 16), (2, 16, 8, 8, 8), (2, 16, 4, 4, 4)]


@pytest.mark.parametrize("activation", ["mish", "relu"])
def test_squeeze_excite_is_its_formula(activation: str) -> None:
    torch.manual_seed(0)
    block = SqueezeExcite3D(6, 3, "mish" if activation == "mish" else "relu").double()
    x = torch.randn(2, 6, 3, 4, 5, dtype=torch.float64)
    first, last = block.gate[0], block.gate[2]
    assert isinstance(first, nn.Linear)
    assert isinstance(last, nn.Linear)

    def nonlinear(value: Tensor) -> Tensor:
        return value * torch.tanh(torch.log1p(torch.exp(value))) if activation == "mish" else value.clamp_min(0)

    for n in range(2):
        means = torch.stack([x[n, c].sum() / 60 for c in range(6)])
        hidden = nonlinear(first.weight @ means + first.bias)
        gates = 1 / (1 + torch.exp(-(last.weight @ hidden + last.bias)))
        for c in range(6):
            torch.testing.assert_close(block(x)[n, c], gates[c] * x[n, c], rtol=1e-12, atol=1e-12)


def test_squeeze_excitation_off_has_no_gate_and_fewer_parameters() -> None:
    on, off = small(), small(squeeze_excitation=False)
    assert not any(isinstance(module, SqueezeExcite3D) for module in off.modules())
    gates = sum(parameters(module) for module in on.modules() if isinstance(module, SqueezeExcite3D))
    assert parameters(on) - parameters(off) == gates > 0


def test_groups_see_only_their_own_channels() -> None:
    network = SENet3D("resnext", widths=(16, 16, 16, 16), groups=4, modules=(1, 1, 1, 1))
    grouped = [m for m in network.modules() if isinstance(m, nn.Conv3d) and m.kernel_size == (3, 3, 3)][1]
    x = torch.randn(1, 8, 5, 5, 5)
    changed = x.clone()
    changed[:, :2] += 1
    moved = (grouped(x) - grouped(changed)).abs().amax(dim=(0, 2, 3, 4)) > 1e-6
    assert moved.tolist() == [True, True] + [False] * 6


def test_errors_name_what_is_allowed() -> None:
    with pytest.raises(ValueError, match="four stages"):
        SENet3D(widths=(8, 16))
    with pytest.raises(ValueError, match="groups=32 must divide"):
        SENet3D(widths=(16, 32, 64, 128))


def test_every_parameter_learns() -> None:
    network = small()
    network(torch.randn(4, 1, 16, 16, 16)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())
