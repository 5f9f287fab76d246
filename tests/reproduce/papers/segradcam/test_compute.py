"""Classical cells test every nodule in one fold, as the network's do; a repeated cell says the same."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from medrepro.datamodules.segradcam import SEGradCAMDataModule
from medrepro.reproduce.papers.segradcam.compute import classical, repeat
from medrepro.reproduce.run import classical as _classical
from medrepro.reproduce.run.outcome import Context
from medrepro.reproduce.run.trivial import baseline_scores
from tests._present import present
from tests.reproduce.papers.segradcam._parts import COUNT, cell, fake_embedded


@pytest.mark.parametrize("classifier", ["forest", "svm"])
def test_classical_cell_finds_the_larger_balls(
    classifier: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_classical, "TREES", 10)
    monkeypatch.setenv("MEDREPRO_CACHE", str(tmp_path))
    fake_embedded(monkeypatch)
    choice = {"family": "size", "classifier": classifier}
    cells = [cell(tmp_path, f"size-{classifier}", "3", fold=fold, module=choice) for fold in range(2)]
    outcomes = [classical(one, Context()) for one in cells]
    parts = [present(outcome.predictions) for outcome in outcomes]
    frame = pd.concat(parts)
    assert sorted(frame["sample_id"]) == sorted(set(frame["sample_id"]))
    assert len(frame) == COUNT
    assert all(roc_auc_score(part["label"], part["prob_1"]) > 0.95 for part in parts)
    assert {"baseline_diameter", "baseline_majority", "diameter_mm"} <= set(frame.columns)
    assert [outcome.data["n_samples"]["test"] for outcome in outcomes] == [COUNT // 2] * 2


def test_baselines_never_see_their_own_fold(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_embedded(monkeypatch)
    data = SEGradCAMDataModule(folds=2)
    data.setup()
    found = baseline_scores(data)
    test, rest = data.parts.test, np.setdiff1d(np.arange(COUNT), data.parts.test)
    assert found["majority"] == pytest.approx(np.full(len(test), data.records.labels[rest].mean()))
    assert roc_auc_score(data.records.labels[test], found["diameter"]) == 1


def test_repeat_says_what_the_base_said(tmp_path: Path) -> None:
    base = cell(tmp_path, "senet", "network")
    base.path.parent.mkdir(parents=True)
    frame = pd.DataFrame({"sample_id": ["a"], "prob_1": [0.3]})
    frame.to_parquet(base.path.with_suffix(".parquet"))
    said = {
        "data": {"name": "embedded"}, "history": {"train/loss": [1.0]}, "parameters": 5, "macs": 7, "marks": ["x"],
        "metrics": {"nodule/auc": 0.5}, "predictions": "senet__0__0.parquet",
    }  # fmt: skip
    base.path.write_text(json.dumps(said))
    outcome = repeat(cell(tmp_path, "senet", "3", needs=(base,)), Context())
    assert outcome.predictions is not None
    assert outcome.predictions.equals(frame)
    assert (outcome.parameters, outcome.macs, outcome.marks) == (5, 7, ("x",))
