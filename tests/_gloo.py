"""Groups of gloo ranks for tests that prove behaviour under DDP.

In: a module-level function and picklable arguments; out: the list of what it returned on each rank.
The processes are spawned once per session and world size (importing torch costs seconds), one thread
each, and wait for the next function in between. A test asks for the ``gloo`` fixture::

    def _rank_sum(values): ...            # module level: it is pickled by name
    def test_sum(gloo):
        assert gloo(2, _rank_sum, [1, 2]) == [3, 3]

The function finds its rank by ``torch.distributed.get_rank()``. An error on any rank is raised here
with that rank's traceback, the group is ended (the other ranks may hang in a collective) and the next
call starts a fresh one.
"""

import datetime
import multiprocessing
import os
import pickle
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist

TIMEOUT_SECONDS = 120.0

Run = Callable[..., list[Any]]


def _serve(rank: int, world_size: int, rendezvous: str, connection: Connection) -> None:
    """Body of one rank: join the group, then answer calls until killed."""
    torch.set_num_threads(1)
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")  # a container's hostname may not resolve
    dist.init_process_group(
        "gloo",
        init_method=f"file://{rendezvous}",
        rank=rank,
        world_size=world_size,
        timeout=datetime.timedelta(seconds=TIMEOUT_SECONDS),
    )
    while True:
        connection.send_bytes(pickle.dumps(_answer(connection.recv_bytes())))


def _answer(task: bytes) -> tuple[bool, Any]:
    """Run one pickled call; (True, result) or (False, traceback)."""
    try:
        function, args = pickle.loads(task)
        return True, function(*args)
    except Exception:  # whatever a test's function raises is the caller's to see
        return False, traceback.format_exc()


class GlooGroup:
    """A group of ``world_size`` spawned processes joined by gloo."""

    def __init__(self, world_size: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._folder = tempfile.TemporaryDirectory()
        rendezvous = str(Path(self._folder.name) / "rendezvous")
        self._connections: list[Connection] = []
        self._processes = []
        for rank in range(world_size):
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(rank, world_size, rendezvous, theirs), daemon=True)
            process.start()
            theirs.close()
            self._connections.append(ours)
            self._processes.append(process)

    def run(self, function: Callable[..., Any], *args: Any) -> list[Any]:
        """Call ``function(*args)`` on every rank; results in rank order.

        Raises:
            RuntimeError: a rank raised, died or did not answer within ``TIMEOUT_SECONDS``.
        """
        task = pickle.dumps((function, args))
        for connection in self._connections:
            connection.send_bytes(task)
        results: dict[int, Any] = {}
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while len(results) < len(self._connections):
            rank = self._next_ready(set(results), deadline)
            results[rank] = self._receive(rank)
        return [results[rank] for rank in range(len(self._connections))]

    def _next_ready(self, done: set[int], deadline: float) -> int:
        open_ranks = {c: rank for rank, c in enumerate(self._connections) if rank not in done}
        ready = wait(list(open_ranks), timeout=max(0.0, deadline - time.monotonic()))
        if not ready:
            silent = sorted(open_ranks.values())
            raise RuntimeError(f"ranks {silent} gave no answer in {TIMEOUT_SECONDS:.0f} s")
        return next(rank for c, rank in open_ranks.items() if c is ready[0])

    def _receive(self, rank: int) -> Any:
        try:
            succeeded, result = pickle.loads(self._connections[rank].recv_bytes())
        except EOFError as error:
            raise RuntimeError(f"rank {rank} died without an answer") from error
        if not succeeded:
            raise RuntimeError(f"rank {rank} raised:\n{result}")
        return result

    def close(self) -> None:
        """End the ranks, which only wait (or hang in a collective)."""
        for process in self._processes:
            process.kill()
        for process, connection in zip(self._processes, self._connections, strict=True):
            process.join()
            connection.close()
        self._folder.cleanup()


@pytest.fixture(scope="session")
def gloo() -> Iterator[Run]:
    """``gloo(world_size, function, *args)`` -> results in rank order; groups live as long as the session."""
    groups: dict[int, GlooGroup] = {}

    def run(world_size: int, function: Callable[..., Any], *args: Any) -> list[Any]:
        group = groups.get(world_size) or groups.setdefault(world_size, GlooGroup(world_size))
        try:
            return group.run(function, *args)
        except RuntimeError:
            groups.pop(world_size).close()
            raise

    yield run
    for group in groups.values():
        group.close()
