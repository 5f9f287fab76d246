"""Comparator: a dense binary-tree network (Table 4, [34]).

In: cubes ``(N, 1, D, H, W)``; out: logits ``(N, classes)``.

Mechanism, after Liu et al., "Dense convolutional binary-tree networks for lung nodule classification", IEEE Access 6,
2018: a DenseNet whose transitions keep two children of each map, the pooled whole and the central crop, so that after
T transitions the maps are the 2^T leaves of a tree of zooms.
Ours: 3-D, two transitions, small blocks; the children are concatenated and share the next dense block.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from medrepro.lightning_modules.networks.blocks3d import conv_bn, conv_bn_relu
from medrepro.lightning_modules.networks.multicrop3d import centre_crop


class DenseBlock3D(nn.Module):
    """Each layer sees all maps before it (Huang et al., CVPR 2017): BatchNorm, ReLU, 3^3 convolution, concatenation.

    Args:
        channels: that come in.
        growth: channels of each layer.
        layers: how many.
    """

    def __init__(self, channels: int, growth: int, layers: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(conv_bn_relu(channels + i * growth, growth) for i in range(layers))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, C, D, H, W)`` to ``(N, C + layers * growth, D, H, W)``."""
        for layer in self.layers:
            x = torch.cat([x, layer(x)], dim=1)
        return x


class TreeTransition3D(nn.Module):
    """1^3 convolution to half the channels, then the two children: average-pooled whole and central crop.

    Args:
        channels: that come in; as many go out.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.compress = conv_bn(channels, channels // 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, C, S, S, S)`` to ``(N, 2 (C // 2), S/2, S/2, S/2)``; pooled whole first."""
        x = self.compress(x)
        return torch.cat([functional.avg_pool3d(x, 2), centre_crop(x, x.shape[2] // 2)], dim=1)


class DenseBinaryTree3D(nn.Module):
    """Stem, pooling, three dense blocks joined by two tree transitions, global average, logits.

    Args:
        growth: channels that each dense layer adds.
        layers: dense layers of each block.
        num_classes: logits.
    """

    def __init__(self, growth: int = 27, layers: tuple[int, int, int] = (2, 4, 6), num_classes: int = 2) -> None:
        super().__init__()
        channels = 2 * growth
        parts: list[nn.Module] = [conv_bn_relu(1, channels), nn.AvgPool3d(2)]
        for position, count in enumerate(layers):
            parts.append(DenseBlock3D(channels, growth, count))
            channels += count * growth
            if position < len(layers) - 1:
                parts.append(TreeTransition3D(channels))
                channels = 2 * (channels // 2)
        self.features = nn.Sequential(*parts)
        self.classifier = nn.Linear(channels, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits ``(N, classes)`` of cubes ``(N, 1, S, S, S)`` with S divisible by 8."""
        logits: Tensor = self.classifier(self.features(x).mean(dim=(2, 3, 4)))
        return logits
