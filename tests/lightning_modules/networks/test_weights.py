import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from medrepro.lightning_modules.networks.keras_mobilenet import convert
from medrepro.lightning_modules.networks.weights import (
    build_backbone,
    feature_width,
    offline_message,
    read_weights,
    save_backbone,
    weights_file,
    weights_folder,
)
from tests.lightning_modules.networks.test_keras_mobilenet import keras_tensors

SMALL = "mobilenetv3_small_050"


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No network and no weights anywhere: torch.hub and the hub's cache look into an empty folder."""

    def refuse(*_args: object, **_kwargs: object) -> socket.socket:
        raise OSError("network is unreachable")

    module = "medrepro.lightning_modules.networks.weights"
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(f"{module}.huggingface_hub.try_to_load_from_cache", lambda *_args: None)
    monkeypatch.setattr(f"{module}.urllib.request.getproxies", dict)
    monkeypatch.setattr(f"{module}.socket.create_connection", refuse)
    return tmp_path


def test_imagenet_offline_fails_in_one_line_with_all_it_takes(offline: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        build_backbone("mobilenetv1_100", "imagenet")
    message = str(caught.value)
    assert "\n" not in message
    assert weights_file("mobilenetv1_100") in message
    assert str(weights_folder()) in message
    assert str(offline) in message
    assert "--weights PATH" in message


def test_the_size_in_the_message_is_the_files() -> None:
    network = build_backbone("mobilenetv1_100")
    parameters = sum(value.numel() * value.element_size() for value in network.state_dict().values())
    classifier = (1024 + 1) * 1000 * 4
    assert f"({(parameters + classifier) / 1e6:.0f} MB)" in offline_message("mobilenetv1_100")


def test_a_file_put_by_hand_is_found_without_network(offline: Path) -> None:
    source = build_backbone(SMALL)
    save_backbone(source, weights_folder() / weights_file(SMALL))
    found = build_backbone(SMALL, "imagenet")
    for name, value in source.state_dict().items():
        torch.testing.assert_close(found.state_dict()[name], value, atol=0, rtol=0)


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_a_local_file_gives_its_weights_and_drops_the_classifier(tmp_path: Path, suffix: str) -> None:
    source = build_backbone(SMALL)
    state = {
        **source.state_dict(),
        "classifier.weight": torch.ones(3, 1024),
        "classifier.bias": torch.ones(3),
    }
    path = tmp_path / f"weights{suffix}"
    if suffix == ".pth":
        torch.save({"state_dict": state}, path)
    else:
        save_file(state, path)
    images = torch.rand(2, 3, 64, 64)
    found = build_backbone(SMALL, str(path))
    torch.testing.assert_close(found.eval()(images), source.eval()(images), atol=0, rtol=0)


def test_a_keras_backbone_survives_saving(tmp_path: Path) -> None:
    tensors: dict[str, Any] = keras_tensors(np.random.default_rng(1), complete=False)
    np.savez(tmp_path / "keras.npz", **tensors)
    first = build_backbone("mobilenetv1_100", str(tmp_path / "keras.npz"))
    save_backbone(first, tmp_path / "stage.safetensors", layout="keras")
    second = build_backbone("mobilenetv1_100", str(tmp_path / "stage.safetensors"))
    images = torch.rand(1, 3, 65, 65)  # an odd size, where Keras's padding differs from torch's
    torch.testing.assert_close(second.eval()(images), first(images), atol=0, rtol=0)
    assert set(second.state_dict()) >= set(convert(tensors)[0]) - {
        f"blocks.4.1.bn2.{part}" for part in ("weight", "bias", "running_mean", "running_var")
    }
    with pytest.raises(ValueError, match=f"holds mobilenetv1_100, not {SMALL}"):
        build_backbone(SMALL, str(tmp_path / "keras.npz"))


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    save_backbone(build_backbone(SMALL), tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match=r"does not fit mobilenetv1_100: missing .*unexpected"):
        build_backbone("mobilenetv1_100", str(tmp_path / "other.safetensors"))


def test_code_in_a_pickle_is_never_run(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path(tmp_path / "ran").write_text, ("ran",))

    torch.save({"weights": Trap()}, tmp_path / "trap.pth")
    with pytest.raises(ValueError, match="weights_only=True"):
        read_weights(tmp_path / "trap.pth")
    assert not (tmp_path / "ran").exists()


def test_wrong_input_says_what_is_allowed(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no weights file at .*absent.pth"):
        build_backbone(SMALL, str(tmp_path / "absent.pth"))
    (tmp_path / "weights.h5").touch()
    with pytest.raises(ValueError, match=r"weights end in \.safetensors.*found '\.h5'"):
        build_backbone(SMALL, str(tmp_path / "weights.h5"))
    (tmp_path / "broken.safetensors").write_bytes(b"not tensors")
    with pytest.raises(ValueError, match="cannot be read as safetensors"):
        build_backbone(SMALL, str(tmp_path / "broken.safetensors"))
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(ValueError, match="holds no state dict"):
        build_backbone(SMALL, str(tmp_path / "list.pth"))
    with pytest.raises(ValueError, match=r"not a timm architecture; names like it.*mobilene"):
        build_backbone("mobilenetv9")
    with pytest.raises(ValueError, match="for 3 channels, found in_channels=1"):
        build_backbone(SMALL, "imagenet", in_channels=1)


def test_the_width_is_that_of_the_output() -> None:
    network = build_backbone(SMALL, in_channels=1)
    assert network.eval()(torch.rand(2, 1, 64, 64)).shape == (2, feature_width(network))
    with pytest.raises(ValueError, match="Linear does not say its num_features"):
        feature_width(torch.nn.Linear(2, 2))
