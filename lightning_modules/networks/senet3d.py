"""The 3-D squeeze-and-excitation network of the SE-Grad-CAM++ paper (Sec. 3.1.3, 3.1.6, Fig. 5-7).

In: single-channel cubes ``(N, C, D, H, W)``; out: logits ``(N, classes)``. The paper prints the
number of modules (3, 4, 6, 3), the pooling and the Mish gate, but neither the widths nor the inside of
a module (its Table 2 is lost): three designs cover the readings, the default follows its stated ancestor
SE-ResNeXt (Zhang et al., La Radiologia Medica 125, 2020). Grad-CAM++ looks at ``stage4``.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from medrepro.lightning_modules.networks.blocks3d import conv_bn

Design = Literal["resnext", "bottleneck", "basic"]
Activation = Literal["mish", "relu"]

DEFAULT_WIDTHS: dict[Design, tuple[int, int, int, int]] = {
    "resnext": (64, 128, 256, 512),
    "bottleneck": (32, 64, 128, 256),
    "basic": (32, 64, 128, 256),
}


class SqueezeExcite3D(nn.Module):
    """Channel recalibration: global average, FC/r, Mish or ReLU, FC, sigmoid, scale (Sec. 3.1.3, bullets).

    Args:
        channels: width C of the map to be scaled.
        reduction: C / reduction hidden units, at least one.
        activation: "mish" is the paper's; "relu" is Hu et al.'s original (CVPR 2018).
    """

    def __init__(self, channels: int, reduction: int = 16, activation: Activation = "mish") -> None:
        super().__init__()
        hidden = max(1, channels // reduction)
        self.gate = nn.Sequential(
            nn.Linear(channels, hidden),
            nn.Mish() if activation == "mish" else nn.ReLU(),
            nn.Linear(hidden, channels),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Scale the channels of ``x (N, C, D, H, W)`` by gates in (0, 1); same shape out."""
        gate: Tensor = self.gate(x.mean(dim=(2, 3, 4)))
        return x * gate[:, :, None, None, None]


class SEModule3D(nn.Module):
    """One residual module: branch, squeeze-and-excitation on the branch, sum with the input, ReLU.

    Args:
        in_channels: channels that come in.
        out_channels: channels that go out; a 1^3 projection joins where they differ.
        design: "resnext" (1-3-1, grouped), "bottleneck" (1-3-1) or "basic" (3-3).
        groups: groups of the inner 3^3 convolution ("resnext" only).
        reduction: of the squeeze.
        activation: of the squeeze, or None for a plain residual module.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        design: Design,
        groups: int,
        reduction: int,
        activation: Activation | None,
    ) -> None:
        super().__init__()
        self.branch = _branch(in_channels, out_channels, design, groups)
        self.excite = SqueezeExcite3D(out_channels, reduction, activation) if activation else nn.Identity()
        self.project = nn.Identity() if in_channels == out_channels else conv_bn(in_channels, out_channels, 1)
        self.activation = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, C_in, D, H, W)`` to ``(N, C_out, D, H, W)``."""
        out: Tensor = self.activation(self.excite(self.branch(x)) + self.project(x))
        return out


class SENet3D(nn.Module):
    """Squeeze-and-excitation network for nodule cubes (Sec. 3.1.6).

    Parameters at the defaults and one input channel: resnext 1,789,934 (1.21 GMAC at 32^3),
    bottleneck 2,509,048 (1.82), basic 15,908,856 (12.1).

    Args:
        design: inside of a module; the paper does not print it.
        widths: channels out of the four stages; None takes the design's own.
        reduction: of the squeeze.
        activation: inside the squeeze: "mish", or "relu" for the SE-ResNeXt comparator.
        num_classes: logits.
        in_channels: channels of the cube.
        squeeze_excitation: False leaves the gates out (ablation).
        modules: SE modules of each stage.
        groups: of the "resnext" design; must divide half of every width.
        early_pool: halves the cube once more, before stage 1: about 7 times fewer operations, for quick
            runs; stages 2, 3 and 4 then see 8^3, 4^3 and 2^3 of 32^3.

    Raises:
        ValueError: widths that are not four, or that the groups do not divide.
    """

    def __init__(
        self,
        design: Design = "resnext",  # assumed: nearest to the cited ancestor SE-ResNeXt
        widths: Sequence[int] | None = None,  # assumed: the stage widths are not printed
        reduction: int = 16,  # assumed: Hu et al.'s; Sec. 3.1.3 says "by a certain amount"
        activation: Activation = "mish",  # Sec. 3.1.3, third bullet
        num_classes: int = 2,  # Sec. 3.1.6: benign, malignant
        in_channels: int = 1,
        squeeze_excitation: bool = True,
        modules: tuple[int, int, int, int] = (3, 4, 6, 3),  # Sec. 3.1.6
        groups: int = 32,  # assumed: ResNeXt's
        early_pool: bool = False,
    ) -> None:
        super().__init__()
        widths = tuple(widths or DEFAULT_WIDTHS[design])
        _check(widths, design, groups)
        stem = widths[0] // 2 if design == "resnext" else widths[0]
        self.stem = nn.Sequential(*conv_bn(in_channels, stem), nn.ReLU(inplace=True))
        gate = activation if squeeze_excitation else None
        inputs = (stem, *widths[:3])
        stages = [
            _stage(count, c_in, c_out, design, groups, reduction, gate)
            for count, c_in, c_out in zip(modules, inputs, widths, strict=True)
        ]
        self.stage1, self.stage2, self.stage3, self.stage4 = stages
        self.pool = nn.AvgPool3d(2)
        self.early_pool = early_pool
        self.classifier = nn.Linear(widths[3], num_classes)

    def features(self, x: Tensor) -> Tensor:
        """Return stage 4's map ``(N, W4, D/8, H/8, W/8)`` of ``(N, C, D, H, W)``; /16 with early_pool."""
        x = self.stem(x)
        x = self.pool(x) if self.early_pool else x
        for stage in (self.stage1, self.stage2, self.stage3):
            x = self.pool(stage(x))
        return torch.as_tensor(self.stage4(x))

    def forward(self, x: Tensor) -> Tensor:
        """Return logits ``(N, classes)`` of cubes ``(N, C, D, H, W)``, sides >= 8, or 16 with early_pool."""
        logits: Tensor = self.classifier(self.features(x).mean(dim=(2, 3, 4)))
        return logits


def _branch(in_channels: int, out_channels: int, design: Design, groups: int) -> nn.Sequential:
    if design == "basic":
        first, last = conv_bn(in_channels, out_channels), conv_bn(out_channels, out_channels)
        return nn.Sequential(*first, nn.ReLU(inplace=True), *last)
    inner = out_channels // 2
    return nn.Sequential(
        *conv_bn(in_channels, inner, 1),
        nn.ReLU(inplace=True),
        nn.Conv3d(inner, inner, 3, padding=1, groups=groups if design == "resnext" else 1, bias=False),
        nn.BatchNorm3d(inner),
        nn.ReLU(inplace=True),
        *conv_bn(inner, out_channels, 1),
    )


def _stage(
    count: int, c_in: int, c_out: int, design: Design, groups: int, reduction: int, gate: Activation | None
) -> nn.Sequential:
    inputs = [c_in] + [c_out] * (count - 1)
    return nn.Sequential(*(SEModule3D(c, c_out, design, groups, reduction, gate) for c in inputs))


def _check(widths: tuple[int, ...], design: Design, groups: int) -> None:
    if len(widths) != 4:
        raise ValueError(f"SENet3D has four stages: widths needs four numbers, got {widths}")
    if design == "resnext" and any(width // 2 % groups for width in widths):
        raise ValueError(f"groups={groups} must divide half of every width, got widths {widths}; lower it")
