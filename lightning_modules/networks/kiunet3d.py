"""KiU-Net in 3-D with one level: an over-complete and an under-complete branch that cross.

In: one crop (N, 1, R, R, R) in [0, 1]; out: a map of logits (N, 1, R, R, R), or one logit (N, 1).
Valanarasu et al., KiU-Net, MICCAI (2020), doi:10.1007/978-3-030-59719-1_36.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from medrepro.lightning_modules.networks.blocks3d import conv_bn, conv_bn_relu, resize
from medrepro.lightning_modules.networks.trunk3d import BLOCKS, TrunkClassifier


class CrossBlock(nn.Module):
    """Each branch takes the other's features; both directions interpolate, as KiU-Net's do.

    Args:
        channels: width of either branch.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.to_under = conv_bn_relu(channels, channels)
        self.to_over = conv_bn_relu(channels, channels)

    def forward(self, over: Tensor, under: Tensor) -> tuple[Tensor, Tensor]:
        """Map (N, c, 2R, 2R, 2R) and (N, c, R/2, R/2, R/2) to two maps of the same shapes."""
        return over + resize(self.to_over(under), like=over), under + resize(self.to_under(over), like=under)


class KiUFeatures(nn.Module):
    """One level of KiU-Net up to the concatenation of its branches.

    Args:
        channels: width c of either branch; the output has 2c.
        in_channels: channels of the image.
    """

    def __init__(self, channels: int, in_channels: int = 1) -> None:
        super().__init__()
        self.over_in, self.under_in = conv_bn(in_channels, channels), conv_bn(in_channels, channels)
        self.cross = CrossBlock(channels)
        self.over_out = nn.Conv3d(channels, channels, 3, padding=1, bias=False)
        self.under_out = nn.Conv3d(channels, channels, 3, padding=1, bias=False)
        self.up = nn.Upsample(scale_factor=2, mode="trilinear")
        self.pool = nn.MaxPool3d(2)

    def forward(self, x: Tensor) -> Tensor:
        """Map images (N, in_channels, R, R, R), R even, to features (N, 2c, R, R, R)."""
        over, under = functional.relu(self.up(self.over_in(x))), functional.relu(self.pool(self.under_in(x)))
        over, under = self.cross(over, under)
        branches = [
            functional.relu(self.pool(self.over_out(over))),
            functional.relu(self.up(self.under_out(under))),
        ]
        return torch.cat(branches, dim=1)


class KiUNet3D(nn.Module):
    """KiU-Net, one level: 28,673 parameters at c = 16.

    Args:
        channels: width c of either branch.
        in_channels: channels of the image.
    """

    def __init__(self, channels: int = 16, in_channels: int = 1) -> None:  # assumed
        super().__init__()
        self.features = KiUFeatures(channels, in_channels)
        self.output = nn.Conv3d(2 * channels, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map crops (N, in_channels, R, R, R), R even, to logits (N, 1, R, R, R)."""
        logits: Tensor = self.output(self.features(x))
        return logits


class KiUClassifier(TrunkClassifier):
    """KiU-Net's features instead of the three channels, then the trunk (row KiU of Table 3, assumed).

    Args:
        channels: width c of either branch.
        blocks: widths of the residual blocks.
        in_channels: channels of the image.
    """

    def __init__(self, channels: int = 8, blocks: tuple[int, ...] = BLOCKS, in_channels: int = 1) -> None:
        super().__init__(KiUFeatures(channels, in_channels), 2 * channels, blocks, in_channels=in_channels)
