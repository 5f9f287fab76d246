"""Collecting: finished cells only, no smoke, no private paths, each data set in a folder of its own."""

import json
from pathlib import Path

import pytest

from medrepro.datamodules.support.errors import InputError
from medrepro.reproduce.evaluation.collect import collect, main


def cell(
    run: Path, preset: str = "quick", data: str = "embedded", root: str | None = None, said: str | None = None
) -> Path:
    path = run / "results" / "egfr" / "5" / "ce__0__0.json"
    path.parent.mkdir(parents=True)
    config = {"data": {"data": data, "data_root": root}}
    command = f"python reproduce/egfr.py --data {said or data} --data-root {root}"
    path.write_text(json.dumps({"key": "egfr", "preset": preset, "config": config, "command": command}))
    path.with_suffix(".parquet").write_bytes(b"predictions")
    return path


def test_copies_result_and_predictions(tmp_path: Path) -> None:
    source = cell(tmp_path / "run")
    assert collect(tmp_path / "run", tmp_path / "kept") == 1
    kept = tmp_path / "kept" / "egfr" / "5" / "ce__0__0.json"
    assert kept.read_text() == source.read_text()
    assert kept.with_suffix(".parquet").read_bytes() == b"predictions"


def test_other_data_lie_beside_and_lose_their_path(tmp_path: Path) -> None:
    cell(tmp_path / "run", data="lidc-nodules", root="/home/anna/data")
    collect(tmp_path / "run", tmp_path / "kept")
    text = (tmp_path / "kept" / "egfr" / "5-lidc-nodules" / "ce__0__0.json").read_text()
    assert "anna" not in text
    assert json.loads(text)["config"]["data"]["data_root"] == "DIR"


def test_a_table_of_several_data_sets_stays_in_one_folder(tmp_path: Path) -> None:
    cell(tmp_path / "run", data="covid-ct", root="data", said="thetas")
    collect(tmp_path / "run", tmp_path / "kept")
    assert (tmp_path / "kept" / "egfr" / "5-thetas" / "ce__0__0.json").is_file()


def test_a_relative_root_is_replaced_where_it_is_the_root_only(tmp_path: Path) -> None:
    cell(tmp_path / "run", data="covid-ct", root="data")
    collect(tmp_path / "run", tmp_path / "kept")
    kept = json.loads((tmp_path / "kept" / "egfr" / "5-covid-ct" / "ce__0__0.json").read_text())
    assert kept["config"]["data"] == {"data": "covid-ct", "data_root": "DIR"}
    assert kept["command"] == "python reproduce/egfr.py --data covid-ct --data-root DIR"


def test_two_folders_of_images_lie_apart(tmp_path: Path) -> None:
    for name in ("skin", "moles"):
        cell(tmp_path / name, data="folder", root=f"/home/anna/{name}")
        collect(tmp_path / name, tmp_path / "kept")
    kept = sorted(path.name for path in (tmp_path / "kept" / "egfr").iterdir())
    assert kept == ["5-folder+moles", "5-folder+skin"]


def test_smoke_is_refused(tmp_path: Path) -> None:
    cell(tmp_path / "run", preset="smoke")
    with pytest.raises(InputError, match="a smoke result measures nothing"):
        collect(tmp_path / "run", tmp_path / "kept")


def test_an_empty_run_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([str(tmp_path)])
    assert stop.value.code == 2
    assert "no finished cells" in capsys.readouterr().err
