"""The five networks of the egfr paper (Sec. 2.1, Table 4), each with a 512-feature embedding.

In: images (N, C, H, W), 64x64 in the paper; out: features (N, 512), which the mixed loss compares, and logits.
"""

from typing import Literal

from monai.networks.nets import DenseNet
from torch import Tensor, nn

from medrepro.lightning_modules.networks.egfr_resnet import ResNet
from medrepro.lightning_modules.networks.weights import build_backbone, feature_width

Backbone = Literal["vgg16", "resnet18", "resnet34", "resnet50", "densenet"]
Scale = Literal["paper", "standard", "quick"]

TIMM_NAMES: dict[Backbone, str] = {
    "vgg16": "vgg16",
    "resnet18": "resnet18",
    "resnet34": "resnet34",
    "resnet50": "resnet50",
    "densenet": "densenet121",
}


class EGFRNet(nn.Module):
    """Backbone -> 512 features, ReLU -> logits.

    Scales, for 1 x 64 x 64 images (parameters as Keras counts them; multiply-adds):

    * ``paper``: the paper prints no widths. These are fitted to Table 4's parameters, within 0.6 % of them. No
      family of widths can match its FLOPs as well: two networks of the same shape, ResNet34 and ResNet18, would
      differ by a factor of at least 1.66 in parameters; the table says 1.29.
    * ``standard``: timm's networks as they are, whose fixed features end in a further 512.
    * ``quick``: narrow networks with early pooling for a CPU: ResNet18 of width 16, 0.77 M, 9.5 M multiply-adds.

    Args:
        backbone: which network.
        scale: how wide.
        in_channels: C.
        num_classes: K.
        embedding_dim: length of the features.

    Raises:
        ValueError: the backbone or the scale is unknown.
    """

    def __init__(
        self,
        backbone: Backbone = "resnet34",  # Table 6: the best
        scale: Scale = "paper",
        in_channels: int = 1,  # Sec. 3.1.2: 64x64x1
        num_classes: int = 2,
        embedding_dim: int = 512,  # Sec. 2.1
    ) -> None:
        super().__init__()
        self.backbone, width = _build(backbone, scale, in_channels)
        self.embedding = nn.Sequential(nn.Linear(width, embedding_dim), nn.ReLU())
        self.classifier = nn.Linear(embedding_dim, num_classes)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Map images (N, C, H, W) to features (N, 512), none negative, and logits (N, K)."""
        features: Tensor = self.embedding(self.backbone(images))
        return features, self.classifier(features)


def _build(backbone: Backbone, scale: Scale, in_channels: int) -> tuple[nn.Module, int]:
    """Return a network (N, C, H, W) -> (N, F), and F."""
    if backbone not in TIMM_NAMES:
        raise ValueError(f"backbone {backbone!r} is not one of {', '.join(TIMM_NAMES)}")
    if scale not in ("paper", "standard", "quick"):
        raise ValueError(f"scale {scale!r} is not one of paper, standard, quick")
    if scale == "standard":
        network = build_backbone(TIMM_NAMES[backbone], in_channels=in_channels)
        return network, feature_width(network)
    if backbone == "vgg16":
        return _vgg16((40, 80, 160, 240, 320) if scale == "paper" else (8, 16, 32, 48, 64), in_channels)
    if backbone == "densenet":
        return _densenet(*(64, 16) if scale == "paper" else (16, 8), in_channels=in_channels)
    resnet = _resnet(backbone, scale, in_channels)
    return resnet, resnet.num_features


def _resnet(backbone: Backbone, scale: Scale, in_channels: int) -> ResNet:
    depths = (2, 2, 2, 2) if backbone == "resnet18" else (3, 4, 6, 3)
    bottleneck = backbone == "resnet50"
    if scale == "quick":
        width = {"resnet18": 16, "resnet34": 12, "resnet50": 8}[backbone]
        return ResNet(depths, _doubling(width), bottleneck, width, 7, pool=True, in_channels=in_channels)
    if backbone == "resnet18":
        return ResNet(depths, (32, 64, 128, 248), False, 64, 3, pool=False, in_channels=in_channels)
    width, stem = (25, 64) if bottleneck else (26, 26)
    return ResNet(depths, _doubling(width), bottleneck, stem, 7, pool=False, in_channels=in_channels)


def _doubling(width: int) -> tuple[int, ...]:
    return tuple(width * factor for factor in (1, 2, 4, 8))


def _densenet(init_features: int, growth: int, in_channels: int) -> tuple[nn.Module, int]:
    """DenseNet-121 of another growth rate, up to its global average."""
    network = DenseNet(
        spatial_dims=2,
        in_channels=in_channels,
        out_channels=2,  # its classifier is not used
        init_features=init_features,
        growth_rate=growth,
        block_config=(6, 12, 24, 16),
    )
    width = network.class_layers.get_submodule("out").get_parameter("weight").shape[1]
    return nn.Sequential(network.features, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()), width


def _vgg16(widths: tuple[int, ...], in_channels: int) -> tuple[nn.Module, int]:
    """VGG-16's thirteen convolutions without its fifth pooling: 64x64 images end in 4x4, flattened."""
    layers: list[nn.Module] = []
    channels = in_channels
    for block, (width, depth) in enumerate(zip(widths, (2, 2, 3, 3, 3), strict=True)):
        if block > 0:
            layers.append(nn.MaxPool2d(2))
        for _ in range(depth):
            convolution = nn.Conv2d(channels, width, 3, padding=1)
            nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
            layers += [convolution, nn.ReLU()]
            channels = width
    grid = 4  # what 64x64 images leave; images of another size are averaged to it
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(grid), nn.Flatten()), channels * grid**2
