"""Work on several processes: every item once, errors of the work as they are, a dead worker in one line."""

import os
from pathlib import Path

import pytest

from medrepro.datamodules.support.errors import InputError
from medrepro.datamodules.support.processes import each


def square(number: int) -> int:
    if number == 13:
        raise InputError("thirteen")
    return number * number


def die(number: int) -> int:
    os._exit(number)


def where(number: int) -> int:
    return os.getpid()


@pytest.mark.parametrize("workers", [1, 2])
def test_every_item_once(workers: int) -> None:
    assert dict(each(square, range(8), workers)) == {number: number * number for number in range(8)}
    with pytest.raises(InputError, match="thirteen"):
        dict(each(square, [1, 13], workers))


def test_one_item_stays_in_this_process_and_none_is_fine() -> None:
    assert dict(each(where, [1], 4)) == {1: os.getpid()}
    assert dict(each(square, [], 4)) == {}


def test_a_worker_that_dies_is_said() -> None:
    with pytest.raises(InputError, match="a worker process died.*fewer --workers"):
        dict(each(die, [1, 2], 2))
    assert Path(f"/proc/{os.getpid()}").exists()
