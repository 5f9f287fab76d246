"""The one command: its index, what a failing part does, and the list of blank rows."""

from collections.abc import Callable
from pathlib import Path

import pytest

from medrepro.reproduce import everything as command


def write_report(_: str, preset: str, out: Path) -> Callable[[], int]:
    def work() -> int:
        out.mkdir(parents=True)
        (out / "report.html").write_text(preset, encoding="utf-8")
        return 0

    return work


def fail(code: int) -> Callable[[str, str, Path], Callable[[], int]]:
    def work() -> int:
        raise SystemExit(code)

    return lambda _key, _preset, _out: work


def test_one_index_links_to_every_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "_paper", write_report)
    assert command.main(["multiscale", "--smoke", "--out", str(tmp_path), "--results", str(tmp_path)]) == 0
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    for link in ("audit/audit.html", "claims/claims.html", "multiscale/report.html"):
        assert f'href="{link}"' in page
        assert (tmp_path / link).is_file()
    assert "its numbers measure nothing" in page
    assert (tmp_path / "multiscale/report.html").read_text(encoding="utf-8") == "smoke"
    assert capsys.readouterr().out.rstrip().endswith(f"report {tmp_path / 'index.html'}")


def test_a_part_that_fails_does_not_stop_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "_paper", fail(2))
    assert command.main(["multiscale", "--out", str(tmp_path), "--results", str(tmp_path)]) == 1
    assert "failed with exit code 2 A Lung Image" in capsys.readouterr().out
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert 'href="multiscale/report.html"' not in page
    assert 'href="audit/audit.html"' in page


def test_ctrl_c_stops_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "_paper", fail(130))
    with pytest.raises(SystemExit) as stopped:
        command.main(["multiscale", "--out", str(tmp_path), "--results", str(tmp_path)])
    assert stopped.value.code == 130


def test_check_lists_blank_rows_and_runs_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["multiscale", "--check", "--results", str(tmp_path), "--out", str(tmp_path / "none")]) == 1
    out = capsys.readouterr().out
    assert "multiscale table 3 ifm: 3 of 3 cells without a result" in out
    assert "multiscale table 3 ol: blank: a number the paper cites" in out
    assert not (tmp_path / "none").exists()


def test_unknown_papers_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        command.main(["egrf"])
    assert stopped.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.slow
def test_smoke_runs_every_paper(tmp_path: Path) -> None:
    assert command.main(["--smoke", "--out", str(tmp_path)]) == 0
    assert len(list(tmp_path.glob("*/report.html"))) == 5
