"""A cell on several devices: its ranks' errors are one line, nobody is left behind, and results are waited for."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from medrepro.datamodules.support.errors import InputError
from medrepro.reproduce import command as _cli
from medrepro.reproduce.plan.cell import Cell, Printed, Runtime
from medrepro.reproduce.plan.identity import ROOT
from medrepro.reproduce.plan.paper import load
from medrepro.reproduce.run import launch as _launch
from medrepro.reproduce.run.launch import first_error, launch
from medrepro.reproduce.run.ranks import Place
from tests.reproduce._srun import install


class Silent:
    def epoch(self, cell_id: str, done: float, detail: str = "") -> None:
        """Nobody is told."""


def cell(folder: Path) -> Cell:
    config: dict[str, object] = {"module": {}, "data": {}}
    runtime = Runtime(devices=2)
    return Cell("egfr", "5", "row", "row", 0, 0, "smoke", config, str(folder), runtime=runtime, function="nosuch:run")


def test_a_failing_rank_is_one_line_that_names_its_log(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"cell 5/row on 2 devices: cell failed on rank 0: ModuleNotFoundError"
    ) as seen:
        launch(cell(tmp_path), "5/row", Silent())
    assert str(tmp_path / "cells/5/row__0__0/ranks.log") in str(seen.value)
    assert "\n" not in str(seen.value)


def test_ranks_of_a_launcher_have_their_own_logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_PROCID", "1")
    with pytest.raises(InputError, match=r"on rank 1: .*log: .*ranks\.1\.log"):
        launch(cell(tmp_path), "5/row", Silent(), Place("srun", 1, 2))
    assert (tmp_path / "cells/5/row__0__0/cell.1.json").is_file()
    assert not (tmp_path / "cells/5/row__0__0/cell.json").exists()


def test_the_first_error_is_the_rank_s_not_its_peers() -> None:
    log = "warning: x\ncell failed on rank 1: OSError: disk\nTraceback\nConnection reset by peer\n"
    assert first_error(log) == "cell failed on rank 1: OSError: disk"
    assert first_error("one\ntwo\n") == "two"
    assert first_error("") == "no message"


def test_the_other_ranks_wait_for_the_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = cell(tmp_path)
    job.work_dir.mkdir(parents=True)
    with pytest.raises(InputError, match="--out must be a folder all machines share"):
        _launch._check_shared(job.work_dir / "cell.1.json")
    (job.work_dir / "cell.json").write_text("{}")
    _launch._check_shared(job.work_dir / "cell.1.json")
    monkeypatch.setattr(_launch, "RESULT_SECONDS", 0.05)
    with pytest.raises(InputError, match="the first rank wrote no"):
        _launch.wait_for_result(job)
    monkeypatch.setattr(Cell, "finished", lambda self: {})
    _launch.wait_for_result(job)
    assert (job.work_dir / "cell.json").exists()


def test_a_cell_travels_to_its_ranks_whole(tmp_path: Path) -> None:
    runtime = Runtime(devices=2, wandb="offline", wandb_tags=("a", "b"), paper=(Printed("ACC", "78.07", "image/acc"),))
    sent = replace(cell(tmp_path), runtime=runtime)
    assert Cell.from_json(sent.to_json()) == sent


ORPHAN = """
import os, sys, time
from pathlib import Path
from medrepro.reproduce.run import child, execute as engine
folder = Path(sys.argv[1])
def execute(cell, context):
    (folder / "pid").write_text(str(os.getpid()))
    while not context.stop():
        time.sleep(0.05)
    (folder / "stopped").touch()
engine.execute = execute
child.main([str(folder / "cell.json")])
"""


def test_a_rank_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    (tmp_path / "cell.json").write_text(cell(tmp_path).to_json())
    (tmp_path / "rank.py").write_text(ORPHAN)
    words = [sys.executable, str(tmp_path / "rank.py"), str(tmp_path)]
    starter = f"import subprocess; subprocess.run({words!r})"
    parent = subprocess.Popen([sys.executable, "-c", starter], env={**os.environ})
    _until((tmp_path / "pid").exists)
    rank = int((tmp_path / "pid").read_text() or 0)
    parent.kill()
    parent.wait()
    _until((tmp_path / "stopped").exists)
    _until(lambda: not psutil.pid_exists(rank) or psutil.Process(rank).status() == psutil.STATUS_ZOMBIE)
    assert (tmp_path / "stopped").exists()


def _until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


LOCKED = [("segradcam", ["--table", "summary"]), ("cellline", ["--study", "transfer"])]


def command(key: str, out: Path, *words: str) -> list[str]:
    return [f"reproduce/{key}.py", "--preset", "smoke", "--out", str(out), "--seeds", "0", "--devices", "2", *words]


def finished(done: subprocess.CompletedProcess[str], out: Path) -> int:
    assert done.returncode == 0, done.stderr[-3000:]
    assert (out / "report.html").is_file()
    return len(list((out / "results").rglob("*.json")))


@pytest.mark.slow
@pytest.mark.parametrize(("key", "words"), LOCKED)
def test_locks_of_a_training_do_not_stop_its_own_ranks(key: str, words: list[str], tmp_path: Path) -> None:
    """Trainings that others rest on are locked; the second rank must not wait for the first one's lock."""
    assert len(LOCKED) == 2
    done = subprocess.run(
        [sys.executable, *command(key, tmp_path, *words)], cwd=ROOT, capture_output=True, text=True, check=False,
        timeout=280,
    )  # fmt: skip
    assert finished(done, tmp_path) > 0


@pytest.mark.slow
def test_torchrun_fills_a_table_as_one_process_does(tmp_path: Path) -> None:
    """Several cells in one torchrun: each has its own process group, the first rank alone publishes."""
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    words = command("quadsnet", tmp_path, "--study", "loss", "--epochs", "1")
    done = subprocess.run([*torchrun, *words], cwd=ROOT, capture_output=True, text=True, check=False, timeout=280)
    assert finished(done, tmp_path) >= 2
    assert done.stdout.count("report ") == 1


SCRIPT = ROOT / "docs" / "slurm.sh"


def test_the_slurm_script_starts_a_command_that_parses(tmp_path: Path) -> None:
    environment = {**install(tmp_path / "job", 'printf "%s\\n" "$@"'), "SLURM_NTASKS_PER_NODE": "4"}
    job = [str(SCRIPT), "egfr", "--table", "6", "--preset", "paper"]
    done = subprocess.run(["bash", *job], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    first, *words = done.stdout.split()
    assert first == "--kill-on-bad-exit=1"
    assert words[:2] == ["python", "reproduce/egfr.py"]
    (options,) = _cli.parse(load("egfr"), words[2:])
    assert (options.accelerator, options.devices, options.num_nodes, options.resume) == ("gpu", 4, 1, True)
    assert (options.target, options.preset) == ("table 6", "paper")


def test_the_slurm_script_wants_a_paper(tmp_path: Path) -> None:
    environment = install(tmp_path / "job", "true")
    done = subprocess.run(["bash", str(SCRIPT)], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "which paper: egfr, multiscale" in done.stderr


@pytest.mark.slow
def test_srun_fills_a_table_as_one_process_does(tmp_path: Path) -> None:
    """The script itself, with an srun that starts its tasks here: ranks find each other by SLURM's variables."""
    srun = f'exec {sys.executable} -m tests.reproduce._srun 2 "$@"'
    environment = {**install(tmp_path / "job", srun), "SLURM_NTASKS_PER_NODE": "2", "ACCELERATOR": "cpu"}
    words = ["--study", "loss", "--epochs", "1", "--preset", "smoke", "--seeds", "0", "--out", str(tmp_path / "run")]
    done = subprocess.run(
        ["bash", str(SCRIPT), "quadsnet", *words], env=environment, capture_output=True, text=True, check=False,
        timeout=280,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("report ") == 1
    assert list((tmp_path / "run").rglob("ranks.1.log"))
    assert len(list((tmp_path / "run" / "results").rglob("*.json"))) >= 2
