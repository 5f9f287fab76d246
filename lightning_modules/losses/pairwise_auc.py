"""The pairwise AUC surrogate of seed 001 (Eq. 12), exact, without the pairs wherever that is possible.

In: scores (N,) in [0, 1] and labels (N,) of this rank; out: a scalar over all pairs of the global batch.

With ``a = 1 - s+`` and ``b = s-`` a pair costs ``(a + b)^p``. For an integer p the binomial theorem turns the
sum over T+ T- pairs into p + 1 products of power sums, ``sum_k C(p, k) (sum_i a_i^(p-k)) (sum_j b_j^k)``:
O(p N) time and memory, gradient included, and all terms are >= 0, so nothing cancels. Under DDP only these
sums travel, 2 (p + 1) scalars.
"""

import math
from typing import Protocol, cast

import torch
from torch import Tensor, nn

from medrepro.lightning_modules.losses.distributed import all_reduce_sum, gather_rows, global_count, shard_sizes

PAIRS_AT_ONCE = 2**20  # bounds the memory of a non-integer power: 8 MB a temporary in float64
SMALLEST_BASE = 1e-6  # for p < 1 the slope is infinite at a perfectly ordered pair


class PairwiseAUCLoss(nn.Module):
    """``sum_ij (1 - (s_i+ - s_j-))^p / (p T+ T-)`` (Eq. 12); 0 if the global batch has one class only.

    Where p < 1 the base is clamped at 1e-6, below which a pair is as good as ordered and gives no gradient.
    In training mode all ranks' pairs count, and every rank returns the same value; DDP's average of the
    gradients is the global batch's. In evaluation mode only this rank's samples count.

    Args:
        power: p > 0, the paper's lambda.

    Raises:
        ValueError: ``power`` is not a finite number above 0.
    """

    def __init__(self, power: float = 2.0) -> None:  # assumed: lambda is not printed
        super().__init__()
        if not (math.isfinite(power) and power > 0):
            raise ValueError(f"power must be a finite number > 0, found {power}")
        self.power = float(power)

    def forward(self, scores: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of scores (N,) in [0, 1] against labels (N,) of 0 and 1.

        Raises:
            ValueError: shapes differ, a score is outside [0, 1] or no number, a label is neither 0 nor 1.
        """
        if scores.ndim != 1 or labels.shape != scores.shape:
            raise ValueError(f"scores and labels must both be (N,), found {_shape(scores)} and {_shape(labels)}")
        _check_values(scores, labels)
        return pairwise_auc(scores, labels, self.power, distributed=self.training)


def pairwise_auc(scores: Tensor, labels: Tensor, power: float, distributed: bool = True) -> Tensor:
    """Return Eq. 12 of scores (N,) in [0, 1] and labels (N,), unchecked; see :class:`PairwiseAUCLoss`."""
    if scores.dtype in (torch.float16, torch.bfloat16):
        scores = scores.float()  # sums over a batch need more than 8 or 11 bits
    positive = labels == 1
    if power.is_integer():
        return _from_power_sums(scores, positive, int(power), distributed)
    return _from_pairs(scores, positive, power, distributed)


def _from_power_sums(scores: Tensor, positive: Tensor, power: int, distributed: bool) -> Tensor:
    a, b = 1 - scores, scores
    a_power, b_power = positive.to(scores.dtype), (~positive).to(scores.dtype)
    sums = []
    for _ in range(power + 1):
        sums += [a_power.sum(), b_power.sum()]
        a_power, b_power = a_power * a, b_power * b
    local = torch.stack(sums)
    a_sums, b_sums = (all_reduce_sum(local) if distributed else local).view(-1, 2).unbind(dim=1)
    means = a_sums / a_sums[0].clamp(min=1), b_sums / b_sums[0].clamp(min=1)  # the first sums are T+ and T-
    binomials = scores.new_tensor([math.comb(power, k) for k in range(power + 1)])
    return (binomials * means[0].flip(0) * means[1]).sum() / power


def _from_pairs(scores: Tensor, positive: Tensor, power: float, distributed: bool) -> Tensor:
    """This rank's positives against all ranks' negatives; the ranks' sums are then added."""
    own, negatives = scores[positive], scores[~positive]
    negatives = gather_rows(negatives, shard_sizes(negatives, distributed))
    total = cast(Tensor, _PairSum.apply(own, negatives, power))
    n_positive = torch.tensor(len(own), device=scores.device)
    if distributed:
        total, n_positive = all_reduce_sum(total), global_count(n_positive)
    return total / (power * (n_positive * len(negatives)).clamp(min=1))


class _Slopes(Protocol):
    """What the pair sum keeps for its backward."""

    slopes: tuple[Tensor, Tensor]


class _PairSum(torch.autograd.Function):
    """``sum_ij (1 - s_i + t_j)^p`` in chunks; the gradient is found on the way, so no pair is kept."""

    @staticmethod
    def forward(ctx: _Slopes, positives: Tensor, negatives: Tensor, power: float) -> Tensor:
        """Return the sum ``()`` over all pairs of scores ``s (P,)`` of positives and ``t (N,)`` of negatives."""
        total = positives.new_zeros(())
        slope_positive, slope_negative = torch.empty_like(positives), torch.zeros_like(negatives)
        rows = max(1, PAIRS_AT_ONCE // max(1, len(negatives)))
        for begin in range(0, len(positives), rows):
            chunk = slice(begin, begin + rows)
            base = 1 - positives[chunk, None] + negatives
            flat = base < SMALLEST_BASE if power < 1 else torch.zeros_like(base, dtype=torch.bool)
            base = torch.where(flat, SMALLEST_BASE, base)
            total += base.pow(power).sum()
            slope = (power * base.pow(power - 1)).masked_fill(flat, 0)
            slope_positive[chunk] = -slope.sum(dim=1)
            slope_negative += slope.sum(dim=0)
        ctx.slopes = slope_positive, slope_negative
        return total

    @staticmethod
    def backward(ctx: _Slopes, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        positive, negative = ctx.slopes
        return gradients[0] * positive, gradients[0] * negative, None


def _check_values(scores: Tensor, labels: Tensor) -> None:
    if len(scores) == 0:
        return
    low, high = (float(x) for x in scores.detach().aminmax())
    if not (low >= 0 and high <= 1):
        raise ValueError(f"scores must be probabilities in [0, 1], found {low:.4g} to {high:.4g}; apply a sigmoid")
    if not ((labels == 0) | (labels == 1)).all():
        raise ValueError(f"labels must be 0 or 1, found {sorted(set(labels.tolist()))}")


def _shape(tensor: Tensor) -> str:
    return str(tuple(tensor.shape))
