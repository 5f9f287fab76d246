"""Comparator: a 2-D residual network on the three orthogonal planes through the nodule (Table 4, [30]).

In: cubes ``(N, 1, D, H, W)``; out: logits ``(N, classes)``.

Mechanism, after Nibali, He and Wollersheim, "Pulmonary nodule classification with deep residual networks", IJCARS 12,
2017: axial, coronal and sagittal slices through the centre, a ResNet-18 column each, one decision from all three.
Ours: the columns share weights, the width is free (theirs were pre-trained and wider), cubes have 32 voxels.
"""

import timm
import torch
from torch import Tensor, nn


def orthogonal_planes(x: Tensor) -> Tensor:
    """Return the axial, coronal and sagittal slices ``(N, 3, S, S)`` through the centre of cubes ``(N, 1, S, S, S)``.

    Raises:
        ValueError: not cubes of one channel.
    """
    if x.ndim != 5 or x.shape[1] != 1 or len(set(x.shape[2:])) != 1:
        raise ValueError(f"three planes need cubes (N, 1, S, S, S), got {tuple(x.shape)}")
    centre = x.shape[2] // 2
    return torch.stack([x[:, 0, centre], x[:, 0, :, centre], x[:, 0, :, :, centre]], dim=1)


class ThreePlaneResNet(nn.Module):
    """ResNet-18 column over three planes, features concatenated.

    Args:
        width: channels of the first stage; the four stages have 1, 2, 4 and 8 times that.
        num_classes: logits.
    """

    def __init__(self, width: int = 25, num_classes: int = 2) -> None:
        super().__init__()
        channels = tuple(width * factor for factor in (1, 2, 4, 8))
        self.column = timm.create_model("resnet18", in_chans=1, num_classes=0, channels=channels, zero_init_last=False)
        self.classifier = nn.Linear(3 * channels[-1], num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits ``(N, classes)`` of cubes ``(N, 1, S, S, S)``."""
        planes = orthogonal_planes(x)
        features = self.column(planes.flatten(0, 1)[:, None])
        logits: Tensor = self.classifier(features.unflatten(0, planes.shape[:2]).flatten(1))
        return logits
