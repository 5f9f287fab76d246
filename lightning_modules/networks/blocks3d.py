"""The few 3-D building blocks that the nodule networks share.

In: feature maps (N, C, D, H, W); out: feature maps or one logit (N, 1) a volume.
"""

from torch import Tensor, nn
from torch.nn import functional

HIDDEN = 486  # Table 3, "Hidden layer size"
DROPOUT = 0.5  # Table 3


def conv_bn(channels_in: int, channels_out: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    """Convolution without bias (the normalisation has one) and BatchNorm, same size at stride 1."""
    conv = nn.Conv3d(channels_in, channels_out, kernel, stride=stride, padding=kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm3d(channels_out))


def conv_bn_relu(channels_in: int, channels_out: int) -> nn.Sequential:
    """``conv_bn`` with a 3^3 kernel, then ReLU."""
    return nn.Sequential(conv_bn(channels_in, channels_out), nn.ReLU())


def double_conv(channels_in: int, channels_out: int) -> nn.Sequential:
    """Two convolutions 3^3, each with BatchNorm and ReLU."""
    return nn.Sequential(conv_bn_relu(channels_in, channels_out), conv_bn_relu(channels_out, channels_out))


def resize(x: Tensor, like: Tensor) -> Tensor:
    """Interpolate ``x`` (N, C, D, H, W) trilinearly to the spatial size of ``like``."""
    return functional.interpolate(x, size=like.shape[2:], mode="trilinear", align_corners=False)


class ResidualBlock3d(nn.Module):
    """``ReLU(x + F(x))`` with two 3^3 convolutions (Eq. 3); a 1^3 projection where shape changes.

    Args:
        channels_in: width of the input.
        channels_out: width of the output.
        stride: stride of the first convolution and of the projection.
    """

    def __init__(self, channels_in: int, channels_out: int, stride: int = 1) -> None:
        super().__init__()
        first = conv_bn(channels_in, channels_out, stride=stride)
        self.branch = nn.Sequential(first, nn.ReLU(), conv_bn(channels_out, channels_out))
        changes = stride != 1 or channels_in != channels_out
        self.shortcut = conv_bn(channels_in, channels_out, 1, stride) if changes else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, channels_in, D, H, W) to (N, channels_out, D/stride, H/stride, W/stride)."""
        return functional.relu(self.shortcut(x) + self.branch(x))


class NoduleHead(nn.Module):
    """Global average pooling, FC 486, dropout, one logit (Sec. 4.1, Table 3).

    Args:
        channels: width of the feature map.
        hidden: width of the fully connected layer.
        dropout: probability of dropping a hidden unit.
    """

    def __init__(self, channels: int, hidden: int = HIDDEN, dropout: float = DROPOUT) -> None:
        super().__init__()
        self.hidden = nn.Linear(channels, hidden)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(hidden, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map features (N, channels, D, H, W) to logits (N, 1)."""
        hidden = functional.relu(self.hidden(x.mean(dim=(2, 3, 4))))  # assumed: ReLU, which Sec. 4.1 does not name
        logits: Tensor = self.output(self.dropout(hidden))
        return logits
