import io
import itertools
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from medrepro.lightning_modules.networks.keras_mobilenet import (
    STAGE_DEPTHS,
    convert,
    keras_backbone,
    layer_names,
    read_npz,
)

EPSILON = 1e-3


def keras_tensors(rng: np.random.Generator, complete: bool = True) -> dict[str, np.ndarray]:
    """All tensors of a Keras MobileNet v1 with random values, in Keras's names and layout."""
    widths = [32, 64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024]
    tensors = {"conv1__kernel": rng.normal(0, 0.3, (3, 3, 3, 32)), **norm_tensors(rng, "conv1_bn", 32)}
    for number, (inner, outer) in enumerate(itertools.pairwise(widths), start=1):
        tensors[f"conv_dw_{number}__depthwise_kernel"] = rng.normal(0, 0.3, (3, 3, inner, 1))
        tensors |= norm_tensors(rng, f"conv_dw_{number}_bn", inner)
        if complete or number < 13:
            tensors[f"conv_pw_{number}__kernel"] = rng.normal(0, inner**-0.5, (1, 1, inner, outer))
        tensors |= norm_tensors(rng, f"conv_pw_{number}_bn", outer)
    return {name: value.astype(np.float32) for name, value in tensors.items()}


def norm_tensors(rng: np.random.Generator, name: str, width: int) -> dict[str, np.ndarray]:
    return {
        f"{name}__gamma": rng.uniform(0.5, 1.5, width),
        f"{name}__beta": rng.normal(0, 0.1, width),
        f"{name}__moving_mean": rng.normal(0, 0.1, width),
        f"{name}__moving_variance": rng.uniform(0.5, 1.5, width),
    }


def keras_forward(tensors: dict[str, np.ndarray], images: Tensor, last_pointwise: bool) -> list[Tensor]:
    """Keras's arithmetic from its own tensors: outputs of every convolution + BatchNorm + ReLU6, in order."""

    def norm(x: Tensor, name: str) -> Tensor:
        gamma, beta, mean, variance = (
            torch.from_numpy(tensors[f"{name}__{part}"])[:, None, None]
            for part in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        return (gamma * (x - mean) / torch.sqrt(variance + EPSILON) + beta).clamp(0, 6)

    def convolve(x: Tensor, kernel: np.ndarray, stride: int, groups: int) -> Tensor:
        weight = (
            torch.from_numpy(kernel).permute(3, 2, 0, 1)
            if groups == 1
            else torch.from_numpy(kernel).permute(2, 3, 0, 1)
        )
        side = kernel.shape[0] // 2
        padding = (0, side, 0, side) if stride == 2 else (side, side, side, side)  # ((0, 1), (0, 1)) where strided
        return functional.conv2d(functional.pad(x, padding), weight, stride=stride, groups=groups)

    x = norm(convolve(images, tensors["conv1__kernel"], 2, 1), "conv1_bn")
    outputs = [x]
    for number in range(1, 14):
        stride = 2 if number in (2, 4, 6, 12) else 1
        x = norm(
            convolve(x, tensors[f"conv_dw_{number}__depthwise_kernel"], stride, x.shape[1]),
            f"conv_dw_{number}_bn",
        )
        outputs.append(x)
        if number < 13 or last_pointwise:
            x = norm(convolve(x, tensors[f"conv_pw_{number}__kernel"], 1, 1), f"conv_pw_{number}_bn")
            outputs.append(x)
    return outputs


def layer_outputs(network: torch.nn.Module, images: Tensor) -> list[Tensor]:
    """Outputs of every BatchNorm + ReLU6 of the converted network, in order."""
    outputs: list[Tensor] = []
    norms = [network.get_submodule(name) for keras, name in layer_names().items() if keras.endswith("_bn")]
    hooks = [
        norm.register_forward_hook(lambda _module, _inputs, output: outputs.append(output.clone()))
        for norm in norms
        if not isinstance(norm, torch.nn.Identity)
    ]
    with torch.no_grad():
        network(images)
    for hook in hooks:
        hook.remove()
    return outputs


def test_layer_names_cover_the_whole_backbone() -> None:
    names = layer_names()
    assert len(names) == 54
    assert sum(STAGE_DEPTHS) == 13
    assert len(set(names.values())) == 54


@pytest.mark.parametrize("complete", [True, False])
def test_every_layer_agrees_with_keras_arithmetic(complete: bool) -> None:
    rng = np.random.default_rng(3)
    tensors = keras_tensors(rng, complete)
    images = torch.from_numpy(rng.uniform(-1, 1, (2, 3, 64, 64)).astype(np.float32))
    state, absent = convert(tensors)
    found = layer_outputs(keras_backbone(state), images)
    expected = keras_forward(tensors, images, last_pointwise=complete)
    assert absent == (() if complete else ("conv_pw_13__kernel",))
    assert len(found) == len(expected) == (27 if complete else 26)
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


def test_missing_last_kernel_ends_the_backbone_there() -> None:
    rng = np.random.default_rng(0)
    state, _ = convert(keras_tensors(rng, complete=False))
    network = keras_backbone(state)
    assert all(not name.startswith(("blocks.4.1.conv_pw", "blocks.4.1.bn2")) for name in network.state_dict())
    assert network(torch.zeros(1, 3, 64, 64)).shape == (1, 1024)


def test_errors_name_the_layer() -> None:
    tensors = keras_tensors(np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"unknown layers \['dense_1'\]"):
        convert({**tensors, "dense_1__kernel": np.zeros((2, 2))})
    del tensors["conv_pw_4__kernel"]
    with pytest.raises(ValueError, match=r"lacks \['conv_pw_4__kernel'\]"):
        convert(tensors)


def test_a_file_that_is_no_npz_is_named(tmp_path: Path) -> None:
    path = tmp_path / "broken.npz"
    path.write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(ValueError, match="broken.npz cannot be read"):
        read_npz(path)


def real_images(root: Path) -> Tensor:
    """Real medical images at 224 px in [-1, 1]: BreaKHis, skin, cell lines, chest CT."""
    images = [Image.open(path) for path in sorted((root / "breakhis").glob("*.png"))]
    for archive in (
        "skin/skin_ham10000_3297_128.tar",
        "cell_lines/cell_lines_half_gray.tar",
        "nsclc/nsclc_egfr_ct256.tar",
    ):
        with tarfile.open(root / archive) as tar:
            members = [member for member in tar.getmembers() if member.isfile()]
            for member in members[:: len(members) // 24][:24]:
                content = tar.extractfile(member)
                assert content is not None
                images.append(Image.open(io.BytesIO(content.read())))
    pixels = np.stack([np.asarray(image.convert("RGB").resize((224, 224))) for image in images])
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1


@pytest.mark.real_data
def test_channel_means_agree_with_the_stored_statistics(real_data: Path) -> None:
    """The stored BatchNorm means are means over ImageNet: on other images they still must correlate."""
    path = real_data / "mobilenet_v1" / "mobilenet_v1_1.0_224_keras_partial.npz"
    network = keras_backbone(read_npz(path))
    means: dict[str, np.ndarray] = {}
    for keras, name in layer_names().items():
        if not keras.endswith("_bn") and keras not in ("conv1", "conv_pw_13"):
            network.get_submodule(name).register_forward_hook(
                lambda _module, _inputs, output, keras=keras: means.__setitem__(keras, output.mean((0, 2, 3)).numpy())
            )
    with torch.no_grad():
        network(real_images(real_data))
    with np.load(path, allow_pickle=False) as stored:
        correlations = {
            name: np.corrcoef(mean, stored[f"{name}_bn__moving_mean"])[0, 1] for name, mean in means.items()
        }
    assert len(correlations) == 25
    assert min(correlations.values()) > 0.9, correlations
