"""The embedded images: digits and nodules, half of them false-coloured, the same for every seed."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits

from medrepro.datamodules import quadsnet as quadsnet_embedded
from medrepro.datamodules.quadsnet import colour_some, digit_images, embedded_records, nodule_images
from medrepro.datamodules.records import Records


def slices() -> Records:
    """Three nodules of two patients, 64 x 64 HU, the middle slice of each the largest."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "sample_id": [f"n{nodule}/{z}" for nodule in range(3) for z in range(3)],
            "nodule_id": [f"n{nodule}" for nodule in range(3) for _ in range(3)],
            "patient_id": ["p0"] * 6 + ["p1"] * 3,
            "label": [0] * 3 + [1] * 6,
            "cohort": "train",
            "mask_pixels": [5, 9, 4] * 3,
        }
    )
    images = rng.integers(-1200, 600, (9, 1, 64, 64)).astype(np.int16)
    return Records(images, table, "embedded", "k", "malignancy", "l", ("benign", "malignant"))


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Records:
    made = slices()
    monkeypatch.setattr(quadsnet_embedded, "embedded_slices", lambda *_: made)
    return made


def test_digits_are_scikit_learns() -> None:
    images, table = digit_images()
    source = load_digits()
    assert images.shape == (1797, 32, 32)
    np.testing.assert_allclose(images[:, ::4, ::4] / 255 * 16, source.images, atol=0.04)
    assert (table["label"] == source.target % 2).all()
    assert table["label"].mean() == pytest.approx(0.5, abs=0.01)


def test_a_nodule_is_the_middle_of_its_largest_slice(stand_in: Records) -> None:
    images, table = nodule_images()
    assert table["sample_id"].tolist() == ["n0/1", "n1/1", "n2/1"]
    assert table["patient_id"].tolist() == ["p0", "p0", "p1"]
    middle = stand_in.images[[1, 4, 7], 0, 16:48, 16:48].astype(float)
    expected = ((middle + 1000) / 1400).clip(0, 1) * 255
    assert np.abs(images - expected).max() <= 0.5


def test_half_are_coloured_and_the_rest_grey(stand_in: Records, tmp_path: Path) -> None:
    records = embedded_records(str(tmp_path))
    assert records.images.shape == (1800, 3, 32, 32)
    coloured = records.table["is_coloured"].to_numpy() == 1
    assert 0.45 < coloured.mean() < 0.55
    grey = records.images[~coloured]
    assert (grey == grey[:, :1]).all()
    assert (records.images[coloured][:, 0] != records.images[coloured][:, 2]).any(axis=(1, 2)).all()
    assert records.sha256 == embedded_records(str(tmp_path)).sha256
    assert set(records.table["cohort"]) == {"digit", "nodule"}
    assert records.tier == "embedded"


def test_limit_takes_the_first_of_each_kind(stand_in: Records) -> None:
    records = embedded_records(limit=2)
    assert records.table["sample_id"].tolist() == ["digit/0000", "digit/0001", "n0/1", "n1/1"]


def test_colours_follow_the_grey_values() -> None:
    grey = np.array([[[0, 255], [0, 255]]], dtype=np.uint8)
    coloured = colour_some(grey, np.array([True]))
    assert coloured[0, :, 0, 0].tolist() == [68, 1, 84]  # viridis begins violet
    assert coloured[0, :, 0, 1].tolist() == [253, 231, 37]  # and ends yellow
