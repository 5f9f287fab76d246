"""The three channels that look at one nodule: over-complete, under-complete, general.

In and out: feature maps (N, c, D, H, W) of one shape. Sec. 3.2.2 of seed 001 names them
ZI-Net (OA), the macro channel, ZI-Net (DT), the micro channel, and the general channel.
"""

from typing import Literal

from torch import Tensor, nn
from torch.nn import functional

from medrepro.lightning_modules.networks.blocks3d import conv_bn, conv_bn_relu, resize
from medrepro.lightning_modules.networks.crfe import CRFE

ChannelName = Literal["oa", "dt", "general"]


class OverCompleteChannel(CRFE):
    """ZI-Net (OA): conv - up - conv - max pool, plus the input; the CRFE module itself."""


class UnderCompleteChannel(nn.Module):
    """ZI-Net (DT): conv - max pool - conv - up, plus the input; the mirror of ``CRFE``.

    Args:
        channels: width c of input and output.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.contract = conv_bn(channels, channels)
        self.expand = conv_bn(channels, channels)
        self.pool = nn.MaxPool3d(2)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, c, D, H, W) to (N, c, D, H, W)."""
        medium = functional.relu(self.pool(self.contract(x)))
        return x + functional.relu(resize(self.expand(medium), like=x))


class GeneralChannel(nn.Module):
    """The general channel: two convolutions at the image's own grid, plus the input.

    Args:
        channels: width c of input and output.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(conv_bn_relu(channels, channels), conv_bn(channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, c, D, H, W) to (N, c, D, H, W)."""
        return x + functional.relu(self.branch(x))


def channel(name: ChannelName, width: int) -> nn.Module:
    """Build the channel called ``name``.

    Raises:
        ValueError: ``name`` is none of the three.
    """
    kinds: dict[str, type[nn.Module]] = {
        "oa": OverCompleteChannel,
        "dt": UnderCompleteChannel,
        "general": GeneralChannel,
    }
    if name not in kinds:
        raise ValueError(f"channel {name!r} is unknown; allowed are {', '.join(kinds)}")
    return kinds[name](width)
