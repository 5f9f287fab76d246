"""Progress off a terminal: a line every tenth, on stderr, nothing when quiet."""

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
