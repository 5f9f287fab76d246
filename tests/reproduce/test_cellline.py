import subprocess
import sys
from pathlib import Path

import pytest

from medrepro.reproduce import cellline


def test_the_help_needs_no_torch() -> None:
    code = "import sys, medrepro.reproduce.cellline; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--table", "11"], "--table 11: not known; allowed: 5, 1, 2"),
        (["--study", "depth"], "--study depth: not known; allowed: resize, head, batch"),
        (["--data", "breakhis"], "--data breakhis needs --data-root"),
        (["--preset", "smoke", "--weights", "absent.pth"], "no weights file at absent.pth"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("MEDREPRO_DATA", raising=False)
    with pytest.raises(SystemExit) as caught:
        cellline.main([*words, "--out", str(tmp_path)])
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


@pytest.mark.slow
def test_the_smoke_preset_runs_to_its_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--preset", "smoke", "--folds", "1", "--out", str(tmp_path), "--cache-dir", str(tmp_path / "cache")]
    assert cellline.main(words) == 0
    assert (tmp_path / "report.html").stat().st_size < 3_000_000
    assert "needs --weights PATH" in capsys.readouterr().out
    assert cellline.main([*words, "--quiet"]) == 0  # everything is reused
