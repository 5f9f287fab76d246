"""A plain 3-D U-Net, the reference of the ablation, and the decoder that other encoders borrow.

In: one crop (N, 1, R, R, R) in [0, 1]; out: a map of logits (N, 1, R, R, R), or one logit (N, 1).
Çiçek et al., 3D U-Net, MICCAI (2016), arXiv:1606.06650; interpolation in place of transposed convolutions.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from medrepro.lightning_modules.networks.blocks3d import double_conv, resize
from medrepro.lightning_modules.networks.trunk3d import BLOCKS, TrunkClassifier


class Encoder3D(nn.Module):
    """A double convolution a level, max pooling between levels.

    Args:
        widths: channels of the levels, finest first.
        in_channels: channels of the image.
    """

    def __init__(self, widths: tuple[int, ...], in_channels: int = 1) -> None:
        super().__init__()
        self.levels = nn.ModuleList(double_conv(a, b) for a, b in pairwise((in_channels, *widths)))
        self.pool = nn.MaxPool3d(2)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Map (N, in_channels, D, H, W) to one map (N, widths[i], D/2^i, H/2^i, W/2^i) a level."""
        maps: list[Tensor] = []
        for level in self.levels:
            maps.append(level(self.pool(maps[-1]) if maps else x))
        return maps


class Decoder3D(nn.Module):
    """From the coarsest map upwards: interpolate, concatenate the skip, convolve twice; 1^3 to logits.

    Args:
        widths: channels of the encoder's maps, finest first.
    """

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        steps = [double_conv(coarse + fine, fine) for fine, coarse in pairwise(widths)]
        self.steps = nn.ModuleList(reversed(steps))
        self.output: nn.Module = nn.Conv3d(widths[0], 1, 1)

    def forward(self, maps: list[Tensor]) -> Tensor:
        """Map the encoder's maps, finest first, to logits (N, 1, D, H, W) at the finest size."""
        x = maps[-1]
        for skip, step in zip(reversed(maps[:-1]), self.steps, strict=True):
            x = step(torch.cat([resize(x, like=skip), skip], dim=1))
        logits: Tensor = self.output(x)
        return logits


class UNet3D(nn.Module):
    """3-D U-Net: 365,537 parameters at (8, 16, 32, 64), 1,460,289 at (16, 32, 64, 128).

    Args:
        widths: channels of the levels, finest first.
        in_channels: channels of the image.
    """

    def __init__(self, widths: tuple[int, ...] = (8, 16, 32, 64), in_channels: int = 1) -> None:  # assumed
        super().__init__()
        self.encoder = Encoder3D(widths, in_channels)
        self.decoder = Decoder3D(widths)

    def forward(self, x: Tensor) -> Tensor:
        """Map crops (N, in_channels, R, R, R) to logits (N, 1, R, R, R)."""
        logits: Tensor = self.decoder(self.encoder(x))
        return logits


class UNetClassifier(TrunkClassifier):
    """The U-Net in place of the three channels, then the paper's trunk: a row that the paper does not have.

    Args:
        widths: channels of the U-Net's levels, finest first.
        blocks: widths of the residual blocks.
        in_channels: channels of the image.
    """

    def __init__(
        self,
        widths: tuple[int, ...] = (8, 16, 32, 64),
        blocks: tuple[int, ...] = BLOCKS,
        in_channels: int = 1,
    ) -> None:
        unet = UNet3D(widths, in_channels)
        unet.decoder.output = nn.Identity()  # its features, at the image's size, not its logits
        super().__init__(unet, widths[0], blocks, in_channels=in_channels)
