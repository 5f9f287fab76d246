"""A table's cells on several workers and machines: each once, the dead's again, one report."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from medrepro.datamodules.support.errors import InputError
from medrepro.reproduce import command as _cli
from medrepro.reproduce.plan.cell import Cell
from medrepro.reproduce.plan.identity import ROOT
from medrepro.reproduce.plan.options import Options
from medrepro.reproduce.plan.paper import load
from medrepro.reproduce.run import shared as _shared
from medrepro.reproduce.run.outcome import Context
from medrepro.reproduce.run.queue import ENTRY, WORKER, Queue
from medrepro.reproduce.run.storage import Address, without_password
from tests._postgres import postgres as postgres
from tests.reproduce._toy_task import PATIENCE
from tests.reproduce.run.test_workers import Witness

pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
COUNTED = ["--table", "1", "--quiet"]  # counts from the annotations: no training, no torch


def cells_of(out: Path, *words: str) -> tuple[Options, tuple[Cell, ...]]:
    (options,) = _cli.parse(load("multiscale"), [*COUNTED, "--out", str(out), *words])
    return options, load("multiscale").plan(options).cells


def test_the_same_command_has_the_same_queue_and_another_has_another(tmp_path: Path) -> None:
    _, here = cells_of(tmp_path / "a")
    _, there = cells_of(tmp_path / "b")
    (other,) = _cli.parse(load("egfr"), ["--preset", "smoke", "--out", str(tmp_path)])
    (seeds,) = _cli.parse(load("egfr"), ["--preset", "smoke", "--seeds", "5", "--out", str(tmp_path)])
    names = [
        _shared.study_name(cells)
        for cells in (here, there, load("egfr").plan(other).cells, load("egfr").plan(seeds).cells)
    ]
    assert names[0] == names[1]
    assert len(set(names)) == 3
    assert names[2].startswith("egfr-5-smoke-")


def test_cells_are_run_by_the_queue_and_reused_after(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []

    def execute(cell: Cell, context: Context) -> None:
        ran.append(cell.row)
        from medrepro.reproduce.run.execute import execute as really

        really(cell, context)

    def here(address: Address, task: _shared.CellTask, devices: list[object], look: object) -> list[int]:
        from medrepro.reproduce.run.workers import serve

        serve(task.queue(address, 0), task, lambda: False)
        return [0] * len(devices)

    monkeypatch.setattr(_shared, "execute", execute)
    monkeypatch.setattr(_shared, "run_workers", here)
    options, cells = cells_of(tmp_path, "--workers", "2")
    _shared.run_shared(cells, options, Witness())
    assert sorted(ran) == sorted(cell.row for cell in cells)
    _shared.run_shared(cells, options, Witness())
    cells[0].path.unlink()
    _shared.run_shared(cells, options, Witness())
    assert ran[len(cells) :] == [cells[0].row]
    assert (tmp_path / "queue.db").is_file()


def fake_workers(monkeypatch: pytest.MonkeyPatch, codes: list[int], error: str = "") -> None:
    def here(address: Address, task: object, devices: object, look: object) -> list[int]:
        queue = Queue(address)
        if error:
            number = queue.study.ask().number
            trial = queue.trials()[number]
            queue.storage.set_trial_user_attr(trial._trial_id, "error", error)
            queue.storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)
        return codes

    monkeypatch.setattr(_shared, "run_workers", here)


@pytest.mark.filterwarnings("ignore:Heartbeat")
def test_what_went_wrong_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    options, cells = cells_of(tmp_path, "--workers", "2")
    fake_workers(monkeypatch, [1, 0], "the training loss is nan")
    with pytest.raises(InputError, match="the training loss is nan"):
        _shared.run_shared(cells, options, Witness())
    fake_workers(monkeypatch, [-9, -9])
    with pytest.raises(InputError, match=r"all 2 workers of this machine ended early .* 6 cells are left"):
        _shared.run_shared(cells, options, Witness())
    fake_workers(monkeypatch, [0, 0])
    with pytest.raises(InputError, match=r"1/level-1__0__0: its worker died 4 times .* --workers 1"):
        _shared.run_shared(cells, options, Witness())


def test_a_worker_has_one_device(tmp_path: Path) -> None:
    options, cells = cells_of(tmp_path, "--workers", "2", "--devices", "2")
    with pytest.raises(InputError, match="give each worker one device; use --devices 1"):
        _shared.run_shared(cells, options, Witness())


def test_a_password_is_never_recorded() -> None:
    url = "postgresql+psycopg://me:secret@db.lab/medrepro"
    (options,) = _cli.parse(load("multiscale"), [*COUNTED, "--storage", url])
    assert options.storage == url
    assert "secret" not in options.command
    assert "postgresql+psycopg://me:***@db.lab/medrepro" in options.command
    assert without_password("sqlite:///runs/queue.db") == "sqlite:///runs/queue.db"
    assert "secret" not in without_password(json.dumps({"storage": url}))


def start(words: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *words], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def queue_of(url: str, cells: tuple[Cell, ...]) -> Queue:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return Queue(Address(url, _shared.study_name(cells), direction="minimize"))


def ended(queue: Queue) -> Counter[str]:
    return Counter(trial.user_attrs[ENTRY] for trial in queue.trials(TrialState.COMPLETE))


@pytest.mark.parametrize("storage", [pytest.param("sqlite", marks=pytest.mark.slow), "postgresql"])
def test_two_machines_share_a_table_and_both_report_it(
    storage: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Two commands that know nothing of each other but the storage and the run folder."""
    url = f"sqlite:///{tmp_path}/queue.db" if storage == "sqlite" else request.getfixturevalue("postgres")
    words = ["reproduce/multiscale.py", *COUNTED, "--out", str(tmp_path / "run"), "--storage", url, "--workers", "1"]
    machines = [start(words), start(words)]
    told = [machine.communicate(timeout=300)[0] for machine in machines]
    assert [machine.returncode for machine in machines] == [0, 0], told
    _, cells = cells_of(tmp_path / "run")
    queue = queue_of(url, cells)
    assert ended(queue) == Counter(cell.id for cell in cells)
    assert len(queue.trials()) == len(cells) == 6
    assert all(text.strip().endswith("report.html") for text in told)


@pytest.mark.slow
def test_eight_smoke_cells_on_two_workers_of_which_one_is_killed(tmp_path: Path) -> None:
    out, url = tmp_path / "run", f"sqlite:///{tmp_path}/queue.db"
    asked = ["--preset", "smoke", "--seeds", "0", "1", "--quiet", "--out", str(out)]
    (options,) = _cli.parse(load("egfr"), asked)
    cells = load("egfr").plan(options).cells
    assert len(cells) == 8
    command = start(["reproduce/egfr.py", *asked, "--storage", url, "--workers", "2", "--heartbeat", "3"])
    until, victim = time.monotonic() + 2 * PATIENCE, ""
    while not victim and command.poll() is None and time.monotonic() < until:
        time.sleep(0.2)
        if (tmp_path / "queue.db").is_file() and list(out.rglob("*.json")):
            running = queue_of(url, cells).trials(TrialState.RUNNING)
            victim = next((trial.user_attrs[WORKER] for trial in running if WORKER in trial.user_attrs), "")
    os.kill(int(victim.partition(":")[2]), signal.SIGKILL)
    told = command.communicate(timeout=600)[0]
    assert command.returncode == 0, told
    queue = queue_of(url, cells)
    assert ended(queue) == Counter(cell.id for cell in cells)
    (dead,) = queue.trials(TrialState.FAIL)
    again = [trial for trial in queue.trials() if trial.system_attrs.get("failed_trial") == dead.number]
    assert [trial.user_attrs[ENTRY] for trial in again] == [dead.user_attrs[ENTRY]]
    assert len(queue.trials()) == 9
    assert all(cell.finished() is not None for cell in cells)
    assert (out / "report.html").is_file()
