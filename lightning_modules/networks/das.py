"""A dual-branch network with adaptive attention, standing for DAS-Net in Table 3.

In: one crop (N, 1, R, R, R) in [0, 1]; out: one logit (N, 1).
After Luo et al., DAS-Net, Applied Intelligence (2023), doi:10.1007/s10489-021-03038-2, which segments slices;
only its idea, two branches weighed by attention, is kept here. Everything else is assumed.
"""

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional

from medrepro.lightning_modules.networks.blocks3d import DROPOUT, HIDDEN, NoduleHead, conv_bn
from medrepro.lightning_modules.networks.ram import RAM


class DualBranchBlock(nn.Module):
    """A near and a far view (3^3 convolutions, dilation 1 and 2), weighed by attention and summed.

    Args:
        channels_in: width of the input.
        channels_out: width of the output.
    """

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.near = conv_bn(channels_in, channels_out)
        far = nn.Conv3d(channels_in, channels_out, 3, padding=2, dilation=2, bias=False)
        self.far = nn.Sequential(far, nn.BatchNorm3d(channels_out))
        self.attention = RAM(channels_out, branches=2)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, channels_in, D, H, W) to (N, channels_out, D, H, W)."""
        near, far = self.attention([self.near(x), self.far(x)])
        return functional.relu(near + far)


class DualBranchNet(nn.Module):
    """Four dual-branch blocks, max pooling between them, and the paper's head.

    Args:
        widths: channels of the blocks.
        in_channels: channels of the image.
        hidden: width of the fully connected layer.
        dropout: probability of dropping a hidden unit.
    """

    def __init__(
        self,
        widths: tuple[int, ...] = (16, 32, 64, 128),  # assumed: as Light10
        in_channels: int = 1,
        hidden: int = HIDDEN,
        dropout: float = DROPOUT,
    ) -> None:
        super().__init__()
        blocks = [DualBranchBlock(a, b) for a, b in pairwise((in_channels, *widths))]
        pooled = [nn.Sequential(nn.MaxPool3d(2), block) for block in blocks[1:]]
        self.features = nn.Sequential(blocks[0], *pooled)
        self.head = NoduleHead(widths[-1], hidden, dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Map crops (N, in_channels, R, R, R), R at least 8, to logits (N, 1)."""
        logits: Tensor = self.head(self.features(x))
        return logits
