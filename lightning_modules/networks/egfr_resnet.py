"""Residual networks of any width for the egfr paper's small scales.

In: images (N, C, H, W); out: pooled features (N, F). timm's networks have fixed stems and no biases; Keras's,
whose parameters Table 4 counts, have a bias in every convolution.
"""

from collections import OrderedDict
from collections.abc import Sequence

from torch import Tensor, nn

BOTTLENECK_EXPANSION = 4  # He et al. (2016), Table 1


def convolution(in_channels: int, out_channels: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """Return a "same" convolution with bias, and batch normalisation."""
    layer = nn.Conv2d(in_channels, out_channels, kernel, stride, kernel // 2)
    nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    return nn.Sequential(layer, nn.BatchNorm2d(out_channels))


class ResidualBlock(nn.Module):
    """``ReLU(branch(x) + x)``, x projected by a 1x1 convolution where its shape changes.

    Args:
        in_channels: channels of the input.
        width: channels inside; outside too, or four times as many with a bottleneck.
        stride: of the first 3x3 convolution and of the projection.
        bottleneck: 1x1 - 3x3 - 1x1 instead of 3x3 - 3x3.
    """

    def __init__(self, in_channels: int, width: int, stride: int = 1, bottleneck: bool = False) -> None:
        super().__init__()
        self.out_channels = width * BOTTLENECK_EXPANSION if bottleneck else width
        if bottleneck:
            layers = [
                convolution(in_channels, width, 1),
                convolution(width, width, 3, stride),
                convolution(width, self.out_channels, 1),
            ]
        else:
            layers = [convolution(in_channels, width, 3, stride), convolution(width, width, 3)]
        self.branch = nn.Sequential(layers[0], *(part for layer in layers[1:] for part in (nn.ReLU(), layer)))
        same_shape = stride == 1 and in_channels == self.out_channels
        self.shortcut = nn.Identity() if same_shape else convolution(in_channels, self.out_channels, 1, stride)
        self.activation = nn.ReLU()

    def forward(self, images: Tensor) -> Tensor:
        """Map (N, in_channels, H, W) to (N, out_channels, H / stride, W / stride)."""
        features: Tensor = self.activation(self.branch(images) + self.shortcut(images))
        return features


class ResNet(nn.Sequential):
    """Stem, four stages (the last three halve the size), global average: (N, C, H, W) to (N, num_features).

    Args:
        depths: blocks of each stage.
        widths: channels of each stage, before a bottleneck's expansion.
        bottleneck: kind of block.
        stem_width: channels of the first convolution, of stride 2.
        stem_kernel: its kernel, 3 or 7.
        pool: 3x3 max pooling of stride 2 after the stem, as for large images.
        in_channels: C.
    """

    def __init__(
        self,
        depths: Sequence[int],
        widths: Sequence[int],
        bottleneck: bool = False,
        stem_width: int = 64,
        stem_kernel: int = 7,
        pool: bool = True,
        in_channels: int = 1,
    ) -> None:
        stem = [convolution(in_channels, stem_width, stem_kernel, stride=2), nn.ReLU()]
        layers: OrderedDict[str, nn.Module] = OrderedDict(stem=nn.Sequential(*stem))
        if pool:
            layers["pool"] = nn.MaxPool2d(3, stride=2, padding=1)
        channels = stem_width
        for stage, (depth, width) in enumerate(zip(depths, widths, strict=True)):
            blocks = [ResidualBlock(channels, width, 1 if stage == 0 else 2, bottleneck)]
            channels = blocks[0].out_channels
            blocks += [ResidualBlock(channels, width, 1, bottleneck) for _ in range(depth - 1)]
            layers[f"stage{stage + 1}"] = nn.Sequential(*blocks)
        layers["average"] = nn.AdaptiveAvgPool2d(1)
        layers["flatten"] = nn.Flatten()
        super().__init__(layers)
        self.num_features = channels
