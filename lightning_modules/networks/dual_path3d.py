"""Comparator: a 3-D dual-path network (Table 4, [31]).

In: cubes ``(N, 1, D, H, W)``; out: logits ``(N, classes)``.

Mechanism, after Zhu, Liu, Fan and Xie, "DeepLung", WACV 2018 (dual paths: Chen et al., NeurIPS 2017): the first
channels of a block's output are added to the input (residual path), the others are appended to it (dense path).
Ours: three stages instead of DeepLung's detector backbone, plain 3^3 convolutions, softmax instead of its gradient
boosting on the features.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from medrepro.lightning_modules.networks.blocks3d import conv_bn, conv_bn_relu


class DualPathBlock3D(nn.Module):
    """One block: 1^3 - 3^3 - 1^3, then the split of its output into a residual and a dense part.

    Args:
        channels_in: channels that come in.
        residual: channels of the residual path.
        dense: channels appended by the dense path.
        stride: of the 3^3 convolution; a projection joins where it or the residual path's width changes.
        first: whether this block starts a stage, so that its input must be projected.
    """

    def __init__(self, channels_in: int, residual: int, dense: int, stride: int = 1, first: bool = False) -> None:
        super().__init__()
        self.residual = residual
        self.branch = nn.Sequential(
            conv_bn(channels_in, residual // 2, 1),
            nn.ReLU(),
            conv_bn(residual // 2, residual // 2, 3, stride),
            nn.ReLU(),
            conv_bn(residual // 2, residual + dense, 1),
        )
        self.project = conv_bn(channels_in, residual + dense, 1, stride) if first else nn.Identity()
        self.channels_out = (residual + dense if first else channels_in) + dense

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, C, D, H, W)`` to ``(N, C + dense, ...)``: sum of the first channels, concatenation of the rest."""
        path, out, d = self.project(x), self.branch(x), self.residual
        return functional.relu(torch.cat([path[:, :d] + out[:, :d], path[:, d:], out[:, d:]], dim=1))


class DualPathNet3D(nn.Module):
    """Stem of stride 2, three stages of dual-path blocks, global average, logits.

    Args:
        width: residual channels of the first stage; the stages have 1, 2 and 4 times that.
        dense: channels that each block appends.
        blocks: blocks of each stage.
        num_classes: logits.
    """

    def __init__(
        self, width: int = 72, dense: int = 16, blocks: tuple[int, int, int] = (2, 2, 2), num_classes: int = 2
    ) -> None:
        super().__init__()
        channels, layers = width // 2, [conv_bn_relu(1, width // 2), nn.AvgPool3d(2)]
        for stage, count in enumerate(blocks):
            for position in range(count):
                stride = 2 if position == 0 and stage > 0 else 1
                block = DualPathBlock3D(channels, width * 2**stage, dense, stride, first=position == 0)
                layers.append(block)
                channels = block.channels_out
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Linear(channels, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits ``(N, classes)`` of cubes ``(N, 1, D, H, W)`` with sides of at least 8 voxels."""
        logits: Tensor = self.classifier(self.features(x).mean(dim=(2, 3, 4)))
        return logits
