"""The multiscale command: every target is planned, Table 1 is counted, wrong words are one line."""

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from medrepro.datamodules.support.errors import InputError
from medrepro.reproduce import multiscale
from medrepro.reproduce.evaluation.results import read_results
from medrepro.reproduce.papers.multiscale.counts import count_level
from medrepro.reproduce.papers.multiscale.protocol import CLASSIFIER
from medrepro.reproduce.plan.options import Options
from medrepro.reproduce.plan.paper import load
from medrepro.reproduce.printed.load import load_paper
from medrepro.reproduce.run.outcome import Context

TARGETS = tuple(load("multiscale").offered)
MEASURED = {"level-1": 324, "level-2": 826, "level-3": 956, "level-4": 430, "level-5": 115, "all": 2651}


def options(target: str, preset: str = "quick") -> Options:
    out = f"runs/multiscale-{target.replace(' ', '')}-{preset}"
    return Options(command="python reproduce/multiscale.py", target=target, preset=preset, out=out)


def test_the_scales_come_first() -> None:
    assert TARGETS[0] == "study scales"


@pytest.mark.parametrize("preset", list(CLASSIFIER))
@pytest.mark.parametrize("target", TARGETS)
def test_every_target_is_planned_and_its_cells_fill_its_rows(target: str, preset: str) -> None:
    job = load("multiscale").plan(options(target, preset))
    rows = {row.id for row in job.spec.rows if not row.reason}
    assert rows <= {cell.row for cell in job.cells}
    assert {cell.table for cell in job.cells} == {job.spec.source or job.spec.number}
    assert len({(cell.row, cell.seed, cell.fold) for cell in job.cells}) == len(job.cells)


@pytest.mark.parametrize("target", ["study scales", "table 3"])
def test_an_ensemble_rests_on_cells_of_its_own_job(target: str) -> None:
    cells = load("multiscale").plan(options(target, "paper")).cells
    trained = {cell.config_sha256 for cell in cells if cell.epochs}
    ensembles = [cell for cell in cells if cell.needs]
    assert ensembles
    for cell in ensembles:
        assert {member.config_sha256 for member in cell.needs} <= trained
        assert [member.config["data"]["scale"] for member in cell.needs] == [32, 48, 64]
        assert cell.epochs is None


def test_the_default_shows_table_1_first() -> None:
    (first,) = load("multiscale").plan(options("study scales")).before
    assert first.spec.number == "1"


def test_figure_5_reads_table_4s_runs() -> None:
    figure, table = (load("multiscale").plan(options(target)) for target in ("figure 5", "table 4"))
    assert {cell.path for cell in figure.cells} <= {cell.path for cell in table.cells}


def test_the_figure_numbered_4_leaves_the_cells_of_table_4_alone() -> None:
    figure, table = (load("multiscale").plan(options(target)) for target in ("figure 4", "table 4"))
    assert {cell.table for cell in figure.cells}.isdisjoint({cell.table for cell in table.cells})


def test_the_paper_preset_changes_nothing_of_the_defaults() -> None:
    cells = load("multiscale").plan(options("study scales", "paper")).cells
    trained = [cell for cell in cells if cell.epochs]
    assert len(trained) == 2 * 3 * 5  # losses, scales, folds
    assert set(trained[0].config["module"]) == {"network", "loss", "scale", "epochs", "seed"}
    assert trained[0].config["train"]["epochs"] == 120


def test_a_quick_cell_completes_at_least_three_epochs() -> None:
    for target in TARGETS:
        for cell in load("multiscale").plan(options(target)).cells:
            assert cell.epochs is None or cell.epochs >= 3


def test_table_1_counts_the_real_annotations() -> None:
    cells = load("multiscale").plan(options("table 1")).cells
    counts = {cell.row: count_level(cell, Context()).metrics["nodules/count"] for cell in cells}
    assert all(abs(float(counts[row]) - expected) <= 3 for row, expected in MEASURED.items())
    printed = load_paper("multiscale").table("1")
    assert all(abs(float(counts[row]) - (printed.value(row, "numbers") or 0)) <= 6 for row in printed.rows)


def test_cited_rows_stay_blank_with_their_reason() -> None:
    job = load("multiscale").plan(options("table 3"))
    blank = {row.id: row for row in job.spec.rows if row.reason}
    assert set(blank) == {"ol", "sd2023"}
    assert blank["ol"].paper["acc"] == "93.11±0.18"
    assert "ol" not in {cell.row for cell in job.cells}


def test_masks_are_embedded_only() -> None:
    with pytest.raises(InputError, match="has no nodule masks"):
        load("multiscale").plan(replace(options("table 4"), data="nodulemnist3d", data_root="."))


def test_real_cubes_are_neither_limited_nor_coarse() -> None:
    job = load("multiscale").plan(replace(options("study scales"), data="nodulemnist3d", data_root="."))
    data = job.cells[0].config["data"]
    assert "limit_patients" not in data
    assert "voxel_mm" not in data
    assert [line.id for line in job.spec.baselines] == ["majority"]
    assert job.before == ()


def test_printed_overlaps_that_cannot_be() -> None:
    table = load_paper("multiscale").table("4")
    impossible = []
    for row in table.rows:
        dice, jaccard = table.value(row, "dice"), table.value(row, "jaccard")
        assert dice is not None
        assert jaccard is not None
        if not dice / (2 - dice) <= jaccard <= dice:
            impossible.append(row)
    assert impossible == ["zi-net-dt"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--table", "7"], "allowed: 1, 3-parameters, 3, 4"),
        (["--study", "beta"], "allowed: scales, alpha, lambda"),
        (["--data", "mri"], "allowed: embedded, embedded-matched, lidc, nodulemnist3d"),
    ],
)
def test_wrong_words_are_one_line(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        multiscale.main(words)
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.slow
def test_a_smoke_run_of_the_default_and_of_the_ablation(tmp_path: Path) -> None:
    assert multiscale.main(["--preset", "smoke", "--quiet", "--out", str(tmp_path / "scales")]) == 0
    results = {result.row: result for result in read_results(tmp_path / "scales/results/multiscale/scales")}
    assert len(results) == 8
    chosen = results["ensemble-auc-ce"].content["metrics"]
    assert sum(chosen[f"weight/{scale}"] for scale in (32, 48, 64)) == pytest.approx(1)
    assert multiscale.main(["--table", "4", "--preset", "smoke", "--quiet", "--out", str(tmp_path / "masks")]) == 0
    for path in (tmp_path / "masks/results/multiscale/4").glob("*.parquet"):
        cases = pd.read_parquet(path)
        pd.testing.assert_series_equal(cases["jaccard"], cases["dice"] / (2 - cases["dice"]), check_names=False)
        metrics = json.loads(path.with_suffix(".json").read_text())["metrics"]
        assert metrics["image/dice"] == pytest.approx(cases["dice"].mean())
