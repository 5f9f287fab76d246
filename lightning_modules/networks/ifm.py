"""IFM, the image compensation model: three channels, residual attention, four residual blocks.

In: one crop (N, 1, R, R, R) in [0, 1]; out: one logit (N, 1), or for the ablation a map of logits.
Secs. 3.2.2 and 3.2.5, Figs. 2 and 3 of seed 001; what they do not say is assumed and numbered on the card.
"""

import torch
from torch import Tensor, nn

from medrepro.lightning_modules.networks.blocks3d import DROPOUT, HIDDEN, conv_bn, conv_bn_relu
from medrepro.lightning_modules.networks.channels import ChannelName, channel
from medrepro.lightning_modules.networks.ram import RAM
from medrepro.lightning_modules.networks.trunk3d import (
    BLOCKS,
    STRIDES,
    ResidualTrunk,
    TrunkClassifier,
    resolution_widths,
)
from medrepro.lightning_modules.networks.unet3d import Decoder3D

ALL_CHANNELS: tuple[ChannelName, ...] = ("oa", "dt", "general")


class ChannelFusion(nn.Module):
    """Each channel sees the image through a stem of its own; RAM weighs them; a 1^3 convolution fuses them.

    With one channel there is nothing to weigh, so there is no RAM.

    Args:
        width: channels c of each branch; the output has 2c.
        channels: which of the three channels to use.
        in_channels: channels of the image.
    """

    def __init__(self, width: int, channels: tuple[ChannelName, ...] = ALL_CHANNELS, in_channels: int = 1) -> None:
        super().__init__()
        branches = [nn.Sequential(conv_bn_relu(in_channels, width), channel(name, width)) for name in channels]
        self.branches = nn.ModuleList(branches)
        self.attention = RAM(width, len(channels)) if len(channels) > 1 else None
        self.fuse = nn.Sequential(conv_bn(len(channels) * width, 2 * width, kernel=1), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        """Map images (N, in_channels, D, H, W) to fused features (N, 2c, D, H, W)."""
        maps = [branch(x) for branch in self.branches]
        if self.attention is not None:
            maps = self.attention(maps)
        fused: Tensor = self.fuse(torch.cat(maps, dim=1))
        return fused


class IFM(TrunkClassifier):
    """The image compensation model as a classifier; one channel alone is ZI-Net (OA) or ZI-Net (DT).

    972,613 parameters, 0.85 / 2.88 / 6.83 GMAC at 32 / 48 / 64; with OA or DT alone 964,501.

    Args:
        width: channels c of each branch.
        blocks: widths of the residual blocks.
        strides: their strides.
        channels: which of the three channels to use.
        in_channels: channels of the image.
        hidden: width of the fully connected layer.
        dropout: probability of dropping a hidden unit.
    """

    def __init__(
        self,
        width: int = 8,  # assumed
        blocks: tuple[int, ...] = BLOCKS,
        strides: tuple[int, ...] = STRIDES,
        channels: tuple[ChannelName, ...] = ALL_CHANNELS,
        in_channels: int = 1,
        hidden: int = HIDDEN,
        dropout: float = DROPOUT,
    ) -> None:
        front = ChannelFusion(width, channels, in_channels)
        super().__init__(front, 2 * width, blocks, strides, in_channels, hidden, dropout)


class IFMSegmenter(nn.Module):
    """The image compensation model with a U-Net decoder, for the ablation (Table 4).

    Args:
        width: channels c of each branch.
        blocks: widths of the residual blocks.
        strides: their strides.
        channels: which of the three channels to use.
        in_channels: channels of the image.
    """

    def __init__(
        self,
        width: int = 8,
        blocks: tuple[int, ...] = BLOCKS,
        strides: tuple[int, ...] = STRIDES,
        channels: tuple[ChannelName, ...] = ALL_CHANNELS,
        in_channels: int = 1,
    ) -> None:
        super().__init__()
        self.front = ChannelFusion(width, channels, in_channels)
        self.trunk = ResidualTrunk(2 * width, blocks, strides, in_channels)
        self.decoder = Decoder3D(resolution_widths(2 * width, blocks, strides))

    def forward(self, x: Tensor) -> Tensor:
        """Map crops (N, in_channels, R, R, R) to logits (N, 1, R, R, R)."""
        logits: Tensor = self.decoder(self.trunk(self.front(x), x))
        return logits
