"""QuadSNet: parameter counts, shapes, what the streams are, and padding."""

import pytest
import torch
from torch import Tensor, nn

from medrepro.lightning_modules.networks.quadsnet import SMALLEST, STREAMS, QuadSNet, Stream, pad_to


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)


def running(network: nn.Module) -> int:
    return sum(value.numel() for name, value in network.named_buffers() if "running" in name)


def small(in_channels: int = 1, num_classes: int = 2, streams: tuple[Stream, ...] = STREAMS) -> QuadSNet:
    return QuadSNet(in_channels, num_classes, widths=(2, 3, 4, 5), hidden=6, streams=streams)


def test_parameters_of_the_paper() -> None:
    colour, grey = QuadSNet(3, 2), QuadSNet(1, 2)
    assert count(colour) == 5_242_728
    assert count(colour) + running(colour) == 5_246_568  # Keras's total
    assert count(grey) == 5_240_356
    assert abs(count(colour) / 5_235_944 - 1) < 0.0014  # Table II


def multiply_adds(network: nn.Module, images: Tensor) -> int:
    total = 0

    def add(module: nn.Module, _: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        if isinstance(module, nn.Conv2d):
            total += output.numel() * module.weight[0].numel()
        elif isinstance(module, nn.Linear):
            total += output.numel() * module.in_features

    hooks = [module.register_forward_hook(add) for module in network.modules()]
    network(images)
    for hook in hooks:
        hook.remove()
    return total


def test_multiply_adds_at_224() -> None:
    with torch.device("meta"):
        network, images = QuadSNet(3, 2), torch.empty(1, 3, 224, 224)
    assert multiply_adds(network, images) / 1e9 == pytest.approx(10.5, abs=0.05)


@pytest.mark.parametrize("shape", [(1, 32, 32), (3, 32, 32), (1, 28, 28), (3, 45, 33), (1, 64, 40), (1, 9, 70)])
def test_any_size_grey_and_colour(shape: tuple[int, int, int]) -> None:
    logits = small(shape[0], 7)(torch.rand(2, *shape))
    assert logits.shape == (2, 7)
    assert logits.isfinite().all()


def test_streams_have_their_kernels_and_kind() -> None:
    network = QuadSNet(1, 2)
    assert list(network.streams) == ["cs1", "cs2", "ss1", "ss2"]
    for name, kernel, separable in (("cs1", 3, False), ("cs2", 5, False), ("ss1", 3, True), ("ss2", 5, True)):
        layers = [layer for layer in network.streams[name].modules() if isinstance(layer, nn.Conv2d)]
        spatial = [layer for layer in layers if layer.kernel_size != (1, 1)]
        assert len(spatial) == 8
        assert all(layer.kernel_size == (kernel, kernel) for layer in spatial)
        assert all((layer.groups == layer.in_channels) == separable for layer in spatial[1:])
        assert len(layers) == (16 if separable else 8)


def test_batch_norm_and_dropout_are_the_papers() -> None:
    network = QuadSNet(1, 2)
    norms = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)]
    drops = [layer for layer in network.modules() if isinstance(layer, nn.Dropout)]
    assert len(norms) == 16
    assert {(norm.eps, norm.momentum) for norm in norms} == {(1e-4, 0.01)}
    assert len(drops) == 17
    assert {drop.p for drop in drops} == {0.3}


def test_features_are_the_streams_joined_in_the_order_of_equation_1() -> None:
    network = small().eval()
    images = torch.rand(3, 1, 32, 32)
    features = network.features(images)
    assert features.shape == (3, 4 * 5)
    for position, name in enumerate(STREAMS):
        alone = network.streams[name](images).mean(dim=(2, 3))
        torch.testing.assert_close(features[:, 5 * position : 5 * position + 5], alone)


@pytest.mark.parametrize("streams", [("cs1",), ("ss2",), ("cs1", "ss1"), ("cs2", "ss2", "ss1")])
def test_any_choice_of_streams(streams: tuple[Stream, ...]) -> None:
    network = small(streams=streams)
    assert network.features(torch.rand(2, 1, 32, 32)).shape == (2, 5 * len(streams))


def test_every_parameter_learns() -> None:
    network = small()
    network(torch.rand(4, 1, 32, 32)).square().sum().backward()
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in network.parameters())


def test_padding_is_even_and_leaves_large_images_alone() -> None:
    padded = pad_to(torch.ones(1, 1, 28, 40), SMALLEST)
    assert padded.shape == (1, 1, 32, 40)
    assert padded[0, 0, :, 0].tolist() == [0.0] * 2 + [1.0] * 28 + [0.0] * 2
    images = torch.rand(1, 1, 32, 50)
    assert pad_to(images, SMALLEST) is images


@pytest.mark.parametrize("streams", [(), ("cs1", "cs1"), ("cs3",)])
def test_refuses_streams_that_do_not_exist(streams: tuple[Stream, ...]) -> None:
    with pytest.raises(ValueError, match="each of cs1, cs2, ss1, ss2 at most once"):
        small(streams=streams)


def test_refuses_a_network_without_blocks() -> None:
    with pytest.raises(ValueError, match="at least one of each"):
        QuadSNet(1, 2, widths=())
