"""Two workers on SQLite and on a real PostgreSQL: nothing lost, nothing twice, and what a killed worker leaves."""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from medrepro.datamodules.support.errors import InputError
from medrepro.reproduce.run.queue import ENTRY, Queue
from medrepro.reproduce.run.storage import Address
from medrepro.reproduce.run.workers import Device, Report, Stop, Task, Watcher, run_workers, serve
from tests._postgres import postgres as postgres
from tests.reproduce._toy_task import ToyTask, lines, wait_for

STORAGES = ["sqlite", "postgresql"]
pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")


@pytest.fixture
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], Address]:
    optuna.logging.set_verbosity(optuna.logging.ERROR)

    def at(storage: str) -> Address:
        url = f"sqlite:///{tmp_path}/queue.db" if storage == "sqlite" else request.getfixturevalue("postgres")
        return Address(url, request.node.name, heartbeat=1)

    return at


class Witness:
    """What an observer is told."""

    def __init__(self) -> None:
        self.told: list[tuple[object, ...]] = []

    def start(self, cell_id: str, label: str, epochs: int) -> None:
        self.told.append(("start", cell_id, label, epochs))

    def epoch(self, cell_id: str, done: float, detail: str = "") -> None:
        self.told.append(("epoch", cell_id, done, detail))

    def finish(self, cell_id: str) -> None:
        self.told.append(("finish", cell_id))


def run_two(address: Address, task: Task) -> list[int]:
    return run_workers(address, task, [Device(number=0), Device(number=1)], lambda: None)


@pytest.mark.parametrize("storage", STORAGES)
def test_two_workers_take_every_trial_once(storage: str, address: Callable[[str], Address], tmp_path: Path) -> None:
    assert len(STORAGES) == 2
    entries = [f"e{number}" for number in range(16)]
    queue, log = Queue(address(storage)), str(tmp_path / "log")
    queue.fill(entries)
    assert run_two(address(storage), ToyTask(log, meet=2)) == [0, 0]
    ended = Counter(entry for entry, _, what in lines(log) if what == "end")
    assert ended == Counter(entries)
    assert Counter(trial.user_attrs[ENTRY] for trial in queue.trials(TrialState.COMPLETE)) == Counter(entries)
    assert len(queue.trials()) == len(entries)
    assert len({pid for _, pid, _ in lines(log)}) == 2


@pytest.mark.parametrize("storage", STORAGES)
def test_a_killed_workers_trial_comes_back_exactly_once(
    storage: str, address: Callable[[str], Address], tmp_path: Path
) -> None:
    assert len(STORAGES) == 2
    entries = [f"e{number}" for number in range(6)]
    queue, log = Queue(address(storage)), str(tmp_path / "log")
    queue.fill(entries)
    with ThreadPoolExecutor(1) as pool:
        codes = pool.submit(run_two, address(storage), ToyTask(log, meet=2, hang="e1"))
        victim = wait_for(log, "e1", "begin")
        wait_for(log, "e0", "end")
        os.kill(victim, signal.SIGKILL)
        assert sorted(codes.result()) == [-signal.SIGKILL, 0]
    assert Counter(entry for entry, _, what in lines(log) if what == "end") == Counter(entries)
    begun = [pid for entry, pid, what in lines(log) if (entry, what) == ("e1", "begin")]
    assert begun[0] == victim
    assert len(begun) == 2
    tries = [trial for trial in queue.trials() if trial.user_attrs[ENTRY] == "e1"]
    assert [trial.state for trial in tries] == [TrialState.FAIL, TrialState.COMPLETE]
    assert tries[1].system_attrs["retry_history"] == [tries[0].number]
    assert len(queue.trials()) == len(entries) + 1


def test_a_worker_that_is_asked_to_stop_leaves_its_trial_to_the_next(
    address: Callable[[str], Address], tmp_path: Path
) -> None:
    queue, log = Queue(address("sqlite")), str(tmp_path / "log")
    queue.fill(["a", "b"])
    task = ToyTask(log, hang="a")
    with ThreadPoolExecutor(1) as pool:
        code = pool.submit(run_workers, address("sqlite"), task, [Device()], lambda: None)
        os.kill(wait_for(log, "a", "begin"), signal.SIGTERM)
        assert code.result() == [0]
    assert [trial.state for trial in queue.trials()] == [TrialState.FAIL, TrialState.WAITING]
    serve(queue, task, stop=lambda: False)
    assert Counter(entry for entry, _, what in lines(log) if what == "end") == Counter("ab")


def test_a_trial_that_leaves_as_lightning_does_on_sigterm_is_revived(
    address: Callable[[str], Address], tmp_path: Path
) -> None:
    class Leaving(ToyTask):
        def __call__(self, trial: optuna.Trial, report: Report, stop: Stop) -> float:
            raise SystemExit(143)

    queue, log = Queue(address("sqlite")), str(tmp_path / "log")
    queue.fill(["a"])
    asked = iter([False, True])
    serve(queue, Leaving(log), stop=lambda: next(asked))
    assert [trial.state for trial in queue.trials()] == [TrialState.FAIL]
    serve(queue, ToyTask(log), stop=lambda: False)
    assert [trial.state for trial in queue.trials()] == [TrialState.FAIL, TrialState.COMPLETE]


def test_one_broken_trial_ends_a_table_but_not_a_sweep(address: Callable[[str], Address], tmp_path: Path) -> None:
    queue, log = Queue(address("sqlite")), str(tmp_path / "log")
    queue.fill(["a", "b", "c"])
    assert run_workers(address("sqlite"), ToyTask(log, broken="a"), [Device()], lambda: None) == [1]
    assert queue.errors() == ["a cannot be run"]
    assert len(queue.trials(TrialState.WAITING)) == 2
    queue.fill(["a"])
    serve(queue, ToyTask(log, broken="a", fatal=False), stop=lambda: False)
    assert queue.errors() == ["a cannot be run"] * 2
    assert len(queue.trials(TrialState.COMPLETE)) == 2


def test_no_trial_begins_after_the_deadline(address: Callable[[str], Address], tmp_path: Path) -> None:
    queue, log = Queue(address("sqlite")), str(tmp_path / "log")
    queue.fill(["a"])
    serve(queue, ToyTask(log), stop=lambda: False, deadline=time.time() - 1)
    assert lines(log) == []
    serve(queue, ToyTask(log), stop=lambda: False, deadline=time.time() + 60)
    assert [what for _, _, what in lines(log)] == ["begin", "end"]


def test_an_observer_hears_of_every_trial_whoever_runs_it(address: Callable[[str], Address], tmp_path: Path) -> None:
    queue, witness = Queue(address("sqlite")), Witness()
    queue.fill(["a", "hidden"])
    hidden = {"hidden"}
    watcher = Watcher(
        queue, witness, lambda trial: None if trial.user_attrs[ENTRY] in hidden else (trial.user_attrs[ENTRY], "A", 5)
    )

    def looked(trial: optuna.Trial) -> float:
        trial.set_user_attr("epochs done", 0.5)
        trial.set_user_attr("detail", "half")
        watcher.look()
        return 0.0

    while queue.take(looked):
        watcher.look()
    kinds = [event[0] for event in witness.told]
    assert kinds == ["start", "epoch", "finish"]
    assert witness.told[1] == ("epoch", "a", 0.5, "half")
    assert str(witness.told[0][2]).startswith("A · ")


def test_each_worker_has_a_gpu_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,5")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    Device("gpu", 1, threads=3).claim()
    assert (os.environ["CUDA_VISIBLE_DEVICES"], os.environ["OMP_NUM_THREADS"]) == ("5", "3")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    Device("cuda", 1).claim()
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "1"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,5")
    with pytest.raises(InputError, match="worker 2 has no GPU: CUDA_VISIBLE_DEVICES=2,5; use fewer --workers"):
        Device("gpu", 2).claim()
    Device("cpu", 7).claim()
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "2,5"
