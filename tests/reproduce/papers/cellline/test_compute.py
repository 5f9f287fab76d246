import json
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from medrepro.datamodules.cellline import CellLineDataModule
from medrepro.datamodules.features.frozen import network_sha256
from medrepro.lightning_modules.cellline import CellLineModule
from medrepro.reproduce.papers.cellline.compute import frozen_backbone, pretrain
from medrepro.reproduce.run.outcome import Context
from tests.reproduce.papers.cellline.conftest import Run, result_of


def test_a_frozen_cell_is_what_the_whole_network_would_say(run: Run) -> None:
    """The head trained on cached features, put on its backbone, gives the predictions that were written."""
    job = run("--table", "5", rows=("frozen-nearest",))
    (cell,) = [cell for cell in job.cells if cell.row == "frozen-nearest"]
    saved = torch.load(cell.work_dir / "model.ckpt", weights_only=True)
    head = CellLineModule(**saved["hyper_parameters"]).eval()
    head.load_state_dict(saved["state_dict"])
    backbone = frozen_backbone(cell.config["module"]["backbone"], "none", 3, cell.seed)
    data = CellLineDataModule(**cell.config["data"])
    data.setup()
    with torch.no_grad():
        logits = head.head(backbone.features(data.images[data.parts.test]))
    written = pd.read_parquet(cell.path.with_suffix(".parquet"))
    assert written["sample_id"].tolist() == data.records.table["sample_id"].iloc[data.parts.test].tolist()
    np.testing.assert_allclose(written.filter(like="prob_"), torch.softmax(logits, 1), atol=1e-4)


def test_a_result_holds_confidence_and_calibration(run: Run) -> None:
    result = json.loads(result_of(run("--table", "5", rows=("frozen-nearest",)), "frozen-nearest").read_text())
    metrics = result["metrics"]
    assert {"calibration/temperature", "calibration/ece", "calibration/ece-scaled", "calibration/threshold"} <= set(
        metrics
    )
    assert 0 <= metrics["confidence/right"] <= 1
    assert result["data"]["tier"] == "embedded"
    assert result["macs"] > 100_000  # of the whole network, not of its head


def test_the_source_task_is_trained_once_and_its_checkpoint_reused(run: Run) -> None:
    job = run("--table", "5", execute=False)
    cell = next(cell for cell in job.cells if cell.row == "source-none")
    stages = cell.config["train"]["source"]
    first = pretrain(cell, stages, Context())
    started = time.monotonic()
    again = pretrain(cell, {**stages}, Context())
    assert again == first
    assert time.monotonic() - started < 0.5
    two = pretrain(cell, {**stages, "sets": [0, 1]}, Context())
    assert two != first
    name = cell.config["module"]["backbone"]
    hashes = {network_sha256(frozen_backbone(name, str(weights), 3, 0).backbone) for weights in ("none", first, two)}
    assert len(hashes) == 3


def test_random_backbones_are_a_function_of_the_seed() -> None:
    frozen_backbone.cache_clear()
    first = network_sha256(frozen_backbone("mobilenetv3_small_050", "none", 3, 1))
    other = network_sha256(frozen_backbone("mobilenetv3_small_050", "none", 3, 2))
    frozen_backbone.cache_clear()
    torch.rand(7)
    assert network_sha256(frozen_backbone("mobilenetv3_small_050", "none", 3, 1)) == first
    assert other != first


@pytest.mark.parametrize("flag", ["absent.safetensors", "imagenet"])
def test_missing_weights_are_said_before_anything_is_trained(
    run: Run, flag: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from medrepro.lightning_modules.networks import weights

    monkeypatch.setattr(weights, "_hub_reachable", lambda: False)
    monkeypatch.setattr(weights, "_in_hub_cache", lambda _repository: False)
    with pytest.raises(FileNotFoundError, match=r"--weights"):
        run("--table", "5", "--weights", flag)


def test_a_run_of_everything_trained_uses_no_features(run: Run, tmp_path: Path) -> None:
    job = run("--study", "transfer", "--seeds", "5", rows=("trained",))
    result = json.loads(result_of(job, "trained").read_text())
    assert result["parameters"] > 100_000
    assert result["seed"] == 5
