"""Write seeded result files in the real layout, as the runner does, without training; declare their table."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from medrepro.reproduce.evaluation import ledger
from medrepro.reproduce.evaluation.results import Result, read_result
from medrepro.reproduce.plan.table import BaselineSpec, Column, Level, RowSpec, Subset, TableSpec
from medrepro.reproduce.printed.claim import Claim, Comparison

CLAIMS = (
    Claim(
        id="batches",
        quote="",
        where="Sec. 3",
        says="batch training beats random selection",
        comparison=Comparison("5", ("ce-bt", "ml-bt"), ("ce-rs", "ml-rs"), "patient/auc", 0.01),
    ),
    Claim(
        id="clusters",
        quote="",
        where="Sec. 4",
        says="clusters help cross-entropy",
        comparison=Comparison("5", ("ce-bt",), ("ce-rs",), "patient/auc", 0.01, claimed=0.02),
    ),
)
SKILLS = {"ce-rs": 1.0, "ce-bt": 1.05, "ml-rs": 1.02, "ml-bt": 1.1}
LEVELS = (
    Level("image"),
    Level("nodule", "nodule_id"),
    Level("patient", "patient_id", "max", of="nodule"),
)
SPEC = TableSpec(
    "egfr",
    "5",
    "Accuracy of different training strategies for ResNet34",
    levels=LEVELS,
    columns=(
        Column("image/accuracy", "ACC, images", paper="ACC(%)", scale=100),
        Column("patient/auc", "AUC, patients", ci=True),
        Column("patient/auc", minus="diameter"),
        Column("nodule/auc", "- diameter, nodules of 8-15 mm", minus="diameter", within=Subset("diameter_mm", 8, 15)),
    ),
    rows=(
        RowSpec("ce-rs", "ResNet34 CE  random", {"ACC(%)": "78.07"}),
        RowSpec("ce-bt", "ResNet34 CE  clustered", {"ACC(%)": "79.21"}),
        RowSpec("ml-rs", "ResNet34 ML  random", {"ACC(%)": "80.65"}),
        RowSpec("ml-bt", "ResNet34 ML  clustered", {"ACC(%)": "81.58"}),
    ),
    baselines=(
        BaselineSpec("diameter", "diameter alone"),
        BaselineSpec("pixel-count", "pixel count alone"),
        BaselineSpec("majority", "majority"),
    ),
    classes=("benign", "malignant"),
)
DATA: dict[str, Any] = {
    "name": "embedded",
    "kind": "real annotations and patients, rendered intensities",
    "task": "malignancy",
    "surrogate_for": "EGFR status",
    "tier": "embedded",
    "licence": "CC BY 3.0",
    "n_samples": {"train": 7850, "val": 0, "test": 1200},
    "n_patients": {"train": 411, "val": 0, "test": 120},
    "sha256": "d" * 64,
}


def logistic(values: np.ndarray) -> np.ndarray:
    shares: np.ndarray = 1 / (1 + np.exp(-values))
    return shares


def slices(seed: int = 0, patients: int = 120, first_patient: int = 0) -> pd.DataFrame:
    """Slices of nodules of patients: ids, labels, diameters."""
    rng = np.random.default_rng([17, seed])
    rows = []
    for patient in range(first_patient, first_patient + patients):
        for nodule in range(rng.integers(1, 4)):
            diameter = float(np.exp(rng.normal(2.3, 0.45)))
            label = int(rng.random() < logistic(np.array(0.35 * (diameter - 12))))
            for number in range(rng.integers(2, 8)):
                name = f"P{patient:04d}-{nodule}"
                rows.append((f"{name}-{number}", f"P{patient:04d}", name, label, diameter))
    return pd.DataFrame(rows, columns=["sample_id", "patient_id", "nodule_id", "label", "diameter_mm"])


def predictions(skill: float, seed: int, frame: pd.DataFrame) -> pd.DataFrame:
    """Add probabilities of a model of some skill, and baselines."""
    rng = np.random.default_rng([23, seed, int(skill * 1000)])
    nodules, index = np.unique(frame["nodule_id"], return_inverse=True)
    luck = np.random.default_rng(5).normal(0, 0.8, len(nodules)) + rng.normal(0, 0.4, len(nodules))
    size = (frame["diameter_mm"].to_numpy() - 12) / 5
    score = skill * 1.6 * (frame["label"].to_numpy() - 0.5) + 0.6 * size + luck[index] + rng.normal(0, 0.5, len(frame))
    positive = logistic(score)
    return frame.assign(
        prob_0=1 - positive,
        prob_1=positive,
        baseline_diameter=logistic(1.5 * size),
        **{"baseline_pixel-count": logistic(1.5 * size + rng.normal(0, 0.8, len(frame)))},
        baseline_majority=0.35,
    )


def history(skill: float, seed: int, epochs: int = 5) -> dict[str, list[float]]:
    rng = np.random.default_rng([29, seed, int(skill * 1000)])
    steps = np.arange(epochs)
    train = 0.65 * np.exp(-0.35 * skill * steps) + rng.normal(0, 0.01, epochs)
    return {
        "train/loss": train.tolist(),
        "val/loss": (train + 0.06 + 0.01 * steps).tolist(),
        "val/auc": (0.9 - 0.2 * np.exp(-0.6 * steps) + rng.normal(0, 0.004, epochs)).tolist(),
    }


def content(row: str, seed: int, fold: int = 0, **changes: Any) -> dict[str, Any]:
    """A result file's content."""
    return {
        "schema": 1,
        "key": "egfr",
        "table": "5",
        "row": row,
        "row_label": row,
        "seed": seed,
        "fold": fold,
        "preset": "quick",
        "data": DATA,
        "marks": [],
        "metrics": {},
        "ci": {},
        "baselines": {},
        "predictions": f"{row}__{seed}__{fold}.parquet",
        "history": history(SKILLS.get(row, 1.0), seed),
        "config": {"train": {"epochs": 5, "batch_size": 36}},
        "config_sha256": "c" * 64,
        "code_sha256": "a" * 64,
        "versions": {"python": "3.11.2", "torch": "2.15.0", "monai": "1.6.1"},
        "commit": "0123456789abcdef",
        "dirty": False,
        "command": "python reproduce/egfr.py --table 5",
        "hardware": "x86_64 CPU, 2 cores",
        "seconds": 41.2 + seed,
        "peak_rss_mb": 1830,
        "parameters": 771234,
        "macs": 12345678,
        **changes,
    }


def write(folder: Path, values: Mapping[str, Any], frame: pd.DataFrame | None) -> Result:
    """Write one result as the runner does."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{values['row']}__{values['seed']}__{values['fold']}.json"
    if frame is not None:
        frame.to_parquet(path.with_suffix(".parquet"), index=False)
    path.write_text(json.dumps(values))
    return read_result(path)


def make_results(
    folder: Path,
    rows: Sequence[str] = tuple(SKILLS),
    seeds: Sequence[int] = (0, 1, 2),
    folds: Sequence[int] = (0,),
    patients: int = 120,
    **changes: Any,
) -> list[Result]:
    """Results of every row, seed and fold; folds test different patients, seeds and rows the same."""
    return [
        write(
            folder,
            content(row, seed, fold, **changes),
            predictions(SKILLS[row], seed, slices(fold, patients, first_patient=1000 * fold)),
        )
        for row in rows
        for seed in seeds
        for fold in folds
    ]


def with_claims(monkeypatch: pytest.MonkeyPatch, folder: Path, *claims: Claim, **verdicts: str) -> None:
    """Let the ledger hold ``claims`` (default: both of ``CLAIMS``) and these verdicts by id, and nothing else."""
    monkeypatch.setattr(ledger, "_claims", lambda key: claims or CLAIMS)
    monkeypatch.setattr(ledger, "RESULTS", folder)
    (folder / "egfr").mkdir(parents=True, exist_ok=True)
    known = {
        name: {"verdict": verdict, "why": "so it is", "budget": "judge, 10 seeds"} for name, verdict in verdicts.items()
    }
    (folder / "egfr" / ledger.VERDICTS).write_text(json.dumps(known))
