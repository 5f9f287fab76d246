"""A pretrained backbone with a new head: the transfer learning of the cell-line paper.

In: RGB images in [0, 1]; out: class logits. Features and head are separate, so that frozen features can be
computed once and the head trained on them alone.
"""

import itertools
from collections.abc import Sequence
from typing import Literal, Self

import torch
from torch import Tensor, nn

from medrepro.lightning_modules.networks.weights import build_backbone, feature_width

Freeze = Literal["backbone", "none"] | int


class TransferHead(nn.Module):
    """The fully connected layers on top of a backbone's features.

    Args:
        num_features: width of the features.
        num_classes: classes of the task.
        hidden: widths of the layers before the output, each followed by ReLU.

    Raises:
        ValueError: sizes below one.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, num_features: int, num_classes: int, hidden: Sequence[int] = ()) -> None:
        super().__init__()
        if num_classes < 2 or any(width < 1 for width in hidden):
            raise ValueError(f"need num_classes >= 2 and hidden widths >= 1, found {num_classes} and {tuple(hidden)}")
        self.register_buffer("mean", torch.zeros(num_features))
        self.register_buffer("scale", torch.ones(num_features))
        layers: list[nn.Module] = []
        for inner, outer in itertools.pairwise([num_features, *hidden]):
            layers += [nn.Linear(inner, outer), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Linear([num_features, *hidden][-1], num_classes))

    def forward(self, features: Tensor) -> Tensor:
        """Map features (N, num_features) to logits (N, num_classes)."""
        logits: Tensor = self.layers((features - self.mean) / self.scale)
        return logits

    def standardise_by(self, features: Tensor) -> None:
        """Take mean and standard deviation of the input from training features (N, num_features).

        Not in the paper: a frozen random backbone gives features with standard deviations near 1e-3, on
        which a head at a usual learning rate would not move; comparing transfer with it would say nothing.
        """
        self.mean.copy_(features.mean(dim=0))
        self.scale.copy_(features.std(dim=0).clamp_min(1e-6))


class TransferNet(nn.Module):
    """Backbone of timm, then fully connected layers (Materials and methods, "Fully connected layers").

    Every image is normalised inside: its own channel means are subtracted ("Data pre-processing"), then it is
    divided by the standard deviation the backbone was pretrained with (0.5: pixel values span [-1, 1]).

    Args:
        backbone: any timm name; the paper's two are ``inception_resnet_v2`` (299 px) and
            ``mobilenetv1_100`` (224 px).
        num_classes: classes of the task.
        weights: ``"none"``, ``"imagenet"`` or a local file, see `build_backbone`.
        hidden: widths of the fully connected layers before the output, each followed by ReLU.
        freeze: ``"backbone"`` trains the head only, ``"none"`` everything, a number n freezes the first n
            units (stem, norm, then each stage in turn).
        in_channels: 3 for RGB, 1 for grey images.

    Raises:
        ValueError: sizes below one, an unknown backbone, or weights that do not fit.
        FileNotFoundError: the weights are not here.
    """

    pixel_scale: Tensor

    def __init__(
        self,
        backbone: str = "inception_resnet_v2",  # the better of the paper's two, Table 3
        num_classes: int = 8,  # Table 5
        weights: str = "none",  # the paper: ImageNet; random must be what somebody asked for
        hidden: Sequence[int] = (),  # one layer, "Optimal model hyper-parameters tuning results"
        freeze: Freeze = "backbone",  # "the fully connected layers are the ones which gets trained"
        in_channels: int = 3,
    ) -> None:
        super().__init__()
        self.backbone = build_backbone(backbone, weights, in_channels)
        self.num_features = feature_width(self.backbone)
        self.head = TransferHead(self.num_features, num_classes, hidden)
        self.register_buffer("pixel_scale", torch.tensor(_pixel_scale(self.backbone)))
        self.frozen = _units_to_freeze(self.backbone, freeze)
        for parameter in itertools.chain.from_iterable(unit.parameters() for unit in self.frozen):
            parameter.requires_grad_(False)

    def forward(self, images: Tensor) -> Tensor:
        """Map images (N, C, H, W) in [0, 1] to logits (N, num_classes)."""
        logits: Tensor = self.head(self.features(images))
        return logits

    def features(self, images: Tensor) -> Tensor:
        """Map images (N, C, H, W) in [0, 1] to the backbone's pooled features (N, num_features)."""
        features: Tensor = self.backbone(centre_channels(images) / self.pixel_scale)
        return features

    def train(self, mode: bool = True) -> Self:
        """Set the training mode; frozen parts stay in evaluation mode and keep their BatchNorm statistics."""
        super().train(mode)
        for unit in self.frozen:
            unit.eval()
        return self


def centre_channels(images: Tensor) -> Tensor:
    """Subtract each image's own mean from each of its channels ("Data pre-processing"); (N, C, H, W)."""
    return images - images.mean(dim=(2, 3), keepdim=True)


def _pixel_scale(backbone: nn.Module) -> float:
    """Return the pixel standard deviation the backbone was pretrained with, one number for all channels."""
    config = getattr(backbone, "default_cfg", {})
    deviations = config.get("std", (0.5,))
    return float(sum(deviations) / len(deviations))


def backbone_units(backbone: nn.Module) -> list[nn.Module]:
    """Return the parts of a backbone from the input on, stages of a ``Sequential`` one by one."""
    units: list[nn.Module] = []
    for child in backbone.children():
        units += list(child.children()) if isinstance(child, nn.Sequential) else [child]
    return [unit for unit in units if any(True for _ in unit.parameters())]


def _units_to_freeze(backbone: nn.Module, freeze: Freeze) -> tuple[nn.Module, ...]:
    """Return the parts that stay as they are.

    Raises:
        ValueError: ``freeze`` is neither a known word nor a number within the backbone.
    """
    if freeze == "backbone":
        return (backbone,)
    if freeze == "none":
        return ()
    units = backbone_units(backbone)
    if isinstance(freeze, bool) or not isinstance(freeze, int) or not 0 <= freeze <= len(units):
        raise ValueError(f"freeze is 'backbone', 'none' or 0..{len(units)} units, found {freeze!r}")
    return tuple(units[:freeze])
