"""Comparator: features of an autoencoder, pre-trained by reconstruction (Table 4, [32]).

In: cubes ``(N, 1, D, H, W)`` in [0, 1]; out: logits ``(N, classes)``, or the reconstructed cubes.

Mechanism, after Mao et al., "Feature representation using deep autoencoder for lung nodule image classification",
Complexity 2018: an encoder first learns to reconstruct nodules without labels, then carries the classifier.
Ours: 3-D convolutions (theirs are fully connected, on 2-D patches), one hidden code, trained end to end afterwards.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from medrepro.lightning_modules.networks.blocks3d import conv_bn_relu


class Autoencoder3D(nn.Module):
    """Three halvings down to a code, three doublings back, and a classifier on the code.

    Args:
        width: channels of the first level; the levels have 1, 2 and 4 times that.
        num_classes: logits.
    """

    def __init__(self, width: int = 48, num_classes: int = 2) -> None:
        super().__init__()
        levels = (1, width, 2 * width, 4 * width)
        down: list[nn.Module] = []
        up: list[nn.Module] = []
        for outer, inner in pairwise(levels):
            down += [conv_bn_relu(outer, inner), nn.AvgPool3d(2)]
            up = [nn.ConvTranspose3d(inner, outer, 2, stride=2), nn.ReLU(), *up]
        self.encoder = nn.Sequential(*down, conv_bn_relu(levels[-1], levels[-1]))
        self.decoder = nn.Sequential(*up[:-1])  # the last level ends in a sigmoid instead of a ReLU
        self.classifier = nn.Linear(levels[-1], num_classes)

    def reconstruct(self, x: Tensor) -> Tensor:
        """Return ``x (N, 1, D, H, W)`` as the code remembers it, same shape, in [0, 1]; sides divisible by 8."""
        return torch.sigmoid(self.decoder(self.encoder(x)))

    def reconstruction_loss(self, x: Tensor) -> Tensor:
        """Return the mean squared error of the reconstruction of ``x (N, 1, D, H, W)``, a scalar."""
        return functional.mse_loss(self.reconstruct(x), x)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits ``(N, classes)`` of cubes ``(N, 1, D, H, W)``; the decoder takes no part."""
        logits: Tensor = self.classifier(self.encoder(x).mean(dim=(2, 3, 4)))
        return logits
