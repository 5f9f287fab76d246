"""CRFE, the cross residual feature extraction module: a detour through a finer grid, added to its input.

In and out: feature maps (N, c, D, H, W) of one shape. Sec. 3.2.1 and Fig. 1 of seed 001.
"""

from torch import Tensor, nn
from torch.nn import functional

from medrepro.lightning_modules.networks.blocks3d import conv_bn


class CRFE(nn.Module):
    """``x + ReLU(MaxPool2(BN conv(ReLU(Up2(BN conv x)))))``: 13,888 parameters at c = 16.

    One x2 level only: three would make maps of 256^3 from a crop of 32^3.

    Args:
        channels: width c of input, intermediate and output.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.expand = conv_bn(channels, channels)
        self.contract = conv_bn(channels, channels)
        self.up = nn.Upsample(scale_factor=2, mode="trilinear")  # assumed: KiU-Net interpolates, so does this
        self.pool = nn.MaxPool3d(2)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, c, D, H, W) to (N, c, D, H, W)."""
        medium = functional.relu(self.up(self.expand(x)))  # the "intermediate medium block"
        return x + functional.relu(self.pool(self.contract(medium)))
