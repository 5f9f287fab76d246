"""Work on several processes: every item once, errors of the work as they are, a dead worker in one line."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from medrepro.datamodules.support.errors import InputError
from medrepro.datamodules.support.processes import each, stopping, tell


def square(number: int) -> int:
    if number == 13:
        raise InputError("thirteen")
    return number * number


def die(number: int) -> int:
    os._exit(number)


def where(number: int) -> int:
    return os.getpid()


def slow_first(number: int) -> int:
    time.sleep(0 if number else 0.5)
    return number


def talk(number: int) -> str:
    tell("start", number)
    tell("finish", number)
    return os.environ["OMP_NUM_THREADS"]


def wait_for_the_end(number: int) -> float:
    """Fail once another worker has begun, or wait until this is no longer wanted."""
    if number == 13:
        time.sleep(0.5)
        raise InputError("thirteen")
    begun = time.monotonic()
    while not stopping() and time.monotonic() < begun + 60:
        time.sleep(0.01)
    tell("ended", stopping())
    return time.monotonic() - begun


class Deadly:
    """Takes its process with it when a worker unpickles it."""

    def __reduce__(self) -> tuple[object, tuple[int]]:
        return os._exit, (1,)


@pytest.mark.parametrize("workers", [1, 2])
def test_every_item_once(workers: int) -> None:
    assert dict(each(square, range(8), workers)) == {number: number * number for number in range(8)}
    with pytest.raises(InputError, match="thirteen"):
        dict(each(square, [1, 13], workers))


def test_order_is_that_of_the_items_if_asked() -> None:
    items = [0, 1, 2, 3]
    assert list(each(slow_first, items, 2, ordered=True)) == [(item, item) for item in items]
    assert [item for item, _ in each(slow_first, items, 2)][-1] == 0


def test_one_item_stays_in_this_process_and_none_is_fine() -> None:
    assert dict(each(where, [1], 4)) == {1: os.getpid()}
    assert dict(each(square, [], 4)) == {}


def test_a_worker_that_dies_is_said() -> None:
    with pytest.raises(InputError, match="a worker process died.*what is finished is kept.*fewer --workers"):
        dict(each(die, [1, 2], 2))
    with pytest.raises(InputError, match="a worker process died.*fewer --jobs"):
        list(each(str, [0, 1, Deadly(), 3], 2, setting="--jobs"))
    assert Path(f"/proc/{os.getpid()}").exists()


def test_messages_reach_the_listener_from_a_process_of_its_own() -> None:
    heard: list[tuple[object, ...]] = []
    found = dict(each(talk, [1, 2], 1, listener=lambda *message: heard.append(message), threads=3))
    assert found == {1: "3", 2: "3"}
    assert heard == [("start", 1), ("finish", 1), ("start", 2), ("finish", 2)]
    assert os.getpid() not in dict(each(where, [1], 1, listener=print)).values()
    tell("nobody")  # listens here
    assert not stopping()


def test_an_error_stops_the_other_workers() -> None:
    heard: list[object] = []
    with pytest.raises(InputError, match="thirteen"):
        dict(each(wait_for_the_end, [0, 13], 2, listener=lambda *message: heard.append(message)))
    assert heard == [("ended", True)]
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize(("number", "line"), [(signal.SIGINT, "KeyboardInterrupt"), (signal.SIGKILL, "")])
def test_ctrl_c_and_a_kill_leave_no_worker(tmp_path: Path, number: int, line: str) -> None:
    script = (
        "from tests.datamodules.support.test_processes import each, wait_for_the_end\n"
        "heard = lambda *message: print(*message, flush=True)\n"
        "print('begun', flush=True)\n"
        "list(each(wait_for_the_end, [0, 1], 2, listener=heard))\n"
    )
    command = [sys.executable, "-c", script]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    time.sleep(2)
    process.send_signal(number)
    said, errors = process.communicate(timeout=50)  # returns only when the workers, which share its pipes, are gone
    assert process.returncode
    assert line in errors
    assert said == ("ended True\n" * 2 if number == signal.SIGINT else "")
