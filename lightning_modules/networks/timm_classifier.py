"""The six baselines of QuadSNet's Table III: timm's backbones with QuadSNet's head.

In: images ``(N, C, H, W)`` in [0, 1]; out: class scores ``(N, K)``.
"""

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from medrepro.lightning_modules.networks.quadsnet import pad_to
from medrepro.lightning_modules.networks.weights import build_backbone, feature_width

BaselineName = Literal["densenet121", "inception_v3", "mobilenetv1_100", "resnet50", "vgg16", "legacy_xception"]


class Baseline(NamedTuple):
    """What is known of a baseline before it is built."""

    abbreviation: str  # Table II
    smallest: int  # px; smaller sides leave no feature map


BASELINES: dict[BaselineName, Baseline] = {
    "densenet121": Baseline("DN", 32),
    "inception_v3": Baseline("IN", 75),
    "mobilenetv1_100": Baseline("MN", 32),
    "resnet50": Baseline("RN", 32),
    "vgg16": Baseline("VG", 32),
    "legacy_xception": Baseline("XC", 32),
}


VGG_MAPS = 512  # of its last convolution


class TimmClassifier(nn.Module):
    """A backbone, global average pooling, dropout, FC + ReLU, output: the head is QuadSNet's.

    Args:
        name: one of the six; VGG16 goes without its own fully connected layers.
        in_channels: 1 or 3; with pretrained weights a grey image is repeated over three channels.
        num_classes: length K of the scores.
        weights: ``none`` (random), ``imagenet`` or the path of a file, see `build_backbone`; pretrained ones
            get the pixel mean and deviation of their training.
        hidden: width of the fully connected layer, as QuadSNet's.
        dropout: rate before it, as QuadSNet's.

    Raises:
        ValueError: an unknown name, or weights that do not fit.
        FileNotFoundError: the weights are not here; says which file belongs where.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(
        self,
        name: BaselineName,
        in_channels: int,
        num_classes: int,
        weights: str = "none",  # the paper: ImageNet; a random start must be asked for, never happen
        hidden: int = 512,  # assumed: the paper prints no head
        dropout: float = 0.3,  # Sec. II-B
    ) -> None:
        super().__init__()
        if name not in BASELINES:
            raise ValueError(f"baseline {name!r}: allowed are {', '.join(BASELINES)}")
        self.smallest = BASELINES[name].smallest
        self.in_channels = in_channels if weights == "none" else 3
        self.backbone = build_backbone(name, weights, self.in_channels)
        width = feature_width(self.backbone)
        if hasattr(self.backbone, "pre_logits"):  # VGG's layers of 4096: 119 of 138 million parameters
            self.backbone.pre_logits, width = nn.Identity(), VGG_MAPS
        self.classifier = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(width, hidden),
            nn.ReLU(inplace=True),
            nn.Linear(hidden, num_classes),
        )
        mean, deviation = pixel_scale(self.backbone) if weights != "none" else ((0.0,), (1.0,))
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1))
        self.register_buffer("deviation", torch.tensor(deviation).view(1, -1, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        """Score images ``(N, C, H, W)`` in [0, 1] as ``(N, K)`` logits; small ones are padded with zeros."""
        coloured = images.expand(-1, self.in_channels, -1, -1)
        padded = pad_to((coloured - self.mean) / self.deviation, self.smallest)
        return torch.as_tensor(self.classifier(self.backbone(padded)))


def pixel_scale(backbone: nn.Module) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and standard deviation a channel of the images (in [0, 1]) a backbone was pretrained on."""
    config = getattr(backbone, "default_cfg", {})
    return tuple(config.get("mean", (0.5,))), tuple(config.get("std", (0.5,)))
