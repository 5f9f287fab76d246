"""Comparator: multi-crop pooling (Table 4, [33]).

In: cubes ``(N, 1, D, H, W)``; out: logits ``(N, classes)``.

Mechanism, after Shen et al., "Multi-crop convolutional neural networks for lung nodule malignancy suspiciousness
classification", Pattern Recognition 61, 2017: instead of one pooled map, three of one size: the whole map pooled
twice, its central half pooled once, its central quarter as it is; the nodule is seen at three zooms.
Ours: BatchNorm after each convolution, softmax, widths.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from medrepro.lightning_modules.networks.blocks3d import conv_bn_relu

HIDDEN = 32  # Shen et al., Sec. 2.3


def centre_crop(x: Tensor, size: int) -> Tensor:
    """Return the central ``size``^3 voxels of ``x (N, C, S, S, S)``.

    Raises:
        ValueError: the map is smaller than the crop.
    """
    if min(x.shape[2:]) < size:
        raise ValueError(f"cannot crop {size} voxels from a map of {tuple(x.shape[2:])}")
    for axis in (2, 3, 4):
        x = x.narrow(axis, (x.shape[axis] - size) // 2, size)
    return x


class MultiCropPool3D(nn.Module):
    """The whole map, its central half and its central quarter, max-pooled to one size and concatenated."""

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, C, S, S, S)`` to ``(N, 3 C, S/4, S/4, S/4)``; S divisible by 4."""
        side = x.shape[2]
        whole = functional.max_pool3d(functional.max_pool3d(x, 2), 2)
        half = functional.max_pool3d(centre_crop(x, side // 2), 2)
        return torch.cat([whole, half, centre_crop(x, side // 4)], dim=1)


class MultiCropNet3D(nn.Module):
    """Two convolutions with a max pool between, multi-crop pooling, a convolution, a hidden layer, logits.

    Args:
        width: channels of the first convolution; the second has twice that, the last four times.
        size: side of the cubes in voxels, divisible by 8.
        num_classes: logits.
    """

    def __init__(self, width: int = 45, size: int = 32, num_classes: int = 2) -> None:
        super().__init__()
        self.features = nn.Sequential(
            conv_bn_relu(1, width),
            nn.MaxPool3d(2),
            conv_bn_relu(width, 2 * width),
            MultiCropPool3D(),
            conv_bn_relu(6 * width, 4 * width),
        )
        self.hidden = nn.Linear(4 * width * (size // 8) ** 3, HIDDEN)
        self.classifier = nn.Linear(HIDDEN, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits ``(N, classes)`` of cubes ``(N, 1, size, size, size)``."""
        logits: Tensor = self.classifier(functional.relu(self.hidden(self.features(x).flatten(1))))
        return logits
