"""Handcrafted features are computed once, come back to the last digit, and a damaged entry is computed again."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from medrepro.datamodules.segradcam import SEGradCAMDataModule
from medrepro.reproduce.papers.segradcam.compute import kept_features
from tests.reproduce.papers.segradcam._parts import COUNT, fake_embedded


@pytest.fixture
def data(monkeypatch: pytest.MonkeyPatch) -> SEGradCAMDataModule:
    fake_embedded(monkeypatch)
    found = SEGradCAMDataModule(folds=2)
    found.setup()
    return found


def test_the_second_time_nothing_is_computed(
    data: SEGradCAMDataModule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = kept_features(data, ["size", "shape"], str(tmp_path))
    assert len(first) == COUNT
    pd.testing.assert_frame_equal(first, data.handcrafted(["size", "shape"]))
    monkeypatch.setattr(SEGradCAMDataModule, "handcrafted", lambda *_: pytest.fail("computed again"))
    pd.testing.assert_frame_equal(kept_features(data, ["size", "shape"], str(tmp_path)), first, check_exact=True)
    pd.testing.assert_frame_equal(kept_features(data, ["size"], str(tmp_path)), first.filter(like="size/"))


def test_a_damaged_entry_is_computed_again(data: SEGradCAMDataModule, tmp_path: Path) -> None:
    first = kept_features(data, ["size"], str(tmp_path))
    (entry,) = (tmp_path / "handcrafted").glob("*.npz")
    entry.write_bytes(entry.read_bytes()[:100])
    pd.testing.assert_frame_equal(kept_features(data, ["size"], str(tmp_path)), first)
    with np.load(entry, allow_pickle=False) as archive:
        assert {len(archive[name]) for name in first.columns} == {COUNT}


def test_other_records_are_another_entry(data: SEGradCAMDataModule, tmp_path: Path) -> None:
    first = kept_features(data, ["intensity"], str(tmp_path))
    changed = np.array(data.records.images)
    changed[:, :, 16, 16, 16] += 50
    data.records = data.records.__class__(**{**vars(data.records), "images": changed})
    assert not kept_features(data, ["intensity"], str(tmp_path)).equals(first)
    assert len(list((tmp_path / "handcrafted").glob("*.npz"))) == 2
