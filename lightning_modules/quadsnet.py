"""QuadSNet and its baselines: a 2-D classifier trained from scratch on the weighted margin loss (quadsnet paper).

In: grey or colour images in [0, 1] of any size and their classes; out: class probabilities. Sec. II and III-B.
"""

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional
from torch.optim import Adam
from torch.optim.lr_scheduler import CosineAnnealingLR

from medrepro.datamodules.augment import BatchAugment
from medrepro.lightning_modules.base import ReproModule
from medrepro.lightning_modules.losses.cross_entropy import CrossEntropyLoss
from medrepro.lightning_modules.losses.margin import MarginForm, MarginLoss, balanced_weights
from medrepro.lightning_modules.networks.quadsnet import STREAMS, QuadSNet, Stream
from medrepro.lightning_modules.networks.timm_classifier import BaselineName, TimmClassifier

NetworkName = Literal["quadsnet"] | BaselineName
LossName = Literal["margin", "margin-capsule", "ce"]


class QuadSNetModule(ReproModule):
    """The paper's network, or one of Table III's, with the paper's loss or cross-entropy.

    Args:
        in_channels: 1 for grey, 3 for colour.
        num_classes: K.
        network: QuadSNet or a baseline of Table III.
        widths: of QuadSNet's blocks.
        streams: of QuadSNet that take part.
        dropout: rate in QuadSNet's blocks and in every network's head.
        bn_momentum: of QuadSNet, see the network.
        weights: of a baseline: ``none``, ``imagenet`` or a file.
        loss: Eq. 2 as printed, its capsule form, or cross-entropy.
        squash: how logits become the v in [0, 1] of Eq. 2. With ``sigmoid`` an absent class rests near its margin;
            ``softmax`` drives it on towards 0, where the gradient of v^2 vanishes and a rare class is slow to return.
        m_pos: of Eq. 2: a present class costs nothing above it.
        m_neg: of Eq. 2: an absent class costs nothing below it.
        down_weight: of Eq. 2: of the absent classes.
        class_weights: ``balanced`` weighs a sample by N / (K n_k) of its class, ``none`` all alike.
        class_counts: training samples n_k of each class; needed by ``balanced``.
        lr: learning rate.
        schedule: constant learning rate, or cosine decay to 0 over ``epochs``.
        epochs: length of the training, for the schedule.
        augmented: flips and small rotations of training images; the paper's point is to do without.
        channels_last: see :class:`ReproModule`.
        seed: see :class:`ReproModule`.

    Raises:
        ValueError: balanced weights without counts, or a count a class.
    """

    def __init__(
        self,
        in_channels: int = 3,
        num_classes: int = 2,
        network: NetworkName = "quadsnet",
        widths: Sequence[int] = (32, 64, 128, 256),  # assumed: they come within 0.13 % of Table II
        streams: Sequence[Stream] = STREAMS,  # Sec. II
        dropout: float = 0.3,  # Sec. II-B
        bn_momentum: float = 0.01,  # Sec. II-B: 0.99 as Keras counts it
        weights: str = "none",  # the paper's baselines: ImageNet
        loss: LossName = "margin",  # Eq. 2
        squash: Literal["sigmoid", "softmax"] = "sigmoid",  # assumed, as the capsules' lengths: each class by itself
        m_pos: float = 0.9,  # Eq. 2
        m_neg: float = 0.1,  # Eq. 2
        down_weight: float = 0.5,  # Eq. 2
        class_weights: Literal["balanced", "none"] = "balanced",  # assumed: "weighted" is all that is said
        class_counts: Sequence[int] | None = None,
        lr: float = 1e-4,  # Sec. III-B
        schedule: Literal["constant", "cosine"] = "constant",  # Sec. III-B
        epochs: int = 100,  # assumed: "up to their maximum potential"
        augmented: bool = False,  # Sec. IV-A: without any data augmentation
        channels_last: bool = True,  # ours: the same numbers, faster
        seed: int = 0,
    ) -> None:
        augment = BatchAugment(spatial_dims=2, flips=(1,), rotation=10.0) if augmented else None  # ours
        super().__init__(num_classes, seed=seed, augment=augment, channels_last=channels_last)
        self.save_hyperparameters()
        self.network = (
            QuadSNet(in_channels, num_classes, widths, dropout=dropout, bn_momentum=bn_momentum, streams=streams)
            if network == "quadsnet"
            else TimmClassifier(network, in_channels, num_classes, weights, dropout=dropout)
        )
        self.squash = None if loss == "ce" else squash
        balance = _sample_weights(class_weights, class_counts, num_classes)
        form: MarginForm = "capsule" if loss == "margin-capsule" else "printed"
        self.loss = CrossEntropyLoss(balance) if loss == "ce" else MarginLoss(m_pos, m_neg, down_weight, balance, form)
        self.lr = lr
        self.schedule = schedule
        self.epochs = epochs

    def logits(self, images: Tensor) -> Tensor:
        """Return logits (N, K) of images (N, C, H, W) in [0, 1]."""
        result: Tensor = self.network(images)
        return result

    def batch_loss(self, images: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of images (N, C, H, W) with labels (N,); the margin losses see the squashed logits."""
        outputs = self.logits(images)
        if self.squash is not None:
            outputs = torch.sigmoid(outputs) if self.squash == "sigmoid" else functional.softmax(outputs, dim=1)
        result: Tensor = self.loss(outputs, labels)
        return result

    def configure_optimizers(self) -> Any:
        """Adam, Sec. III-B."""
        optimizer = Adam(self.parameters(), lr=self.lr, fused=True)
        if self.schedule == "constant":
            return optimizer
        return {"optimizer": optimizer, "lr_scheduler": CosineAnnealingLR(optimizer, self.epochs)}


def _sample_weights(how: str, counts: Sequence[int] | None, num_classes: int) -> list[float] | None:
    if how == "none":
        return None
    if counts is None or len(counts) != num_classes:
        raise ValueError(
            f"balanced class weights need class_counts, one for each of {num_classes} classes; found {counts}. "
            "Give them, or class_weights='none'"
        )
    return balanced_weights(counts)
