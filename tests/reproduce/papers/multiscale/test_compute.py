"""How cells are run: an ensemble's weights never see the test part, counts come from code and annotations."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from medrepro.datamodules.support.errors import InputError
from medrepro.reproduce.papers.multiscale.compute import ensemble, validation_path
from medrepro.reproduce.papers.multiscale.counts import parameters
from medrepro.reproduce.plan.cell import Cell
from medrepro.reproduce.run.outcome import Context

MEMBERS = ("32-ce", "48-ce", "64-ce")


def cell(out: Path) -> Cell:
    members = tuple(_cell(out, row, {"scale": int(row[:2])}) for row in MEMBERS)
    return replace(_cell(out, "ensemble-ce", {}), needs=members)


def _cell(out: Path, row: str, data: dict[str, int]) -> Cell:
    return Cell("multiscale", "scales", row, row, 0, 0, "quick", {"module": {}, "data": data}, str(out))


def part(labels: np.ndarray, noise: float, seed: int) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    names = [f"n{i:02d}" for i in range(len(labels))]
    scores = np.clip(0.5 + 0.2 * (labels - 0.5) + noise * generator.normal(size=len(labels)), 0, 1)
    return pd.DataFrame({"sample_id": names, "patient_id": names, "label": labels, "prob_1": scores})


def write_members(out: Path, flip: bool = False) -> None:
    """Three members, the second the best on validation; ``flip`` exchanges the labels of the test part."""
    labels = np.arange(40) % 2
    for number, row in enumerate(MEMBERS):
        path = cell(out).path.with_name(f"{row}__0__0.json")
        path.parent.mkdir(parents=True, exist_ok=True)
        part(labels, (0.5, 0.05, 0.5)[number], number).to_parquet(path.with_suffix(".val.parquet"))
        test = part(labels, 0.1, 10 + number)
        test.assign(label=1 - labels if flip else labels, baseline_diameter=0.5).to_parquet(
            path.with_suffix(".parquet")
        )
        result = {"data": {"name": "embedded"}, "marks": [], "metrics": {}, "history": {}, "predictions": "there"}
        path.write_text(json.dumps({**result, "parameters": 100 + number, "macs": 10}))


def test_an_ensemble_is_equation_4_by_weights_from_validation(tmp_path: Path) -> None:
    write_members(tmp_path)
    outcome = ensemble(cell(tmp_path), Context())
    weights = [float(outcome.metrics[f"weight/{scale}"]) for scale in (32, 48, 64)]
    assert sum(weights) == pytest.approx(1)
    assert weights[1] > max(weights[0], weights[2])
    tests = [pd.read_parquet(cell(tmp_path).path.with_name(f"{row}__0__0.parquet")) for row in MEMBERS]
    expected = sum(w * frame["prob_1"] for w, frame in zip(weights, tests, strict=True))
    assert outcome.predictions is not None
    np.testing.assert_allclose(outcome.predictions["prob_1"], expected, atol=1e-6)
    np.testing.assert_allclose(outcome.predictions["prob_0"] + outcome.predictions["prob_1"], 1, atol=1e-6)
    assert (outcome.parameters, outcome.macs) == (303, 30)
    assert "baseline_diameter" in outcome.predictions


def test_other_test_labels_give_the_same_weights(tmp_path: Path) -> None:
    write_members(tmp_path / "a")
    write_members(tmp_path / "b", flip=True)
    assert ensemble(cell(tmp_path / "a"), Context()).metrics == ensemble(cell(tmp_path / "b"), Context()).metrics


def test_members_of_other_samples_are_refused(tmp_path: Path) -> None:
    write_members(tmp_path)
    path = cell(tmp_path).path.with_name("48-ce__0__0.val.parquet")
    frame = pd.read_parquet(path)
    frame.iloc[::-1].reset_index(drop=True).to_parquet(path)
    with pytest.raises(InputError, match="members saw different samples"):
        ensemble(cell(tmp_path), Context())


def test_a_missing_member_is_named(tmp_path: Path) -> None:
    write_members(tmp_path)
    path = validation_path(cell(tmp_path)).with_name("64-ce__0__0.val.parquet")
    path.unlink()
    with pytest.raises(InputError, match=r"64-ce__0__0.val.parquet is missing"):
        ensemble(cell(tmp_path), Context())


def test_the_codes_defaults_are_the_papers_parameters() -> None:
    assert parameters() == {
        "resblock-layers": 4,
        "batch-size": 120,
        "dropout": 0.5,
        "optimizer": "Adam",
        "learning-rate": 1e-3,
        "hidden-layer-size": 486,
        "epoch": 120,
    }
