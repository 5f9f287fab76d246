"""The test tool itself: results in rank order, working collectives, errors that do not poison the next call."""

import os

import pytest
import torch
import torch.distributed as dist

from tests._gloo import Run


def _sum_of_ranks(offset: float) -> torch.Tensor:
    total = torch.tensor([offset + dist.get_rank()], dtype=torch.float64)
    dist.all_reduce(total)
    return total


def _identity() -> tuple[int, int, int]:
    return dist.get_rank(), os.getpid(), torch.get_num_threads()


def _fail_on_last() -> None:
    if dist.get_rank() == dist.get_world_size() - 1:
        raise ValueError("a rank that fails")
    dist.barrier()


@pytest.mark.parametrize(("world_size", "expected"), [(2, 5.0), (3, 9.0)])
def test_collectives_reach_every_rank(gloo: Run, world_size: int, expected: float) -> None:
    assert [float(total) for total in gloo(world_size, _sum_of_ranks, 2.0)] == [expected] * world_size


def test_processes_are_reused_with_one_thread(gloo: Run) -> None:
    first, second = gloo(2, _identity), gloo(2, _identity)
    assert first == second
    assert [(rank, threads) for rank, _, threads in first] == [(0, 1), (1, 1)]
    assert os.getpid() not in {pid for _, pid, _ in first}


def test_an_error_names_the_rank_and_the_next_call_works(gloo: Run) -> None:
    with pytest.raises(RuntimeError, match=r"(?s)rank 1 raised.*a rank that fails"):
        gloo(2, _fail_on_last)
    assert [float(total) for total in gloo(2, _sum_of_ranks, 0.0)] == [1.0, 1.0]
