"""The six baselines: the same head, small and grey inputs, pretrained weights, and Table II's numbers explained."""

from pathlib import Path

import pytest
import timm
import torch
from torch import nn

from medrepro.lightning_modules.networks import timm_classifier
from medrepro.lightning_modules.networks.timm_classifier import BASELINES, BaselineName, TimmClassifier
from medrepro.lightning_modules.networks.weights import save_backbone

# Table II's column "trainable" against timm's 1000-class networks: parameters plus BatchNorm statistics.
KERAS_TOTALS: dict[BaselineName, int] = {
    "densenet121": 8_062_504,
    "mobilenetv1_100": 4_253_864,
    "vgg16": 138_357_544,
    "legacy_xception": 22_910_480,
}


def test_there_are_six() -> None:
    assert len(BASELINES) == 6
    assert [baseline.abbreviation for baseline in BASELINES.values()] == ["DN", "IN", "MN", "RN", "VG", "XC"]


@pytest.mark.parametrize("name", KERAS_TOTALS)
def test_the_papers_column_counts_batch_norm_statistics_as_trainable(name: BaselineName) -> None:
    with torch.device("meta"):
        network = timm.create_model(name)
    trainable = sum(parameter.numel() for parameter in network.parameters())
    statistics = sum(value.numel() for key, value in network.named_buffers() if "running" in key)
    assert trainable + statistics == KERAS_TOTALS[name]


def meta_classifier(name: BaselineName) -> TimmClassifier:
    with torch.device("meta"):
        return TimmClassifier(name, in_channels=1, num_classes=4)


@pytest.mark.parametrize("name", BASELINES)
def test_small_grey_images_and_the_same_head(name: BaselineName) -> None:
    network = meta_classifier(name)
    assert network(torch.empty(2, 1, 28, 28, device="meta")).shape == (2, 4)
    kinds = [type(layer) for layer in network.classifier]
    assert kinds == [nn.Dropout, nn.Linear, nn.ReLU, nn.Linear]
    assert isinstance(network.classifier[1], nn.Linear)
    assert network.classifier[1].out_features == 512


def test_vgg16_loses_its_own_fully_connected_layers() -> None:
    assert sum(parameter.numel() for parameter in meta_classifier("vgg16").parameters()) < 16e6


def test_pretrained_weights_are_used_and_grey_is_repeated(tmp_path: Path) -> None:
    torch.manual_seed(0)
    source = timm.create_model("mobilenetv1_100", num_classes=0).eval()
    save_backbone(source, tmp_path / "weights.safetensors")
    network = TimmClassifier("mobilenetv1_100", 1, 2, weights=str(tmp_path / "weights.safetensors")).eval()
    grey = torch.rand(2, 1, 32, 32)
    expected = network.classifier(source((grey.repeat(1, 3, 1, 1) - 0.5) / 0.5))
    torch.testing.assert_close(network(grey), expected)


def test_weights_that_are_not_here_stop_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("medrepro.lightning_modules.networks.weights._hub_reachable", lambda: False)
    monkeypatch.setattr("medrepro.lightning_modules.networks.weights._in_hub_cache", lambda _: False)
    with pytest.raises(FileNotFoundError, match=r"resnet50\..*safetensors .* --weights none starts at random"):
        TimmClassifier("resnet50", 3, 2, weights="imagenet")
    with pytest.raises(FileNotFoundError, match=r"nowhere\.pth"):
        TimmClassifier("resnet50", 3, 2, weights="nowhere.pth")


def test_refuses_other_names() -> None:
    with pytest.raises(ValueError, match="allowed are densenet121, inception_v3"):
        TimmClassifier("resnet18", 3, 2)  # type: ignore[arg-type]  # the point of the test


def test_the_pixel_scale_of_an_unknown_backbone_is_half() -> None:
    assert timm_classifier.pixel_scale(nn.Identity()) == ((0.5,), (0.5,))
