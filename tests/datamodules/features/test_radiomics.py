"""Radiomics by MIRP: against the definitions in plain numpy, computed once, and refused where it cannot be."""

import sys
from pathlib import Path

import numpy as np
import pytest

from medrepro.datamodules.features import radiomics
from medrepro.datamodules.features.radiomics import radiomics_table
from medrepro.datamodules.support.errors import InputError


def sample(seed: int = 0, side: int = 8) -> tuple[np.ndarray, np.ndarray]:
    image = np.random.default_rng(seed).normal(-300, 120, (32, 32)).round()  # HU are whole numbers
    mask = np.zeros((32, 32), bool)
    mask[10 : 10 + side, 12 : 12 + side] = True
    return image, mask


def test_first_order_statistics_follow_the_definitions(tmp_path: Path) -> None:
    pytest.importorskip("mirp", reason="the radiomics extra is not installed")
    image, mask = sample()
    row = radiomics_table([image], [mask], tmp_path).iloc[0]
    values = image[mask]
    assert row["stat_mean"] == pytest.approx(values.mean(), rel=1e-4)
    assert row["stat_var"] == pytest.approx(values.var(), rel=1e-3)
    assert row["stat_max"] == pytest.approx(values.max(), rel=1e-4)
    assert row["stat_energy"] == pytest.approx((values**2).sum(), rel=1e-3)


def test_features_are_kept_and_follow_their_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mirp", reason="the radiomics extra is not installed")
    (first, mask), (second, _) = sample(0), sample(1)
    found = radiomics_table([first, second], [mask, mask], tmp_path)
    monkeypatch.setattr(radiomics, "_extract", lambda images, masks: pytest.fail("computed again"))
    again = radiomics_table([first, second], [mask, mask], tmp_path)
    assert again.equals(found)
    assert not np.allclose(found.iloc[0], found.iloc[1])
    assert any(str(name).startswith("cm_") for name in found)


def test_a_mask_of_one_pixel_has_finite_features(tmp_path: Path) -> None:
    pytest.importorskip("mirp", reason="the radiomics extra is not installed")
    image, mask = sample(side=1)
    assert np.isfinite(radiomics_table([image], [mask], tmp_path).to_numpy()).all()


def test_what_cannot_be_computed_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image, mask = sample()
    monkeypatch.setattr(radiomics, "available", lambda: True)
    with pytest.raises(InputError, match=r"image 0 \(32, 32\) needs a mask of its own shape that is not empty"):
        radiomics_table([image], [np.zeros_like(mask)], tmp_path)
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "mirp", None)
    monkeypatch.setattr("medrepro.datamodules.features.radiomics.importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"not installed: pip install 'medrepro\[radiomics\]'"):
        radiomics_table([image], [mask], tmp_path)
