"""Progress off a terminal: a line every tenth, on stderr, nothing when quiet."""

import threading

import pytest

from medrepro.datamodules.support.progress import reporter


def test_a_line_every_tenth(capsys: pytest.CaptureFixture[str]) -> None:
    with reporter("reading", total=40, done=20) as report:
        for _ in range(20):
            report()
    lines = capsys.readouterr().err.splitlines()
    assert lines == [f"reading: {number}/40" for number in (24, 28, 32, 36, 40)]


def test_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    with reporter("reading", total=2, quiet=True) as report:
        report()
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "")


def test_bytes_from_many_threads(capsys: pytest.CaptureFixture[str]) -> None:
    with reporter("toy", total=20_000_000, in_bytes=True) as report:
        threads = [threading.Thread(target=report, args=(2_000_000,)) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert capsys.readouterr().err.splitlines() == [f"toy: {done} of 20 MB" for done in range(2, 21, 2)]
