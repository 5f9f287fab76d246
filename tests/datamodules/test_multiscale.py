"""Crops of one nodule at three fields of view: centre, window, one split for all scales."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from medrepro.datamodules import multiscale
from medrepro.datamodules.multiscale import MultiScaleDataModule, Scale
from medrepro.datamodules.records import Records
from medrepro.datamodules.support.errors import InputError
from tests.datamodules.lidc.test_volumes import write_nodulemnist

PATIENTS, SIDE = 40, 16  # voxels of 4 mm


@pytest.fixture(autouse=True)
def cubes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two cubes a patient whose HU are distances from the centre, so that a crop shows where it was cut."""

    def records(cube_mm: int, voxel_mm: float, masks: bool, cache_dir: object, limit: int) -> Records:
        side = round(cube_mm / voxel_mm)
        axis = np.abs(np.arange(side) - (side - 1) / 2)
        distance = np.maximum.reduce(np.meshgrid(axis, axis, axis, indexing="ij"))
        volume = (100 * distance - 1000).astype(np.int16)
        channels = [volume, np.where(distance < 2, 400, -1000).astype(np.int16)] if masks else [volume]
        n = 2 * PATIENTS
        names = [f"n{i:03d}" for i in range(n)]
        table = pd.DataFrame(
            {
                "sample_id": names,
                "nodule_id": names,
                "patient_id": [f"p{i // 2:03d}" for i in range(n)],
                "label": np.arange(n) // 2 % 2,
                "cohort": "lidc",
                "diameter_mm": 5.0 + np.arange(n) % 7,
            }
        )
        images = np.repeat(np.stack(channels)[None], n, axis=0)
        return Records(images, table, "embedded", "made up", "malignancy", "MIT", ("benign", "malignant"))

    monkeypatch.setattr(multiscale, "embedded_volumes", records)


def data(scale: Scale, **changes: object) -> MultiScaleDataModule:
    module = MultiScaleDataModule(scale=scale, voxel_mm=4.0, batch_size=8, **changes)  # type: ignore[arg-type]
    module.setup()
    return module


@pytest.mark.parametrize(("scale", "side"), [(32, 8), (48, 12), (64, 16)])
def test_a_crop_is_central_and_windowed(scale: Scale, side: int) -> None:
    images = data(scale).images
    assert images.shape == (2 * PATIENTS, 1, side, side, side)
    # the farthest voxel lies (side - 1) / 2 voxels out: 100 HU each above -1000, in a window of 1400 HU (Eq. 14)
    assert float(images.max()) == pytest.approx(100 * (side - 1) / 2 / 1400, abs=1e-6)
    assert float(images.min()) == pytest.approx(50 / 1400, abs=1e-6)


def test_equation_14_clips_at_both_ends() -> None:
    hu = np.array([-2000, -1000, -300, 400, 3000], np.int16).reshape(1, 1, 1, 1, 5)
    window = data(64).preprocess().transforms[1]
    np.testing.assert_allclose(np.asarray(window(hu)).ravel(), [0, 0, 0.5, 1, 1], atol=1e-6)


def test_a_mask_becomes_0_and_1() -> None:
    images = data(32, masks=True).images
    assert images.shape[1] == 2
    assert set(images[:, 1].flatten().tolist()) == {0.0, 1.0}
    assert int(images[0, 1].sum()) == 4**3


def test_the_scales_of_one_seed_share_their_split_and_no_patient_crosses() -> None:
    first, second = data(32), data(64)
    for part in ("train", "val", "test"):
        np.testing.assert_array_equal(getattr(first.parts, part), getattr(second.parts, part))
    patients = first.records.patients
    sides = [set(patients[getattr(first.parts, part)]) for part in ("train", "val", "test")]
    assert sum(len(side) for side in sides) == PATIENTS
    assert len(sides[2]) == pytest.approx(PATIENTS / 5, abs=1)


def test_folds_cover_every_nodule_once() -> None:
    tested = np.concatenate([data(32, fold=fold).parts.test for fold in range(5)])
    assert sorted(tested.tolist()) == list(range(2 * PATIENTS))


def test_the_baseline_is_the_diameter() -> None:
    assert data(32).baseline_columns() == {"diameter": "diameter_mm"}


def test_nodulemnist_uses_its_own_parts(tmp_path: Path) -> None:
    write_nodulemnist(tmp_path)
    module = MultiScaleDataModule("nodulemnist3d", str(tmp_path), scale=32, batch_size=2)
    module.setup()
    assert [len(part) for part in (module.parts.train, module.parts.val, module.parts.test)] == [5, 2, 3]
    assert module.images.shape == (10, 1, 32, 32, 32)
    assert float(module.images.max()) == pytest.approx(7 / 255)
    assert module.baseline_columns() == {}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"scale": 64, "cube_mm": 32}, "a crop of 64 mm in voxels of 1.0 mm from a cube of 32 mm"),
        ({"scale": 48, "voxel_mm": 5.0}, "an even number of voxels"),
        ({"data": "nodulemnist3d", "voxel_mm": 2.0}, "has voxels of 1 mm, not 2.0 mm"),
        ({"data": "nodulemnist3d", "masks": True}, "has no masks"),
        ({"batch_size": 1}, "batch size 1"),
    ],
)
def test_what_cannot_be_cropped_is_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        MultiScaleDataModule(**arguments)  # type: ignore[arg-type]
