"""The segradcam datamodule: window, folds by patient, masks, sources, errors."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from medrepro.datamodules import segradcam
from medrepro.datamodules.lidc import scans
from medrepro.datamodules.lidc.rendered import RenderedVolumes
from medrepro.datamodules.segradcam import SEGradCAMDataModule
from medrepro.datamodules.support.errors import InputError
from tests.datamodules._ct_series import write_ct

SIDE = segradcam.SIDE


def nodules(count: int = 80) -> pd.DataFrame:
    ids = [f"n{i:03d}" for i in range(count)]
    return pd.DataFrame(
        {
            "nodule_id": ids,
            "patient_id": [f"p{i // 2}" for i in range(count)],
            "label": np.arange(count) // 2 % 2,
            "malignancy_mean": 2.0,
            "malignancy_ratings": "2,2,2",
            "diameter_mm": np.linspace(4, 20, count),
            "volume_mm3": 100.0,
            "series_uid": "1.2.3",
            "centroid_z_mm": -40.0,
            "centroid_y_mm": 20.0,
            "centroid_x_mm": 20.0,
        }
    )


def rendered(table: pd.DataFrame) -> RenderedVolumes:
    cubes = np.full((len(table), SIDE, SIDE, SIDE), -1200, np.int16)
    cubes[:, 16, 16, 16], cubes[:, 0, 0, 0] = 600, 3000
    masks = np.zeros(cubes.shape, bool)
    masks[:, 16, 16, 16] = True
    packed = np.packbits(masks.reshape(len(table), SIDE, -1), axis=-1)
    return RenderedVolumes(cubes, packed, list(table["nodule_id"]), "fake")


@pytest.fixture
def embedded(monkeypatch: pytest.MonkeyPatch) -> None:
    table = nodules()
    monkeypatch.setattr(segradcam, "labelled_luna16", lambda *_: table)
    monkeypatch.setattr(segradcam, "rendered_volumes", lambda *_, **__: rendered(table))


@pytest.mark.usefixtures("embedded")
def test_window_is_clipped_then_scaled() -> None:
    data = SEGradCAMDataModule()
    data.setup()
    assert data.images.shape == (80, 1, 32, 32, 32)
    found = data.images[0, 0]
    assert (float(found[1, 1, 1]), float(found[16, 16, 16]), float(found[0, 0, 0])) == (0, 1, 1)
    values = np.array([-1300, -1200, -300, 600, 900], dtype=np.int16).reshape(1, 1, 1, 1, 5)
    values = np.broadcast_to(np.repeat(values, 7, axis=-1)[..., :32], (1, 1, 32, 32, 32))
    scaled = np.unique(np.asarray(data.preprocess()(np.array(values))))
    np.testing.assert_allclose(scaled, [0, 0.5, 1])


@pytest.mark.usefixtures("embedded")
def test_ten_folds_by_patient_test_every_nodule_once() -> None:
    tested = []
    for fold in range(10):
        data = SEGradCAMDataModule(fold=fold, seed=3)
        data.setup()
        patients = data.records.patients
        assert not set(patients[data.parts.train]) & set(patients[data.parts.test])
        assert len(data.parts.val) == 0
        share = data.records.labels[data.parts.test].mean()
        assert 0.2 < share < 0.8
        tested += data.parts.test.tolist()
    assert sorted(tested) == list(range(80))


@pytest.mark.usefixtures("embedded")
def test_masks_and_features_belong_to_their_records() -> None:
    data = SEGradCAMDataModule()
    data.setup()
    masks = data.masks(np.array([5, 2]))
    assert masks.shape == (2, 32, 32, 32)
    assert np.argwhere(masks[0]).tolist() == [[16, 16, 16]]
    features = data.handcrafted(["intensity"])
    assert len(features) == 80
    assert (features["intensity/mean"] == 600).all()
    assert dict(data.baseline_columns()) == {"diameter": "diameter_mm"}


def test_real_scans_are_cut_windowed_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hu = np.full((20, 40, 40), -850, np.int16)
    hu[10, 20, 20] = 600
    write_ct(tmp_path, hu, (1.0, 1.0, 1.0), uid="1.2.3")  # its first slice at -50 mm
    monkeypatch.setattr(scans, "all_scans", lambda: {"1.2.3": "p0"})
    monkeypatch.setattr(scans, "consensus_mask", lambda *_: (np.ones((3, 3, 3), bool), (0, 0, 0), (1.0, 1.0, 1.0)))
    monkeypatch.setattr(segradcam, "labelled_luna16", lambda *_: nodules())
    data = SEGradCAMDataModule(data="lidc", data_root=str(tmp_path), folds=2)
    data.setup()
    assert data.records.tier == "original"
    assert len(data.records) == 80
    assert data.images[0, 0, 15:17, 15:17, 15:17].max() > data.images[0, 0, 5, 5, 5]
    with pytest.raises(InputError, match="carries no masks"):
        data.masks(np.array([0]))


def test_nodulemnist_keeps_its_own_split(tmp_path: Path) -> None:
    arrays: dict[str, Any] = {}
    for part, count in (("train", 6), ("val", 4), ("test", 4)):
        arrays[f"{part}_images"] = np.full((count, 64, 64, 64), 255, np.uint8)
        arrays[f"{part}_labels"] = (np.arange(count) % 2)[:, None]
    np.savez_compressed(tmp_path / "nodulemnist3d_64.npz", **arrays)
    data = SEGradCAMDataModule(data="nodulemnist3d", data_root=str(tmp_path), batch_size=2)
    data.setup()
    assert (len(data.parts.train), len(data.parts.val), len(data.parts.test)) == (6, 4, 4)
    assert data.images.shape[1:] == (1, 32, 32, 32)
    assert float(data.images.min()) == float(data.images.max()) == 1
    assert dict(data.baseline_columns()) == {}
