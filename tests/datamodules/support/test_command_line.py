"""One-line errors and exit codes of the commands that train nothing."""

import subprocess
import sys

import pytest

from medrepro.datamodules.support.command_line import OneLineParser, guarded
from medrepro.datamodules.support.errors import InputError


def raising(error: BaseException) -> int:
    raise error


@pytest.mark.parametrize(
    ("error", "code"),
    [(InputError("a\n  b"), 2), (FileNotFoundError("a b"), 2), (PermissionError("a b"), 2), (KeyboardInterrupt(), 130)],
)
def test_errors_become_one_line(error: BaseException, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        guarded("tool.py", lambda: raising(error))
    assert stopped.value.code == code
    assert capsys.readouterr().err in ("tool.py: error: a b\n", "tool.py: stopped\n")


def test_other_errors_and_results_pass() -> None:
    assert guarded("tool.py", lambda: 1) == 1
    with pytest.raises(ZeroDivisionError):
        guarded("tool.py", lambda: 1 // 0)


def test_the_parser_points_to_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        OneLineParser(prog="tool.py").parse_args(["--nothing"])
    assert capsys.readouterr().err == "tool.py: error: unrecognized arguments: --nothing; see --help\n"


def test_a_reader_that_has_had_enough_is_no_traceback() -> None:
    code = (
        "from medrepro.datamodules.support.command_line import guarded; "
        "guarded('t', lambda: [print(i) for i in range(10**6)] and 0)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"0\n"
        process.stdout.close()
        errors = process.stderr.read() if process.stderr else b"?"
    assert (errors, process.returncode) == (b"", 141)
