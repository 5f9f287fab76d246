"""Cross-entropy whose gradient under DDP is the global batch's, class weights included.

In: logits and labels of this rank; out: a scalar.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from medrepro.lightning_modules.losses.distributed import global_mean


class CrossEntropyLoss(nn.Module):
    """Softmax cross-entropy (egfr paper, Eq. 10), the mean over the *global* batch.

    With weights it is ``sum_i w[y_i] nll_i / sum_i w[y_i]``, both sums over all ranks: torch's own
    weighted mean divides by this rank's weights, which DDP then averages wrongly.

    Args:
        class_weights: one weight >= 0 a class; None weighs all alike.

    Raises:
        ValueError: a weight is negative or not finite, or all are 0.
    """

    class_weights: Tensor | None

    def __init__(self, class_weights: Sequence[float] | None = None) -> None:
        super().__init__()
        weights = None if class_weights is None else torch.tensor(class_weights, dtype=torch.get_default_dtype())
        if weights is not None and not (weights.isfinite().all() and weights.min() >= 0 and weights.sum() > 0):
            raise ValueError(f"class weights must be finite, >= 0 and not all 0, found {list(class_weights or ())}")
        self.register_buffer("class_weights", weights, persistent=False)

    @property
    def whole_batch(self) -> str:
        """Why the loss needs the whole batch at once; empty if it is a mean over samples."""
        return "" if self.class_weights is None else "divides by the class weights of a batch"

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of logits (N, C) or (N, C, *spatial) against labels (N,) or (N, *spatial).

        Raises:
            ValueError: the number of weights is not C, or the shapes do not belong together.
        """
        if logits.ndim < 2 or labels.shape != (logits.shape[0], *logits.shape[2:]):
            raise ValueError(f"labels {tuple(labels.shape)} do not fit logits {tuple(logits.shape)} (N, C, ...)")
        losses = functional.cross_entropy(logits, labels, reduction="none")
        weights = self._weights_of(labels, logits.shape[1], losses)
        return global_mean((weights * losses).sum(), weights.sum(), distributed=self.training)

    def _weights_of(self, labels: Tensor, classes: int, like: Tensor) -> Tensor:
        if self.class_weights is None:
            return torch.ones_like(like)
        if len(self.class_weights) != classes:
            raise ValueError(f"{len(self.class_weights)} class weights for {classes} classes of logits")
        return self.class_weights.to(like.dtype)[labels]
