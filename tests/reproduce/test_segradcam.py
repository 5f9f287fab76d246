"""The segradcam command: every target is planned, wrong words cost one line."""

from dataclasses import replace

import pytest

from medrepro.datamodules.support.errors import InputError
from medrepro.lightning_modules.segradcam import SEGradCAMModule
from medrepro.reproduce import segradcam
from medrepro.reproduce.papers.segradcam.protocol import PRESETS
from medrepro.reproduce.papers.segradcam.tables import COMPARATORS
from medrepro.reproduce.plan.options import Options
from medrepro.reproduce.plan.paper import load
from medrepro.reproduce.plan.protocol import TUNING

TARGETS = tuple(load("segradcam").offered)


def options(target: str, preset: str = "quick") -> Options:
    out = f"runs/segradcam-{target.replace(' ', '')}-{preset}"
    return Options(command="python reproduce/segradcam.py", target=target, preset=preset, out=out)


@pytest.mark.parametrize("preset", list(PRESETS))
@pytest.mark.parametrize("target", TARGETS)
def test_every_target_is_planned_and_its_cells_fill_its_rows(target: str, preset: str) -> None:
    job = load("segradcam").plan(options(target, preset))
    rows = {row.id for row in job.spec.rows if not row.reason}
    assert {cell.row for cell in job.cells} == rows
    assert {cell.table for cell in job.cells} == {job.spec.number}
    folder = f"runs/segradcam-tablesummary-{preset}"
    assert {cell.out for one in (*job.before, job) for cell in one.cells} == {folder}


@pytest.mark.parametrize("preset", list(PRESETS))
def test_what_rests_on_the_network_names_the_very_cells_of_the_network(preset: str) -> None:
    trained = {cell.config_sha256 for cell in load("segradcam").plan(options("table network", preset)).cells}
    for target in ("table 3", "table 4", "figure 10", "figure 12", "study se"):
        cells = load("segradcam").plan(options(target, preset)).cells
        resting = [need for cell in cells for need in cell.needs if not need.table.endswith(TUNING)]
        assert resting
        assert {need.config_sha256 for need in resting} <= trained


def test_data_without_masks_are_classified_and_not_explained() -> None:
    job = load("segradcam").plan(replace(options("table summary"), data="nodulemnist3d", data_root="."))
    assert job.spec.number == "network"
    assert [cell.config["data"]["data"] for cell in job.cells] == ["nodulemnist3d"]
    with pytest.raises(InputError, match="carries no nodule masks"):
        load("segradcam").plan(replace(options("figure 12"), data="nodulemnist3d", data_root="."))


def test_paper_preset_is_the_paper_s_protocol() -> None:
    cells = load("segradcam").plan(options("table network", "paper")).cells
    trained = [cell for cell in cells if cell.epochs]
    assert len(trained) == 10
    assert trained[0].config["train"] == {"epochs": 150, "select": "last", "precision": "32-true"}
    assert set(trained[0].config["module"]) == {"epochs", "seed"}


def test_luna16_s_own_scans_are_counted_where_their_list_is_given() -> None:
    without = load("segradcam").plan(options("table population"))
    listed = load("segradcam").plan(replace(options("table population"), flags={"luna16": "lists"}))
    assert [row.reason for row in without.spec.rows] == ["", "needs LUNA16's list of scans: --luna16 DIR"]
    assert [row.reason for row in listed.spec.rows] == ["", ""]
    assert [cell.row for cell in without.cells] == ["luna16-rule"]
    assert [cell.row for cell in listed.cells] == ["luna16-rule", "luna16-scans"]


def test_quick_compares_on_one_fold_and_the_paper_on_all() -> None:
    def folds(preset: str, wanted: int | None = None) -> set[int]:
        return {cell.fold for cell in load("segradcam").plan(replace(options("table 4", preset), folds=wanted)).cells}

    assert folds("quick") == {0}
    assert folds("quick", 3) == {0, 1, 2}
    assert folds("paper") == set(range(10))


@pytest.mark.parametrize("preset", ["paper", "quick"])
def test_comparators_have_the_network_s_budget(preset: str) -> None:
    planned = load("segradcam").plan(options("table 4", preset)).cells
    cells = {cell.row: cell.needs[0] if cell.needs else cell for cell in planned}
    counts = {
        row: sum(p.numel() for p in SEGradCAMModule(**cell.config["module"]).network.parameters())
        for row, cell in cells.items()
    }
    assert set(counts) == {*COMPARATORS, "se-relu", "senet"}
    assert all(abs(count / counts["senet"] - 1) < 0.05 for count in counts.values()), counts


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--table", "7"], "allowed: summary, population"),
        (["--data", "mri"], "allowed: embedded, embedded-matched, lidc, nodulemnist3d"),
        (["--explain", "x.npy"], "required"),
        (["--explain", "x.npy", "--point", "1,2", "--checkpoint", "x"], "x: no such file"),
    ],
)
def test_wrong_words_are_one_line(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        segradcam.main(words)
    error = capsys.readouterr().err
    assert stopped.value.code == 2
    assert message in error
    assert error.count("\n") == 1
