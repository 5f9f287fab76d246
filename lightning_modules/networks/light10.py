"""Light10: the ten-layer 3-D network that MSCS-DeepLN trains at each of three scales.

In: one crop (N, 1, R, R, R) in [0, 1]; out: one logit (N, 1).
Xu et al., MSCS-DeepLN, Medical Image Analysis 65:101772 (2020); layers as seed 001's Sec. 4.1 tells them.
"""

from itertools import pairwise

from torch import Tensor, nn

from medrepro.lightning_modules.networks.blocks3d import DROPOUT, HIDDEN, NoduleHead, double_conv


class Light10(nn.Module):
    """Four pairs of 3^3 convolutions, max pooling after the first three, GAP, FC 486, one output.

    942,397 parameters; 0.54 / 1.82 / 4.30 GMAC at 32 / 48 / 64 voxels.

    Args:
        widths: channels of the four pairs.
        in_channels: channels of the input.
        hidden: width of the fully connected layer.
        dropout: probability of dropping a hidden unit.
    """

    def __init__(
        self,
        widths: tuple[int, ...] = (16, 32, 64, 128),  # assumed: the paper says "ten layers" only
        in_channels: int = 1,
        hidden: int = HIDDEN,
        dropout: float = DROPOUT,
    ) -> None:
        super().__init__()
        pairs = [double_conv(a, b) for a, b in pairwise((in_channels, *widths))]
        pooled = [nn.Sequential(nn.MaxPool3d(2), pair) for pair in pairs[1:]]
        self.features = nn.Sequential(pairs[0], *pooled)
        self.head = NoduleHead(widths[-1], hidden, dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Map crops (N, in_channels, R, R, R), R at least 8, to logits (N, 1)."""
        logits: Tensor = self.head(self.features(x))
        return logits
