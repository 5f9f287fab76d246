"""Counted cells: Table I from images, Table II from networks."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from medrepro.reproduce import command as _cli
from medrepro.reproduce.papers.quadsnet.compute import count_images, count_parameters
from medrepro.reproduce.papers.quadsnet.protocol import NETWORKS, PROTOCOL
from medrepro.reproduce.plan.options import Options
from medrepro.reproduce.plan.paper import load
from medrepro.reproduce.plan.protocol import Variant
from medrepro.reproduce.run.execute import execute
from medrepro.reproduce.run.outcome import Context
from tests.datamodules._pictures import kermany_tree, picture, save

OPTIONS = Options(command="c", target="t", out="runs/x")
TABLE_II = {  # with BatchNorm statistics, trainable
    "qn": (5_246_568, 5_242_728),
    "dn": (8_062_504, 7_978_856),
    "mn": (4_253_864, 4_231_976),
    "vg": (138_357_544, 138_357_544),
    "xc": (22_910_480, 22_855_952),
    "rn": (25_610_152, 25_557_032),
    "in": (23_869_000, 23_834_568),
}


def test_all_seven_are_counted() -> None:
    assert set(TABLE_II) == set(NETWORKS)


@pytest.mark.parametrize("short", ["qn", "mn", "rn"])
def test_parameters(short: str) -> None:
    check_parameters(short)


@pytest.mark.slow
@pytest.mark.parametrize("short", ["dn", "in", "vg", "xc"])
def test_parameters_of_the_large(short: str) -> None:
    check_parameters(short)


def check_parameters(short: str) -> None:
    (cell,) = PROTOCOL.counted(OPTIONS, "2", [Variant(short, short, {"network": NETWORKS[short][0]})])
    metrics = count_parameters(cell, Context()).metrics
    assert (metrics["parameters/keras-total"], metrics["parameters/own"]) == TABLE_II[short]
    assert float(metrics["macs/here"]) > 0.5


def test_images_parts_classes_and_copies(tmp_path: Path) -> None:
    kermany_tree(tmp_path / "chest_xray")
    save(tmp_path / "chest_xray" / "test" / "NORMAL" / "copy.png", picture(0))
    variant = Variant("theta1", "x", data={"data": "chest-xray", "data_root": str(tmp_path)})
    (cell,) = PROTOCOL.counted(replace(OPTIONS, preset="smoke"), "1", [variant])
    outcome = count_images(cell, Context())
    assert outcome.metrics == {
        "images/all": 34, "images/classes": 2, "images/ratio": 22 / 12, "images/copies": 1,
        "images/train": 18, "images/val": 6, "images/test": 10,
    }  # fmt: skip
    assert "1 in test and train" in outcome.data["duplicates"]
    assert json.dumps(dict(outcome.data))


def test_table_4_has_both_baselines_of_each_data_set(tmp_path: Path) -> None:
    kermany_tree(tmp_path / "chest_xray")
    words = ["--table", "4", "--preset", "smoke", "--data", "thetas", "--data-root", str(tmp_path)]
    (options,) = _cli.parse(load("quadsnet"), [*words, "--out", str(tmp_path / "run")])
    cells = {cell.row: cell for cell in load("quadsnet").plan(options).cells}
    assert set(cells) == {"theta1-qn", "theta1-majority", "theta1-grey"}
    for row in ("theta1-majority", "theta1-grey"):
        assert cells[row].config["module"] == {}
        execute(cells[row], Context())
        frame = pd.read_parquet(cells[row].path.with_suffix(".parquet"))
        assert len(frame) == 9
        assert set(frame["label"]) == {0, 1}
        np.testing.assert_allclose(frame["prob_0"] + frame["prob_1"], 1)
        assert (np.ptp(frame["prob_1"]) == 0) == (row == "theta1-majority")
