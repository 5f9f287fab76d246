"""Collecting: finished cells only, packed by table, no smoke, no private paths, each data set by a name of its own."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from medrepro.datamodules.support.errors import InputError
from medrepro.reproduce.evaluation.collect import collect, main
from medrepro.reproduce.evaluation.results import Result, read_results, tables_in
from tests.reproduce._fakes import content, predictions, slices, write


def cell(
    run: Path,
    preset: str = "quick",
    data: str = "embedded",
    root: str | None = None,
    said: str | None = None,
    seed: int = 0,
    **changes: Any,
) -> Result:
    config = {"data": {"data": data, "data_root": root}}
    command = f"python reproduce/egfr.py --data {said or data} --data-root {root}"
    whole = content("ce", seed, preset=preset, config=config, command=command, **changes)
    return write(run / "results" / "egfr" / "5", whole, predictions(1.0, seed, slices(patients=5)))


def kept(tmp_path: Path, table: str) -> Result:
    (found,) = read_results(tmp_path / "kept" / "egfr" / table)
    return found


def test_packs_results_and_predictions(tmp_path: Path) -> None:
    source = cell(tmp_path / "run")
    assert collect(tmp_path / "run", tmp_path / "kept") == 1
    assert sorted(path.name for path in (tmp_path / "kept/egfr").iterdir()) == ["5.jsonl", "5.parquet"]
    found = kept(tmp_path, "5")
    assert found.content == source.content
    assert found.predictions is not None
    assert source.predictions is not None
    pd.testing.assert_frame_equal(found.predictions.frame, source.predictions.frame)


def test_results_are_added_and_replaced_cell_by_cell(tmp_path: Path) -> None:
    for name, seed, seconds in (("a", 0, 1.0), ("b", 1, 2.0), ("c", 0, 3.0)):
        cell(tmp_path / name, seed=seed, seconds=seconds)
        collect(tmp_path / name, tmp_path / "kept")
    found = read_results(tmp_path / "kept/egfr/5")
    assert [(one.run[0], one.content["seconds"]) for one in found] == [(0, 3.0), (1, 2.0)]


def test_other_data_lie_beside_and_lose_their_path(tmp_path: Path) -> None:
    cell(tmp_path / "run", data="lidc-nodules", root="/home/anna/data")
    collect(tmp_path / "run", tmp_path / "kept")
    assert "anna" not in (tmp_path / "kept/egfr/5-lidc-nodules.jsonl").read_text()
    assert kept(tmp_path, "5-lidc-nodules").content["config"]["data"]["data_root"] == "DIR"


def test_the_budget_that_judges_lies_beside(tmp_path: Path) -> None:
    cell(tmp_path / "run", preset="judge")
    collect(tmp_path / "run", tmp_path / "kept")
    assert kept(tmp_path, "5-judge").content["preset"] == "judge"


def test_a_table_of_several_data_sets_stays_in_one_place(tmp_path: Path) -> None:
    cell(tmp_path / "run", data="covid-ct", root="data", said="thetas")
    collect(tmp_path / "run", tmp_path / "kept")
    assert kept(tmp_path, "5-thetas").row == "ce"


def test_a_relative_root_is_replaced_where_it_is_the_root_only(tmp_path: Path) -> None:
    cell(tmp_path / "run", data="covid-ct", root="data")
    collect(tmp_path / "run", tmp_path / "kept")
    found = kept(tmp_path, "5-covid-ct").content
    assert found["config"]["data"] == {"data": "covid-ct", "data_root": "DIR"}
    assert found["command"] == "python reproduce/egfr.py --data covid-ct --data-root DIR"


def test_two_folders_of_images_lie_apart(tmp_path: Path) -> None:
    for name in ("skin", "moles"):
        cell(tmp_path / name, data="folder", root=f"/home/anna/{name}")
        collect(tmp_path / name, tmp_path / "kept")
    assert [place.name for place in tables_in(tmp_path / "kept/egfr")] == ["5-folder+moles", "5-folder+skin"]


def test_smoke_is_refused(tmp_path: Path) -> None:
    cell(tmp_path / "run", preset="smoke")
    with pytest.raises(InputError, match="a smoke result measures nothing"):
        collect(tmp_path / "run", tmp_path / "kept")


def test_an_empty_run_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([str(tmp_path)])
    assert stop.value.code == 2
    assert "no finished cells" in capsys.readouterr().err
