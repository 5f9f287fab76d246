"""Training a cell: what is kept, what stops it, what is written, and that half-written files never count."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import roc_auc_score

from medrepro.datamodules.support.errors import InputError
from medrepro.reproduce.plan.cell import Cell, Runtime
from medrepro.reproduce.run.callbacks import InterruptedCellError
from medrepro.reproduce.run.execute import write_result
from medrepro.reproduce.run.experiment import plan
from medrepro.reproduce.run.outcome import Context, Outcome
from medrepro.reproduce.run.training import curve_metrics
from medrepro.reproduce.run.training import fit as fit_cell
from tests._toy import ToyData, ToyModule


def cell(folder: Path, **train: Any) -> Cell:
    settings = {"epochs": 2, "precision": "32-true", "select": "last", **train}
    config = {"module": {}, "data": {}, "train": settings}
    return Cell("egfr", "5", "toy", "toy", 0, 0, "smoke", config, str(folder), runtime=Runtime(checkpoint_every=4))


def fit(job: Cell, module: type[ToyModule] = ToyModule, **given: Any) -> Outcome:
    outcome = fit_cell(job, module, ToyData(**given), Context())
    assert outcome is not None
    return outcome


def test_an_outcome_says_all_a_result_needs(tmp_path: Path) -> None:
    outcome = fit(cell(tmp_path, train_metrics=True))
    frame = outcome.predictions
    assert frame is not None
    assert len(frame) == outcome.data["n_samples"]["test"]
    assert {
        "sample_id",
        "patient_id",
        "nodule_id",
        "label",
        "prob_0",
        "prob_1",
        "baseline_size",
        "baseline_majority",
        "size",
    } == set(frame)
    assert [len(outcome.history[name]) for name in ("train/loss", "val/loss", "val/auc")] == [2, 2, 2]
    auc = outcome.metrics["train/auc"]
    assert isinstance(auc, float)
    assert 0 <= auc <= 1
    assert outcome.parameters == sum(p.numel() for p in ToyModule().parameters())
    assert (tmp_path / "cells/5/toy__0__0/model.ckpt").is_file()
    assert not (tmp_path / "cells/5/toy__0__0/last.ckpt").exists()


def test_a_baseline_of_one_column_ranks_as_the_column(tmp_path: Path) -> None:
    frame = fit(cell(tmp_path)).predictions
    assert frame is not None
    ours = roc_auc_score(frame["label"], frame["baseline_size"])
    assert ours == pytest.approx(roc_auc_score(frame["label"], frame["size"]))
    assert set(frame["baseline_majority"]) == {frame["baseline_majority"].iloc[0]}


def test_same_seed_same_result_other_seed_other_result(tmp_path: Path) -> None:
    first, again = (fit(cell(tmp_path / name)).predictions for name in ("a", "b"))
    other = fit_cell(cell(tmp_path / "c"), lambda: ToyModule(seed=1), ToyData(), Context())
    assert first is not None
    assert again is not None
    assert other is not None
    assert first.equals(again)
    assert other.predictions is not None
    assert not np.array_equal(first["prob_1"], other.predictions["prob_1"])


def test_the_best_epoch_is_chosen_on_validation(tmp_path: Path) -> None:
    outcome = fit(cell(tmp_path, epochs=4, select="best"))
    best = max(outcome.history["val/auc"])
    saved = torch.load(tmp_path / "cells/5/toy__0__0/best.ckpt", weights_only=True)
    assert saved["epoch"] == outcome.history["val/auc"].index(best)


def test_a_leaky_split_marks_its_result(tmp_path: Path) -> None:
    assert fit(cell(tmp_path), leaky_split=True).marks == ("leaky split",)
    assert fit(cell(tmp_path)).marks == ()


class Exploding(ToyModule):
    def batch_loss(self, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return super().batch_loss(images, labels) * float("inf")


def test_a_loss_that_is_not_finite_stops_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"training loss is (inf|nan) in epoch 0, step 1; lower --module.lr"):
        fit(cell(tmp_path), module=Exploding)


def test_a_stop_leaves_the_checkpoint_and_no_result(tmp_path: Path) -> None:
    job, asked = cell(tmp_path), iter([False] * 6 + [True])
    with pytest.raises(InterruptedCellError):
        fit_cell(job, ToyModule, ToyData(), Context(stop=lambda: next(asked)))
    assert (job.work_dir / "last.ckpt").is_file()
    assert not job.path.exists()


def test_result_is_the_last_file_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = cell(tmp_path)
    frame = pd.DataFrame(
        {"sample_id": ["a", "b"], "patient_id": ["p", "q"], "label": [0, 1], "prob_0": [0.6, 0.2], "prob_1": [0.4, 0.8]}
    )
    outcome = Outcome(data={"name": "toy"}, predictions=frame)

    def full(path: Path, value: object) -> None:
        raise InputError("cannot write: No space left on device")

    monkeypatch.setattr("medrepro.reproduce.run.execute.write_json", full)
    with pytest.raises(InputError, match="No space left"):
        write_result(job, outcome, 1.0)
    assert plan([job]).todo == (job,)
    monkeypatch.undo()
    write_result(job, outcome, 1.0)
    assert plan([job]).reused == (job,)


def test_rows_that_differ_after_a_point_keep_files_of_their_own(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"sample_id": ["a", "b"], "patient_id": ["p", "q"], "label": [0, 1], "prob_0": [0.6, 0.2], "prob_1": [0.4, 0.8]}
    )
    jobs = [replace(cell(tmp_path), row=f"alpha-0.{digits}") for digits in ("25", "5")]
    for job in jobs:
        write_result(job, Outcome(data={"name": "toy"}, predictions=frame), 1.0)
    for job in jobs:
        assert (job.path.parent / json.loads(job.path.read_text())["predictions"]).is_file()
        assert job.path.with_suffix(".yaml").is_file()


def test_curve_metrics_by_hand() -> None:
    found = curve_metrics({"train/loss": [1.0, 0.5], "val/loss": [1.0, 0.4, 0.6]})
    assert found == pytest.approx({"curve/train": 0.5, "curve/val": 0.6, "curve/rise": 0.2, "curve/roughness": 0.8})
    assert curve_metrics({}) == {}
