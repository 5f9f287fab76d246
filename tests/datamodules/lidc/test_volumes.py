"""Cubes of nodules: what the renderer and a NoduleMNIST3D file become."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from medrepro.datamodules.lidc import volumes
from medrepro.datamodules.lidc.cohorts import rated_nodules
from medrepro.datamodules.lidc.selection import Cohort
from medrepro.datamodules.lidc.volumes import HU_WINDOW, embedded_volumes, nodulemnist_volumes, scan_volumes
from medrepro.datamodules.support.errors import InputError


@pytest.fixture
def rendering(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """A renderer that only notes what it was asked for."""
    asked: dict[str, object] = {}

    def render(table: object, size: int, spacing: float, seed: int, cache_dir: object = None) -> SimpleNamespace:
        n = len(table)  # type: ignore[arg-type]  # a frame
        asked.update(size=size, spacing=spacing, seed=seed, n=n)
        volumes = np.full((n, size, size, size), -500, np.int16)
        mask = np.zeros(volumes.shape, bool)
        mask[:, size // 2] = True
        return SimpleNamespace(volumes=volumes, masks=lambda: mask)

    monkeypatch.setattr(volumes, "rendered_volumes", render)
    return asked


def test_a_cube_of_64_mm_in_voxels_of_4_mm(rendering: dict[str, object]) -> None:
    records = embedded_volumes(64, 4.0, cohort=Cohort(limit_patients=6))
    assert records.images.shape == (rendering["n"], 1, 16, 16, 16)
    assert (rendering["size"], rendering["spacing"], rendering["seed"]) == (16, 4.0, 0)
    assert set(records.labels.tolist()) == {0, 1}
    assert records.table["diameter_mm"].gt(0).all()
    assert records.name == "embedded"


def test_masks_are_a_channel_at_the_ends_of_the_window(rendering: dict[str, object]) -> None:
    images = embedded_volumes(32, 4.0, masks=True, cohort=Cohort(limit_patients=6)).images
    assert images.shape[1:] == (2, 8, 8, 8)
    assert images.dtype == np.int16
    assert (images[:, 1, 4] == HU_WINDOW[1]).all()
    assert (images[:, 1, 0] == HU_WINDOW[0]).all()


def test_scans_give_the_nodules_that_were_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = np.array([3, 7])

    def cut(root: Path, table: object, side: int, spacing: float, _: object) -> tuple[np.ndarray, np.ndarray]:
        assert (root, side, spacing) == (tmp_path, 32, 2.0)
        return np.zeros((2, side, side, side), np.int16), found

    monkeypatch.setattr(volumes, "scan_cubes", cut)
    records = scan_volumes(tmp_path, 64, 2.0)
    assert records.images.shape == (2, 1, 32, 32, 32)
    assert records.table["nodule_id"].tolist() == rated_nodules()["nodule_id"].iloc[found].tolist()
    assert (records.name, records.tier) == ("lidc", "original")


def write_nodulemnist(folder: Path, **changes: np.ndarray) -> None:
    arrays: dict[str, np.ndarray] = {}
    for part, n in (("train", 5), ("val", 2), ("test", 3)):
        arrays[f"{part}_images"] = np.full((n, 64, 64, 64), 7, np.uint8)
        arrays[f"{part}_labels"] = (np.arange(n) % 2)[:, None].astype(np.uint8)
    np.savez(folder / "nodulemnist3d_64.npz", allow_pickle=False, **{**arrays, **changes})


def test_nodulemnist_keeps_its_official_parts(tmp_path: Path) -> None:
    write_nodulemnist(tmp_path)
    records = nodulemnist_volumes(tmp_path)
    assert records.images.shape == (10, 1, 64, 64, 64)
    assert records.table["cohort"].tolist() == ["train"] * 5 + ["val"] * 2 + ["test"] * 3
    assert records.labels.tolist() == [0, 1, 0, 1, 0, 0, 1, 0, 1, 0]
    assert records.classes == ("benign", "malignant")


def test_a_file_without_its_arrays_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "nodulemnist3d_64.npz", other=np.zeros(3))
    with pytest.raises(InputError, match=r"nodulemnist3d_64.npz cannot be read .*delete it and fetch it again"):
        nodulemnist_volumes(tmp_path)
