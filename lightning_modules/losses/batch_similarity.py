"""The batch similarity loss of the egfr paper (Sec. 2.2, Eqs. 5-9).

In: features (N, L) and labels (N,) of this rank; out: a scalar, exact under DDP.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from medrepro.lightning_modules.losses.distributed import first_row, gather_rows, global_mean, shard_sizes


class BatchSimilarityLoss(nn.Module):
    """Triplet loss on all pairs of a batch: row i costs ``max(0, q - mean_j s_ij^2 + mean_k s_ik^2)``.

    s is the cosine similarity, j runs over the other samples of i's class, k over those of other classes;
    the loss is the mean over rows. Two readings that the paper leaves open:

    * Eq. 8 divides by the number of positives and of negatives. A row without either has no loss and is
      left out of the mean; a batch without any complete row costs 0, and stays differentiable.
    * Squaring makes s = -1 a perfect positive (and the worst negative), as good as s = +1. The paper's
      features come out of a ReLU, so that s >= 0; put one before this loss.

    Under DDP, rows of this rank meet the columns of all ranks (:mod:`medrepro.lightning_modules.losses.distributed`).

    Args:
        margin: q in [0, 1].

    Raises:
        ValueError: the margin is outside [0, 1].
    """

    def __init__(self, margin: float = 0.5) -> None:  # assumed: Eq. 3 says "q in [0, 1]", no value is printed
        super().__init__()
        if not 0 <= margin <= 1:
            raise ValueError(f"margin must lie in [0, 1] (Eq. 3), found {margin}")
        self.margin = margin

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of features (N, L) with labels (N,).

        Raises:
            ValueError: the shapes are not (N, L) and (N,).
        """
        if features.ndim != 2 or labels.shape != features.shape[:1]:
            found = f"{tuple(features.shape)} and {tuple(labels.shape)}"
            raise ValueError(f"expected features (N, L) and labels (N,), found {found}")
        sizes = shard_sizes(features, distributed=self.training)
        units = functional.normalize(_at_least_float32(features), dim=1)
        columns = gather_rows(units, sizes)
        squares = (units @ columns.T) ** 2  # Eq. 5; the signs of Eq. 7 vanish in Eq. 8's squares
        same = labels.unsqueeze(1) == gather_rows(labels, sizes)  # Eq. 6
        row, column = (torch.arange(len(x), device=features.device) for x in (units, columns))
        itself = (row + first_row(sizes)).unsqueeze(1) == column
        losses, complete = self._rows(squares, same & ~itself, ~same)
        return global_mean((losses * complete).sum(), complete.sum(), distributed=self.training)

    def _rows(self, squares: Tensor, positives: Tensor, negatives: Tensor) -> tuple[Tensor, Tensor]:
        """Return Eq. 8 of each row (N,) and which rows have both positives and negatives (N,)."""
        losses = functional.relu(self.margin - _masked_mean(squares, positives) + _masked_mean(squares, negatives))
        return losses, positives.any(dim=1) & negatives.any(dim=1)


def _masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Return each row's mean of ``values`` (N, M) where ``mask`` holds (N,); 0 where it never does."""
    return (values * mask).sum(dim=1) / mask.sum(dim=1).clamp_min(1)


def _at_least_float32(features: Tensor) -> Tensor:
    """Half precision is too coarse for squares near 1; autocast hands it in all the same."""
    return features.float() if features.dtype in (torch.float16, torch.bfloat16) else features
