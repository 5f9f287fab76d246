"""The command line: quick help, one line for each mistake, options that arrive where they belong."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from medrepro.datamodules.support.errors import ended_early
from medrepro.reproduce import command as _cli
from medrepro.reproduce import egfr
from medrepro.reproduce.plan.identity import ROOT
from medrepro.reproduce.plan.paper import load


def fails(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.raises(SystemExit) as stop:
        egfr.main(list(words))
    captured = capsys.readouterr()
    assert stop.value.code == 2
    assert captured.out == ""
    lines = captured.err.strip().splitlines()
    assert len(lines) == 1, captured.err
    assert "Traceback" not in lines[0]
    return lines[0]


MISTAKES = [
    (["--table", "99"], "--table 99: not known; allowed: "),
    (["--figure", "99"], "--figure 99: not known"),
    (["--tabel", "5"], "unrecognized arguments: --tabel 5"),
    (["--preset", "fast"], "--preset fast: not known; allowed: quick, judge, smoke, paper"),
    (["--data", "mine"], "--data mine: not known; allowed: embedded, embedded-matched, lidc-nodules"),
    (["--data", "lidc-nodules", "--data-root", "/nowhere"], "--data-root /nowhere: no such folder"),
    (["--seeds", "one"], "seeds"),
    (["--epochs", "0"], "--epochs 0: must be at least 1"),
    (["--devices", "0"], "--devices 0: must be at least 1"),
    (["--jobs", "-1"], "--jobs -1: must be at least 1"),
    (["--workers", "0"], "--workers 0: must be at least 1"),
    (["--storage", "mysql://me:secret@h/db"], "--storage mysql://me:***@h/db: not known; allowed: sqlite:///FILE"),
    (["--precision", "8"], "--precision 8: not known; allowed: 32-true"),
    (["--accelerator", "abacus"], "--accelerator abacus: not known"),
    (["--split", "slice"], "--split slice: not known; allowed: patient, image"),
    (["--table", "5", "--study", "margin"], "choose one of --table, --figure and --study"),
    (["--config", "/nowhere.yaml"], "/nowhere.yaml"),
]


@pytest.mark.parametrize(("words", "message"), MISTAKES)
def test_a_mistake_is_one_line(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(MISTAKES) == 17
    monkeypatch.delenv("MEDREPRO_DATA", raising=False)
    assert message in fails(capsys, *words)


def test_real_data_without_a_root(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MEDREPRO_DATA", raising=False)
    assert "--data lidc-nodules needs --data-root DIR (or MEDREPRO_DATA)" in fails(capsys, "--data", "lidc-nodules")


def test_missing_file_names_file_root_and_content(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "run")
    line = fails(capsys, "--data", "lidc-nodules", "--data-root", str(tmp_path), "--out", out, "--preset", "smoke")
    assert "lidc_masked_nodules.npz not found: --data-root must be the folder that holds" in line
    assert not list((tmp_path / "run").rglob("*.json"))


def test_unwritable_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert "choose another folder by --out" in fails(capsys, "--out", str(tmp_path / "file"), "--preset", "smoke")


def test_help_is_quick_and_imports_no_torch() -> None:
    code = "import sys; from medrepro.reproduce import egfr\ntry: egfr.main(['--help'])\nexcept SystemExit: pass\n"
    check = "heavy = {'torch', 'pytorch_lightning', 'monai', 'pandas'} & set(sys.modules); assert not heavy, heavy"
    done = subprocess.run([sys.executable, "-c", code + check], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "--table" in done.stdout
    assert "--data-root" in done.stdout


def test_runs_from_any_folder_and_names_the_fix_when_not_installed(tmp_path: Path) -> None:
    script = str(ROOT / "reproduce" / "egfr.py")
    there = subprocess.run(
        [sys.executable, script, "--help"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert there.returncode == 0
    bare = subprocess.run(
        [sys.executable, "-I", "-S", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert bare.returncode == 1
    assert bare.stderr.startswith("medrepro is not installed")
    assert len(bare.stderr.strip().splitlines()) == 1


def test_module_arguments_reach_the_cells(tmp_path: Path) -> None:
    words = ["--out", str(tmp_path), "--preset", "smoke", "--module.margin", "0.9", "--datamodule.batch_size", "24"]
    (options,) = _cli.parse(load("egfr"), words)
    cells = load("egfr").plan(options).cells
    assert len(cells) == 4
    assert all(cell.config["module"]["margin"] == 0.9 for cell in cells)
    assert all(cell.config["data"]["batch_size"] == 24 for cell in cells)
    assert "lr" not in options.module


def test_printed_config_can_be_given_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        egfr.main(["--preset", "smoke", "--seeds", "3", "4", "--module.margin", "0.7", "--print_config"])
    assert stop.value.code == 0
    path = tmp_path / "my.yaml"
    path.write_text(capsys.readouterr().out)
    (options,) = _cli.parse(load("egfr"), ["--config", str(path)])
    assert options.seeds == (3, 4)
    assert options.preset == "smoke"
    assert options.module == {"margin": 0.7}


def test_table_all_is_every_table() -> None:
    found = [options.target for options in _cli.parse(load("egfr"), ["--table", "all"])]
    assert found == [target for target in load("egfr").offered if target.startswith("table")]


def test_options_are_written_beside_the_report_as_json() -> None:
    (options,) = _cli.parse(load("egfr"), ["--preset", "smoke"])
    assert json.loads(json.dumps(vars(options)))["preset"] == "smoke"


def test_an_empty_data_file_is_named_though_its_reader_did_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def reads_nothing(*_: object) -> None:
        with (tmp_path / "scans" / "empty.npz").open("rb") as stream:
            np.load(stream, allow_pickle=False)

    (tmp_path / "scans").mkdir()
    (tmp_path / "scans" / "empty.npz").touch()
    (tmp_path / "scans" / "full.npz").write_bytes(b"not empty")
    monkeypatch.setattr(_cli, "run_job", reads_nothing)
    line = fails(capsys, "--data", "lidc-nodules", "--data-root", str(tmp_path))
    assert f"{tmp_path / 'scans' / 'empty.npz'}: empty" in line
    assert "full.npz" not in line


def test_a_file_that_ends_too_early_is_sought_below_the_data_root(tmp_path: Path) -> None:
    line = ended_early(EOFError("No data left in file"), tmp_path)
    assert str(tmp_path) in line
    assert "No data left in file" in line
