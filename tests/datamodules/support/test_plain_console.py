"""The console of the commands that train nothing."""

import pytest

from medrepro.datamodules.support.command_line import PLAIN_TEXT_WIDTH, plain_console


def test_output_to_a_file_is_plain_and_keeps_long_lines_whole(capsys: pytest.CaptureFixture[str]) -> None:
    line = "word " * PLAIN_TEXT_WIDTH
    plain_console().print(f"[bold]{line}[/bold]")
    assert capsys.readouterr().out == f"{line}\n"
