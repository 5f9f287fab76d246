"""Arithmetic over all ranks that keeps gradients right; plain arithmetic without a process group.

In: one rank's rows, sums and counts; out: the global batch's. Conventions, for every loss of this package:

* DDP averages the ranks' gradients. A loss that is a mean over samples is therefore returned as
  ``local sum / global count x world size`` (:func:`global_mean`): the average of the ranks' values, and of
  their gradients, is then exactly the global batch's. A mean of rank means is wrong on unequal shards.
* A loss that compares samples sees the other ranks' rows through :func:`gather_rows`, whose backward sums
  what every rank's loss says about a row: a gather without autograd has the right value and a wrong gradient.
* These are collectives: every rank must reach them equally often. Losses use them only in training mode,
  because validation shards may differ in their number of batches.
"""

from collections.abc import Callable
from typing import Protocol, cast

import torch
import torch.distributed as dist
from torch import Tensor


def world_size() -> int:
    """Return the number of ranks; 1 without an initialised process group."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def global_count(count: Tensor) -> Tensor:
    """Return the sum of ``count`` (any shape) over all ranks, without gradient."""
    total = count.detach().clone()
    if world_size() > 1:
        dist.all_reduce(total)
    return total


def global_mean(local_sum: Tensor, local_count: Tensor, distributed: bool = True) -> Tensor:
    """Return ``local_sum / global count x world size``: averaged over ranks, it is the global mean.

    Args:
        local_sum: sum of this rank's terms, shape () or any other.
        local_count: number (or total weight) of these terms, same shape or ().
        distributed: count over all ranks; False counts this rank only.

    Returns:
        The scaled mean; 0 (and differentiable) where the count is 0.
    """
    if not distributed:
        return local_sum / _or_one(local_count.detach()).to(local_sum.dtype)
    return local_sum * (world_size() / _or_one(global_count(local_count)).to(local_sum.dtype))


def _or_one(count: Tensor) -> Tensor:
    return torch.where(count == 0, torch.ones_like(count), count)


def all_reduce_sum(values: Tensor) -> Tensor:
    """Return the sum of ``values`` (any shape) over all ranks; its backward sums the ranks' gradients."""
    return _apply(_AllReduceSum, values) if world_size() > 1 else values


def shard_sizes(rows: Tensor, distributed: bool = True) -> list[int]:
    """Return every rank's number of rows, in rank order; this rank's alone if not ``distributed``."""
    if not distributed or world_size() == 1:
        return [len(rows)]
    size = torch.tensor([len(rows)], device=rows.device)
    sizes = [torch.zeros_like(size) for _ in range(world_size())]
    dist.all_gather(sizes, size)
    return [int(one) for one in sizes]


def first_row(sizes: list[int]) -> int:
    """Return where this rank's rows begin among the gathered rows."""
    return sum(sizes[: dist.get_rank()]) if len(sizes) > 1 else 0


def gather_rows(rows: Tensor, sizes: list[int]) -> Tensor:
    """Return the rows (N_r, ...) of all ranks, concatenated in rank order (N, ...), with gradient.

    Args:
        rows: this rank's rows; their number may differ between ranks.
        sizes: every rank's number of rows, from :func:`shard_sizes`.
    """
    return _apply(_GatherRows, rows, sizes) if len(sizes) > 1 else rows


def _apply(function: type[torch.autograd.Function], *args: object) -> Tensor:
    return cast(Callable[..., Tensor], function.apply)(*args)


class _AllReduceSum(torch.autograd.Function):
    """Sum over ranks. Every rank's loss depends on every rank's input: backward sums too."""

    @staticmethod
    def forward(ctx: object, values: Tensor) -> Tensor:
        """Return the sum over ranks of ``values (...)``, of the same shape on every rank."""
        del ctx
        total = values.detach().clone().contiguous()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: object, *gradients: Tensor) -> Tensor:
        """Return the sum over ranks of the gradient ``(...)``."""
        del ctx
        total = gradients[0].clone().contiguous()
        dist.all_reduce(total)
        return total


class _OwnRows(Protocol):
    """What the gather keeps for its backward: where this rank's rows lie."""

    own: slice


class _GatherRows(torch.autograd.Function):
    """Concatenate the ranks' rows, padded on the way because a gather wants equal shapes."""

    @staticmethod
    def forward(ctx: _OwnRows, rows: Tensor, sizes: list[int]) -> Tensor:
        """Return all ranks' rows ``(sum(sizes), ...)`` from this rank's ``(sizes[rank], ...)``, in order of rank."""
        begin = first_row(sizes)
        ctx.own = slice(begin, begin + len(rows))
        padded = rows.new_zeros((max(sizes), *rows.shape[1:]))
        padded[: len(rows)] = rows.detach()
        parts = [torch.empty_like(padded) for _ in sizes]
        dist.all_gather(parts, padded)
        return torch.cat([part[:size] for part, size in zip(parts, sizes, strict=True)])

    @staticmethod
    def backward(ctx: _OwnRows, *gradients: Tensor) -> tuple[Tensor, None]:
        """Return this rank's share ``(sizes[rank], ...)`` of the gradient summed over ranks."""
        total = gradients[0].clone().contiguous()
        dist.all_reduce(total)
        return total[ctx.own], None
