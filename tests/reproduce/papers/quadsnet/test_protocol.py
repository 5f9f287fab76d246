"""The quadsnet protocol: the paper preset is the paper's, presets say what they change, sizes are per data set."""

import pytest

from medrepro.reproduce.papers.quadsnet import studies
from medrepro.reproduce.papers.quadsnet.protocol import CANDIDATES, PROTOCOL, QUICK_DATA, QUICK_WIDTHS, THETA_OF
from medrepro.reproduce.plan.cell import Cell
from medrepro.reproduce.plan.options import Options
from medrepro.reproduce.plan.protocol import EMBEDDED, Variant


def options(preset: str = "quick", data: str = EMBEDDED, **more: object) -> Options:
    return Options(command="c", target="table 3", preset=preset, data=data, out="runs/x", **more)  # type: ignore[arg-type]  # fields by name


def only(found: tuple[Cell, ...]) -> Cell:
    assert len(found) == 1
    return found[0]


def one(preset: str, data: str, **more: object) -> Cell:
    return only(PROTOCOL.cells(options(preset, data, seeds=(0,), **more), "3", [Variant("qn", "QuadSNet")]))


def test_the_paper_preset_changes_nothing_of_the_papers() -> None:
    config = one("paper", "covid-ct").config
    assert set(config["module"]) == {"epochs", "seed"}
    assert config["train"] == {"epochs": 100, "select": "best", "precision": "32-true"}
    assert config["data"]["image_size"] == 224
    assert not {"imbalance", "train_limit", "limit"} & set(config["data"])


@pytest.mark.parametrize("data", [EMBEDDED, "folder", "oct", *QUICK_DATA])
def test_every_quick_cell_completes_three_epochs(data: str) -> None:
    config = one("quick", data).config
    assert config["train"]["epochs"] == config["module"]["epochs"] >= 3
    assert "epochs" not in config["data"]
    assert (config["module"].get("widths") == QUICK_WIDTHS) == (data == EMBEDDED)
    assert config["data"].get("imbalance", 0) == (10 if data == EMBEDDED else 0)


def test_the_user_has_the_last_word() -> None:
    cell = one("quick", "covid-ct", epochs=7, module={"lr": 0.5}, datamodule={"image_size": 99})
    assert cell.config["train"]["epochs"] == cell.config["module"]["epochs"] == 7
    assert cell.config["module"]["lr"] == 0.5
    assert cell.config["data"]["image_size"] == 99


def test_studies_have_their_seeds_unless_others_are_asked_for() -> None:
    def seeds(found: tuple[Cell, ...]) -> list[int]:
        return sorted({cell.seed for cell in found})

    assert seeds(studies.imbalance(options()).cells) == [0, 1, 2, 3, 4]
    assert seeds(studies.losses(options()).cells) == [0, 1, 2]
    assert seeds(studies.imbalance(options(seeds=(7,))).cells) == [7]
    assert seeds(studies.imbalance(options("smoke")).cells) == [0]


def test_counted_cells_train_nothing() -> None:
    cell = only(PROTOCOL.counted(options(), "2", [Variant("qn", "QuadSNet", {"network": "quadsnet"})]))
    assert cell.config == {"module": {"network": "quadsnet"}, "data": {}}
    assert cell.epochs is None


def test_seven_thetas_and_what_stands_for_them() -> None:
    assert list(CANDIDATES) == [f"theta{number}" for number in range(1, 8)]
    assert len(THETA_OF) == 10


@pytest.mark.parametrize(("preset", "data", "absent"), [("paper", "mnist", "quick:"), ("quick", "mnist", "1:10")])
def test_only_assumptions_that_touch_the_run_are_listed(preset: str, data: str, absent: str) -> None:
    found = PROTOCOL.assumptions(options(preset, data))
    assert not any(absent in text for text in found)
    for word in ("quick:", "1:10"):
        assert any(word in text for text in PROTOCOL.assumptions(options()))
