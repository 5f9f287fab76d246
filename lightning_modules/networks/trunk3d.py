"""What follows every front of seed 001's classifiers: four residual blocks, the pooled image added, the head.

In: fused features (N, 2c, R, R, R) and the image they came from; out: maps a resolution, or one logit (N, 1).
Sec. 3.2.2: "a residual block of the four-layer structure", then "fused with the original image".
"""

from torch import Tensor, nn
from torch.nn import functional

from medrepro.lightning_modules.networks.blocks3d import DROPOUT, HIDDEN, NoduleHead, ResidualBlock3d

BLOCKS = (16, 32, 64, 128)  # four blocks: Table 3; widths assumed, those of Light10
STRIDES = (2, 2, 2, 1)  # assumed


class ResidualTrunk(nn.Module):
    """Residual blocks; at their end the average-pooled image is added through a 1^3 convolution.

    Args:
        channels_in: width of the fused features.
        blocks: widths of the residual blocks.
        strides: their strides.
        in_channels: channels of the image.
    """

    def __init__(
        self,
        channels_in: int,
        blocks: tuple[int, ...] = BLOCKS,
        strides: tuple[int, ...] = STRIDES,
        in_channels: int = 1,
    ) -> None:
        super().__init__()
        if len(blocks) != len(strides):
            raise ValueError(f"{len(blocks)} widths and {len(strides)} strides; give one stride a block")
        inputs = (channels_in, *blocks[:-1])
        self.blocks = nn.ModuleList(map(ResidualBlock3d, inputs, blocks, strides))
        self.strides = strides
        self.compensate = nn.Conv3d(in_channels, blocks[-1], 1)

    def forward(self, fused: Tensor, image: Tensor) -> list[Tensor]:
        """Map features (N, 2c, D, H, W) and the image to one map a resolution, finest first."""
        maps = [fused]
        for block, stride in zip(self.blocks, self.strides, strict=True):
            out = block(maps[-1])
            maps = [*maps[:-1], out] if stride == 1 else [*maps, out]
        depth, height, width = maps[-1].shape[2:]
        pooled = functional.adaptive_avg_pool3d(image, (depth, height, width))
        return [*maps[:-1], maps[-1] + self.compensate(pooled)]


def resolution_widths(channels_in: int, blocks: tuple[int, ...], strides: tuple[int, ...]) -> tuple[int, ...]:
    """Widths of the maps that ``ResidualTrunk`` returns: the last block's at each resolution."""
    widths = [channels_in]
    for width, stride in zip(blocks, strides, strict=True):
        widths = [*widths[:-1], width] if stride == 1 else [*widths, width]
    return tuple(widths)


class TrunkClassifier(nn.Module):
    """A front that turns the image into features, the residual trunk, the head.

    Args:
        front: maps the image to features of the same size.
        features: width of the front's output.
        blocks: widths of the residual blocks.
        strides: their strides.
        in_channels: channels of the image.
        hidden: width of the fully connected layer.
        dropout: probability of dropping a hidden unit.
    """

    def __init__(
        self,
        front: nn.Module,
        features: int,
        blocks: tuple[int, ...] = BLOCKS,
        strides: tuple[int, ...] = STRIDES,
        in_channels: int = 1,
        hidden: int = HIDDEN,
        dropout: float = DROPOUT,
    ) -> None:
        super().__init__()
        self.front = front
        self.trunk = ResidualTrunk(features, blocks, strides, in_channels)
        self.head = NoduleHead(blocks[-1], hidden, dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Map crops (N, in_channels, R, R, R), R even and at least 8, to logits (N, 1)."""
        logits: Tensor = self.head(self.trunk(self.front(x), x)[-1])
        return logits
