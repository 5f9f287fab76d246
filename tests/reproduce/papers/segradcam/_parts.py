"""A datamodule over made-up nodules, and cells that need no training."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from medrepro.datamodules import segradcam
from medrepro.datamodules.lidc.rendered import RenderedVolumes
from medrepro.reproduce.plan.cell import Cell

COUNT = 40


def nodules() -> pd.DataFrame:
    rows = np.arange(COUNT)
    return pd.DataFrame(
        {
            "nodule_id": [f"n{row:02d}" for row in rows],
            "patient_id": [f"p{row // 2:02d}" for row in rows],
            "label": rows // 2 % 2,
            "malignancy_mean": 2.0 + 2 * (rows // 2 % 2),
            "malignancy_ratings": "2,2,2",
            "diameter_mm": 5.0 + 6 * (rows // 2 % 2) + rows / COUNT,
            "volume_mm3": 100.0,
        }
    )


def fake_embedded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bright balls in air: malignant ones are larger."""
    table = nodules()
    distance = np.linalg.norm(np.indices((32, 32, 32)) - 15.5, axis=0)
    masks = np.stack([distance <= diameter / 2 for diameter in table["diameter_mm"]])
    noise = np.random.default_rng(0).normal(0, 30, masks.shape)
    cubes = (np.where(masks, 40, -860) + noise).astype(np.int16)
    packed = np.packbits(masks.reshape(COUNT, 32, -1), axis=-1)
    volumes = RenderedVolumes(cubes, packed, list(table["nodule_id"]), "fake")
    monkeypatch.setattr(segradcam, "labelled_luna16", lambda *_: table)
    monkeypatch.setattr(segradcam, "rendered_volumes", lambda *_, **__: volumes)


def cell(out: Path, row: str, table: str = "trust", fold: int = 0, needs: tuple[Cell, ...] = (), **config: Any) -> Cell:
    settings = {"module": {}, "data": {"folds": 2, "fold": fold}, **config}
    return Cell("segradcam", table, row, row, 0, fold, "smoke", settings, str(out), needs=needs)
