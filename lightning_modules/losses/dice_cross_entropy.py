"""Dice and cross-entropy for masks, exact under DDP.

In: logits (N, 1, D, H, W) and masks of this rank; out: a scalar.
"""

import torch
from monai.losses import DiceLoss
from torch import Tensor, nn
from torch.nn import functional

from medrepro.lightning_modules.losses.distributed import global_mean


class DiceCrossEntropyLoss(nn.Module):
    """The mean over samples of ``dice_weight x (1 - soft Dice) + binary cross-entropy``.

    Args:
        dice_weight: weight of the Dice term, >= 0; 0 leaves cross-entropy alone.

    Raises:
        ValueError: the weight is negative.
    """

    def __init__(self, dice_weight: float = 1.0) -> None:  # assumed: the ablation names no loss
        super().__init__()
        if not dice_weight >= 0:
            raise ValueError(f"dice_weight must be >= 0, found {dice_weight}")
        self.dice_weight = dice_weight
        self.dice = DiceLoss(sigmoid=True, reduction="none")

    def forward(self, logits: Tensor, masks: Tensor) -> Tensor:
        """Return the loss of logits (N, 1, D, H, W) against masks (N, 1, D, H, W) of 0 and 1.

        Raises:
            ValueError: the shapes differ.
        """
        if logits.shape != masks.shape:
            raise ValueError(f"logits {tuple(logits.shape)} and masks {tuple(masks.shape)} must have one shape")
        losses = functional.binary_cross_entropy_with_logits(logits, masks, reduction="none").flatten(1).mean(1)
        if self.dice_weight > 0:
            losses = losses + self.dice_weight * self.dice(logits, masks).flatten(1).mean(1)
        count = torch.tensor(len(losses), device=losses.device)
        return global_mean(losses.sum(), count, distributed=self.training)
