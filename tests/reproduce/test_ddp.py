"""Two gloo processes under Lightning train what one process trains, and fail together when one fails."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from medrepro.reproduce.plan.identity import ROOT


def start(folder: Path, what: str, devices: int) -> subprocess.CompletedProcess[str]:
    folder.mkdir()
    command = [sys.executable, "-m", "tests.reproduce._fit", str(folder), what, "--devices", str(devices)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=200)


def losses(folder: Path, ranks: int) -> list[float]:
    logs = [(folder / f"steps.{rank}.log").read_text().splitlines() for rank in range(ranks)]
    return [sum(float(line.split()[1]) for line in lines) / ranks for lines in zip(*logs, strict=True)]


def test_two_processes_equal_one(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for folder, devices in ((one, 1), (two, 2)):
        done = start(folder, "ddp", devices)
        assert done.returncode == 0, done.stderr[-2000:]
    assert (two / "steps.1.log").is_file()
    single, double = losses(one, 1), losses(two, 2)
    assert len(single) == len(double) >= 5
    assert double[:5] == pytest.approx(single[:5], abs=1e-5)
    expected, found = (torch.load(folder / "final.pt", weights_only=True) for folder in (one, two))
    for name, value in found["weights"].items():
        assert torch.allclose(value.float(), expected["weights"][name].float(), atol=1e-5), name
    for name, number in expected["metrics"].items():
        if name.startswith("val/"):
            assert found["metrics"][name] == pytest.approx(number, abs=1e-4), name


def test_one_failing_rank_ends_all(tmp_path: Path) -> None:
    started = time.monotonic()
    done = start(tmp_path / "broken", "broken", 2)
    assert done.returncode != 0
    assert "the disk of rank 1 is gone" in done.stderr
    assert time.monotonic() - started < 60 + 60  # the launch itself, on a busy machine, and the 60 s allowed
    assert not (tmp_path / "broken" / "final.pt").exists()
