"""The queue in one process: who is revived, when, how often; who may join; what goes wrong."""

from pathlib import Path

import optuna
import pytest
import sqlalchemy
from optuna.trial import FrozenTrial, Trial, TrialState

from medrepro.datamodules.support.errors import InputError
from medrepro.reproduce.run import queue as _queue
from medrepro.reproduce.run.queue import ENTRY, ERROR, RETRIES, Queue, TakenOverError, open_storage, revive
from medrepro.reproduce.run.storage import Address

pytestmark = pytest.mark.filterwarnings(
    "ignore::optuna.exceptions.ExperimentalWarning", "ignore:Heartbeat of storage:UserWarning"
)


def queue_url(folder: Path) -> str:
    return f"sqlite:///{folder}/queue.db"


@pytest.fixture
def queue(tmp_path: Path) -> Queue:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return Queue(Address(queue_url(tmp_path), "toy", heartbeat=1))


def states(queue: Queue) -> list[str]:
    return [trial.state.name for trial in queue.trials()]


def one(trial: Trial) -> float:
    return float(trial.number)


def test_entries_are_taken_in_order_and_each_once(queue: Queue) -> None:
    queue.fill(["a", "b", "c"])
    queue.fill(["b", "c", "d"])  # another machine's command
    seen = []

    def note(trial: Trial) -> float:
        seen.append(trial.user_attrs[ENTRY])
        return 0.0

    while queue.take(note):
        pass
    assert seen == ["a", "b", "c", "d"]
    assert states(queue) == ["COMPLETE"] * 4
    queue.fill(["a"])  # its result was lost
    assert states(queue)[-1] == "WAITING"


def test_a_sweep_is_enlarged_to_its_total_with_given_points_first(queue: Queue) -> None:
    queue.fill_up(2, [{"x": 0.25}])
    values = []

    def value(trial: Trial) -> float:
        values.append(trial.suggest_float("x", 0, 1))
        return values[-1]

    while queue.take(value):
        pass
    queue.fill_up(3)
    queue.fill_up(3)
    assert values[0] == 0.25
    assert states(queue) == ["COMPLETE", "COMPLETE", "WAITING"]


def claimed(queue: Queue) -> FrozenTrial:
    """A trial whose worker died just after taking it, before its first sign of life."""
    number = queue.study.ask().number
    return queue.trials()[number]


def test_who_dies_in_his_turn_is_revived_once(queue: Queue) -> None:
    queue.fill(["a"])
    dead = claimed(queue)
    assert dead.state == TrialState.RUNNING
    with queue.turn.held():
        queue.drain()
        queue.drain()
        revive(queue.study, queue.trials()[0])
    assert states(queue) == ["FAIL", "WAITING"]
    assert queue.trials()[1].user_attrs[ENTRY] == "a"
    assert queue.trials()[1].system_attrs["retry_history"] == [0]
    assert queue.take(one)
    assert states(queue) == ["FAIL", "COMPLETE"]


def test_who_dies_between_failing_a_trial_and_reviving_it_is_made_good(queue: Queue) -> None:
    queue.fill(["a"])
    queue.storage.set_trial_state_values(claimed(queue)._trial_id, TrialState.FAIL)
    assert queue.take(one)
    assert states(queue) == ["FAIL", "COMPLETE"]
    assert not queue.take(one)


def test_an_error_is_not_tried_again(queue: Queue) -> None:
    queue.fill(["a"])

    def broken(trial: Trial) -> float:
        trial.set_user_attr(ERROR, "no such file")
        raise InputError("no such file")

    with pytest.raises(InputError, match="no such file"):
        queue.take(broken)
    assert not queue.take(one)
    assert states(queue) == ["FAIL"]
    assert queue.errors() == ["no such file"]
    assert queue.errors(since=1) == []


def test_a_trial_that_kills_its_workers_is_left_alone_in_the_end(queue: Queue) -> None:
    queue.fill(["a"])
    for _ in range(RETRIES + 1):
        claimed(queue)
        with queue.turn.held():
            queue.drain()
    assert states(queue) == ["FAIL"] * (RETRIES + 1)
    assert not queue.take(one)


def test_a_worker_taken_for_dead_gives_up_its_trial(queue: Queue) -> None:
    queue.fill(["a"])

    def silent(trial: Trial) -> float:
        with queue.turn.held():  # what another worker does meanwhile
            queue.storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)
            queue.drain()
        return 5.0

    with pytest.raises(TakenOverError):
        queue.take(silent)
    assert states(queue) == ["FAIL", "WAITING"]
    assert queue.trials()[0].values is None

    def silent_and_talking(trial: Trial) -> float:
        silent(trial)
        trial.set_user_attr("epochs done", 1.0)
        return 5.0

    with pytest.raises(TakenOverError):
        queue.take(silent_and_talking)
    assert queue.take(one)
    assert states(queue) == ["FAIL", "FAIL", "COMPLETE"]


def test_a_pruned_trial_is_over(queue: Queue) -> None:
    queue.fill(["a"])

    def hopeless(trial: Trial) -> float:
        trial.report(0.1, 0)
        raise optuna.TrialPruned

    assert queue.take(hopeless)
    assert states(queue) == ["PRUNED"]
    assert not queue.take(one)


def test_who_joins_must_run_the_same_in_the_same_folder(queue: Queue, tmp_path: Path) -> None:
    here, elsewhere = tmp_path / "here", tmp_path / "elsewhere"
    here.mkdir()
    elsewhere.mkdir()
    queue.agree({"code": "a", "data": [1]}, here)
    queue.agree({"code": "a", "data": [1]}, here)
    with pytest.raises(InputError, match="study toy was begun with another code; the same name takes the same"):
        queue.agree({"code": "b", "data": [1]}, here)
    with pytest.raises(InputError, match="--out must be one folder that all machines share"):
        queue.agree({"code": "a", "data": [1]}, elsewhere)
    queue.agree({"code": "b", "data": [1]}, here, may_change=True)
    queue.fill(["a"])

    def join_meanwhile(trial: Trial) -> float:
        with pytest.raises(InputError, match="another code"):
            queue.agree({"code": "c", "data": [1]}, here, may_change=True)
        return 0.0

    assert queue.take(join_meanwhile)


def test_why_there_is_a_turn(queue: Queue, tmp_path: Path) -> None:
    """Optuna 5 alone lets two workers take one trial on SQLite; once it does not, the turn may go."""
    queue.fill(["a"])
    number, other = queue.trials()[0]._trial_id, open_storage(Address(queue_url(tmp_path), "toy"))
    taken: list[bool] = []

    @sqlalchemy.event.listens_for(queue.storage.engine, "before_cursor_execute")
    def between_reading_and_writing(connection: object, cursor: object, statement: str, *rest: object) -> None:
        if statement.startswith("UPDATE trials") and not taken:
            taken.append(other.set_trial_state_values(number, TrialState.RUNNING))

    taken.append(queue.storage.set_trial_state_values(number, TrialState.RUNNING))
    assert taken == [True, True]


BAD = {
    "mysql://me@here/db": "--storage mysql://me@here/db: not known; allowed: sqlite:///FILE for one machine",
    "queue.db": "--storage queue.db: not known",
    "postgresql+psycopg://me:secret@/db?host=/nowhere": "--storage postgresql+psycopg://me:***@/db?host=/nowhere: cann",
    "sqlite:////proc/queue.db": "--storage sqlite:////proc/queue.db: cannot be opened: unable to open database file",
}


@pytest.mark.parametrize("url", BAD)
def test_a_bad_storage_is_one_line_without_its_password(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(BAD) == 4
    monkeypatch.setattr(_queue, "OPENING", 1)
    with pytest.raises(InputError) as refused:
        open_storage(Address(url, "toy"))
    assert str(refused.value).startswith(BAD[url])
    assert "secret" not in str(refused.value)
    assert "\n" not in str(refused.value)
