"""A run killed at any moment and resumed ends with the same weights, bit for bit, and repeats no saved step."""

import multiprocessing as mp
import os
import random
import signal
import time
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import cast

import pytest
import pytorch_lightning as pl
import torch

from medrepro.reproduce.run.callbacks import AtomicCheckpoint
from tests.reproduce._fit import fit

CHECKPOINT_EVERY = 3


@pytest.fixture(scope="module")
def context() -> ForkServerContext:
    """Processes that start with Lightning already loaded."""
    server = mp.get_context("forkserver")
    server.set_forkserver_preload(["tests.reproduce._fit"])
    return server


@pytest.fixture(scope="module")
def uninterrupted(context: ForkServerContext, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    run(context, folder, resume=False)
    return folder


def run(context: ForkServerContext, folder: Path, resume: bool) -> None:
    process = context.Process(target=fit, args=(folder, "kill", 1, resume))
    process.start()
    process.join(120)
    assert process.exitcode == 0


def run_and_kill(context: ForkServerContext, folder: Path, at_step: int, delay: float) -> None:
    process = context.Process(target=fit, args=(folder, "kill", 1, False))
    process.start()
    log = folder / "steps.0.log"
    while not (log.is_file() and len(log.read_text().splitlines()) >= at_step):
        assert process.is_alive(), "the run ended before it could be killed"
        time.sleep(0.0005)
    time.sleep(delay)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join(30)
    assert process.exitcode == -signal.SIGKILL


def steps(folder: Path) -> list[int]:
    return [int(line.split()[0]) for line in (folder / "steps.0.log").read_text().splitlines() if " " in line]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    loaded: dict[str, dict[str, torch.Tensor]] = torch.load(folder / "final.pt", weights_only=True)
    return loaded["weights"]


def killed_and_resumed(context: ForkServerContext, folder: Path, whole: Path, at_step: int, delay: float) -> None:
    folder.mkdir()
    run_and_kill(context, folder, at_step, delay)
    before = steps(folder)
    saved = torch.load(folder / "cells/5/toy__0__0/last.ckpt", weights_only=True)["global_step"]
    assert saved >= before[-1] // CHECKPOINT_EVERY * CHECKPOINT_EVERY - CHECKPOINT_EVERY
    run(context, folder, resume=True)
    after = steps(folder)[len(before) :]
    assert after == list(range(saved + 1, steps(whole)[-1] + 1)), (
        "a step before the checkpoint ran again, or one is lost"
    )
    expected = weights(whole)
    for name, value in weights(folder).items():
        assert torch.equal(value, expected[name]), name


def test_kill_in_mid_epoch(context: ForkServerContext, uninterrupted: Path, tmp_path: Path) -> None:
    last = steps(uninterrupted)[-1]
    assert last % 3 == 0
    epoch = last // 3
    assert epoch % CHECKPOINT_EVERY, "checkpoints must fall inside epochs, not only on their ends"
    killed_and_resumed(context, tmp_path / "run", uninterrupted, at_step=epoch + 2, delay=0.0)


class _KilledWhileWriting:
    """A trainer that the machine kills after half a checkpoint."""

    is_global_zero = True

    def save_checkpoint(self, path: Path) -> None:
        path.write_bytes(b"half a checkpoint")
        os.kill(os.getpid(), signal.SIGKILL)


class _Unharmed(_KilledWhileWriting):
    """A trainer that writes a whole one."""

    def save_checkpoint(self, path: Path) -> None:
        torch.save({"global_step": 6}, path)


def _save(trainer: _KilledWhileWriting, folder: Path) -> None:
    saver = AtomicCheckpoint(folder, every=3)
    saver.save(cast("pl.Trainer", trainer), saver.path)


def test_a_kill_while_a_checkpoint_is_written_leaves_the_one_before(context: ForkServerContext, tmp_path: Path) -> None:
    torch.save({"global_step": 3}, tmp_path / "last.ckpt")
    process = context.Process(target=_save, args=(_KilledWhileWriting(), tmp_path))
    process.start()
    process.join(120)
    assert process.exitcode == -signal.SIGKILL
    assert [path.name for path in tmp_path.iterdir() if path.read_bytes() == b"half a checkpoint"] == [".last.ckpt.tmp"]
    assert torch.load(tmp_path / "last.ckpt", weights_only=True) == {"global_step": 3}
    _save(_Unharmed(), tmp_path)  # what is left of the broken one is no obstacle
    assert torch.load(tmp_path / "last.ckpt", weights_only=True) == {"global_step": 6}


@pytest.mark.slow
def test_kill_at_ten_random_points(context: ForkServerContext, uninterrupted: Path, tmp_path: Path) -> None:
    draw = random.Random(0)
    last = steps(uninterrupted)[-1]
    points = [(draw.randint(CHECKPOINT_EVERY + 1, last - 3), draw.random() * 0.004) for _ in range(10)]
    assert len(points) == 10
    for number, (at_step, delay) in enumerate(points):
        killed_and_resumed(context, tmp_path / f"run{number}", uninterrupted, at_step, delay)
