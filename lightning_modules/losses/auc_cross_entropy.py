"""Cross-entropy with the pairwise AUC term (seed 001, Eq. 13).

In: one logit a sample (N,) and labels (N,) of this rank; out: a scalar, exact under DDP.
"""

import math

from torch import Tensor, nn
from torch.nn import functional

from medrepro.lightning_modules.losses.distributed import global_mean
from medrepro.lightning_modules.losses.pairwise_auc import PairwiseAUCLoss, pairwise_auc

ALPHA = {32: 0.5, 48: 0.75, 64: 1.0}  # Sec. 3.2.4, below Eq. 13: alpha by the crop's size in voxels


class AUCCrossEntropyLoss(nn.Module):
    """``L_CE + alpha l_lambda`` (Eq. 13); alpha = 0 is plain binary cross-entropy.

    Args:
        alpha: weight of the AUC term, >= 0; the paper takes 0.5, 0.75 and 1 for crops of 32, 48 and 64.
        power: lambda of Eq. 12, > 0.

    Raises:
        ValueError: ``alpha`` is negative or not finite, or ``power`` is not above 0.
    """

    def __init__(
        self,
        alpha: float = 0.5,  # Sec. 3.2.4, for crops of 32
        power: float = 2.0,  # assumed: lambda is not printed
    ) -> None:
        super().__init__()
        if not (math.isfinite(alpha) and alpha >= 0):
            raise ValueError(f"alpha must be a finite number >= 0, found {alpha}")
        self.alpha = alpha
        self.power = PairwiseAUCLoss(power).power

    @property
    def whole_batch(self) -> str:
        """Why the loss needs the whole batch at once; empty if it is a mean over samples."""
        return "compares positives with negatives of a batch (AUC)" if self.alpha > 0 else ""

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of logits (N,), whose sigmoid is the score, against labels (N,) of 0 and 1.

        Raises:
            ValueError: the shapes are not both (N,).
        """
        if logits.ndim != 1 or labels.shape != logits.shape:
            found = f"{tuple(logits.shape)} and {tuple(labels.shape)}"
            raise ValueError(f"logits and labels must both be (N,), found {found}")
        losses = functional.binary_cross_entropy_with_logits(logits, labels.to(logits.dtype), reduction="none")
        count = losses.new_tensor(len(losses))
        loss = global_mean(losses.sum(), count, distributed=self.training)
        if self.alpha > 0:
            loss = loss + self.alpha * pairwise_auc(logits.sigmoid(), labels, self.power, self.training)
        return loss
