"""The room of QuadSNet: four convolutional streams side by side, joined before one classifier (Ali et al.).

In: a batch of images ``(N, C, H, W)``, grey or colour. Out: class scores ``(N, K)``.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

Stream = Literal["cs1", "cs2", "ss1", "ss2"]
STREAMS: tuple[Stream, ...] = ("cs1", "cs2", "ss1", "ss2")
# Sec. II-A: streams 1 look through 3 x 3 kernels, streams 2 through 5 x 5; CS convolve, SS separably.
KERNELS: dict[Stream, int] = {"cs1": 3, "cs2": 5, "ss1": 3, "ss2": 5}
SEPARABLE: frozenset[Stream] = frozenset({"ss1", "ss2"})
SMALLEST = 32  # four 2 x 2 poolings leave 2 x 2 features


class QuadSNet(nn.Module):
    """Quad-stream network of conventional (CS) and depthwise-separable (SS) convolutions, Fig. 1.

    Each stream has a block a width: convolutions with ReLU, batch normalisation, 2 x 2 max pooling, dropout.
    The streams' maps are concatenated (Eq. 1), averaged over space, and classified by one hidden layer.
    For RGB and two classes it has 5,242,728 trainable parameters; the paper prints 5,235,944, no layers.

    Args:
        in_channels: 1 for grey, 3 for colour images.
        num_classes: length K of the scores.
        widths: channels of a stream's blocks; 32 to 256 are assumed, four blocks are Fig. 1's.
        convs_per_block: convolutions in a block, assumed.
        hidden: width of the fully connected layer, assumed.
        dropout: rate in every block and after the average pooling, Sec. II-B.
        bn_momentum: weight of a new batch in the running statistics; Keras's 0.99 (Sec. II-B) is 0.01 here.
        streams: which streams take part, in the order of Eq. 1; the paper's has all four.

    Raises:
        ValueError: no stream, an unknown or repeated one, or no block.
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        widths: Sequence[int] = (32, 64, 128, 256),  # assumed
        convs_per_block: int = 2,  # assumed
        hidden: int = 512,  # assumed
        dropout: float = 0.3,  # Sec. II-B
        bn_momentum: float = 0.01,  # Sec. II-B: 0.99 as Keras counts it
        streams: Sequence[Stream] = STREAMS,  # Sec. II
    ) -> None:
        super().__init__()
        _check(widths, convs_per_block, streams)
        self.streams = nn.ModuleDict()
        for name in streams:
            blocks: list[nn.Module] = []
            for before, width in zip((in_channels, *widths), widths, strict=False):
                blocks += _block(name, before, width, convs_per_block, dropout, bn_momentum)
            self.streams[name] = nn.Sequential(*blocks)
        self.classifier = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(len(streams) * widths[-1], hidden),
            nn.ReLU(inplace=True),
            nn.Linear(hidden, num_classes),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Score images ``(N, C, H, W)`` as logits ``(N, K)``; sides under 32 px are padded with zeros."""
        return torch.as_tensor(self.classifier(self.features(images)))

    def features(self, images: Tensor) -> Tensor:
        """Return Eq. 1, averaged over space: ``(N, streams x widths[-1])`` of images ``(N, C, H, W)``."""
        padded = pad_to(images, SMALLEST)
        return torch.cat([stream(padded).mean(dim=(2, 3)) for stream in self.streams.values()], dim=1)


def pad_to(images: Tensor, size: int) -> Tensor:
    """Pad ``(N, C, H, W)`` with zeros, evenly on both sides, until no side is shorter than ``size``."""
    rows, columns = (max(0, size - side) for side in images.shape[-2:])
    if not rows and not columns:
        return images
    return nn.functional.pad(images, (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2))


def _check(widths: Sequence[int], convs_per_block: int, streams: Sequence[Stream]) -> None:
    if not streams or len(set(streams)) != len(streams) or not set(streams) <= set(STREAMS):
        raise ValueError(f"streams={tuple(streams)}: give each of {', '.join(STREAMS)} at most once, and at least one")
    if not widths or convs_per_block < 1:
        raise ValueError(f"widths={tuple(widths)}, convs_per_block={convs_per_block}: at least one of each is needed")


def _block(stream: Stream, before: int, width: int, convs: int, dropout: float, bn_momentum: float) -> list[nn.Module]:
    """One block of Fig. 1 from ``before`` to ``width`` channels; it halves each side."""
    layers: list[nn.Module] = []
    for channels in [before] + [width] * (convs - 1):
        layers += [*_convolution(stream, channels, width), nn.ReLU(inplace=True)]
    norm = nn.BatchNorm2d(width, eps=1e-4, momentum=bn_momentum)  # Sec. II-B
    return [*layers, norm, nn.MaxPool2d(2), nn.Dropout(dropout)]


def _convolution(stream: Stream, before: int, width: int) -> list[nn.Module]:
    """A convolution that keeps the size; separable as Keras: depthwise without bias, pointwise with."""
    kernel = KERNELS[stream]
    if stream not in SEPARABLE:
        return [nn.Conv2d(before, width, kernel, padding=kernel // 2)]
    depthwise = nn.Conv2d(before, before, kernel, padding=kernel // 2, groups=before, bias=False)
    return [depthwise, nn.Conv2d(before, width, 1)]
