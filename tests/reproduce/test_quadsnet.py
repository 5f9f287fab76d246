"""The quadsnet command: every target is planned, wrong words cost one line, the smoke preset runs to its report."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from medrepro.reproduce import quadsnet
from medrepro.reproduce.papers.quadsnet.protocol import PRESETS
from medrepro.reproduce.plan.options import Options
from medrepro.reproduce.plan.paper import load
from tests.datamodules._pictures import picture, save

TARGETS = tuple(load("quadsnet").offered)


def options(target: str, preset: str = "quick", data: str = "embedded", root: str | None = None) -> Options:
    out = f"runs/quadsnet-{target.replace(' ', '')}-{preset}"
    return Options(
        command="python reproduce/quadsnet.py", target=target, preset=preset, data=data, data_root=root, out=out
    )


def test_there_are_eight_targets_and_the_help_needs_no_torch() -> None:
    assert len(TARGETS) == 8
    code = "import sys, medrepro.reproduce.quadsnet; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("preset", list(PRESETS))
@pytest.mark.parametrize("target", TARGETS)
def test_every_target_is_planned_and_its_cells_fill_its_rows(target: str, preset: str) -> None:
    job = load("quadsnet").plan(options(target, preset))
    rows = {row.id for row in job.spec.rows if not row.reason}
    assert {cell.row for cell in job.cells} >= rows
    assert {cell.row for cell in job.cells} <= {row.id for row in job.spec.rows}
    assert {cell.table for cell in job.cells} <= {job.spec.number}


def test_figure_2_shares_the_cells_of_table_3() -> None:
    table, figure = (load("quadsnet").plan(options(target)) for target in ("table 3", "figure 2"))
    assert [cell.path for cell in figure.cells] == [cell.path for cell in table.cells]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--table", "5"], "--table 5: not known; allowed: 3, 1, 2, 4"),
        (["--study", "depth"], "allowed: streams, loss, imbalance"),
        (["--data", "covid-ct"], "--data covid-ct needs --data-root DIR"),
        (["--data", "thetas", "--data-root", "."], "--table 3 is of one data set"),
        (["--predict", "x.png"], "--checkpoint"),
        (["--predict", "x.png", "--checkpoint", "none.ckpt"], "no checkpoint none.ckpt: give a model.ckpt"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    words: list[str], message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.delenv("MEDREPRO_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as caught:
        quadsnet.main(words)
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def tree(root: Path) -> Path:
    """Dark and bright pictures, which three epochs can tell apart."""
    for number in range(60):
        name = "bright" if number % 2 else "dark"
        pixels = picture(number, 16, 16) // 4 + (150 if number % 2 else 0)
        save(root / name / f"{number}.png", pixels.astype("uint8"))
    return root


@pytest.mark.slow
def test_a_users_folder_is_trained_reported_and_applied(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root, out = tree(tmp_path / "images"), tmp_path / "run"
    words = ["--data", "folder", "--data-root", str(root), "--preset", "smoke", "--jobs", "1", "--out", str(out)]
    assert quadsnet.main(words) == 0
    assert (out / "report.html").stat().st_size < 3_000_000
    result = json.loads((out / "results" / "quadsnet" / "3" / "user-qn__0__0.json").read_text())
    assert result["data"]["classes"] == ["bright", "dark"]
    assert sum(result["data"]["class_counts"]) == result["data"]["n_samples"]["train"]
    checkpoint = out / "cells" / "3" / "user-qn__0__0" / "model.ckpt"
    applied = ["--predict", str(root), "--checkpoint", str(checkpoint), "--out", str(tmp_path / "applied")]
    assert quadsnet.main(applied) == 0
    assert "60 images" in capsys.readouterr().out
    assert len((tmp_path / "applied" / "predictions.csv").read_text().splitlines()) == 61


@pytest.mark.slow
@pytest.mark.real_data
@pytest.mark.parametrize("data", ["covid-ct", "skin", "pneumoniamnist", "mnist"])
def test_real_data_train_end_to_end(real_data: Path, tmp_path: Path, data: str) -> None:
    words = ["--data", data, "--data-root", str(real_data), "--preset", "smoke", "--out", str(tmp_path), "--quiet"]
    assert quadsnet.main(words) == 0
    results = sorted((tmp_path / "results" / "quadsnet" / "3").glob("*.json"))
    assert len(results) == 3
    assert all(json.loads(path.read_text())["data"]["name"] == data for path in results)
