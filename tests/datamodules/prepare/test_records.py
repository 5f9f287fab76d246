"""Records out of prepared folders: the right cubes, cropped or resampled; what does not fit is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from medrepro.datamodules.prepare import records as prepared_records
from medrepro.datamodules.prepare.format import FILES, FORMAT, VERSION, sha256
from medrepro.datamodules.prepare.records import prepared_cubes, prepared_slices, prepared_volumes
from medrepro.datamodules.prepare.units import Part, Plan, Unit, assemble, finish, prepare_parts
from medrepro.datamodules.support.errors import InputError

COUNT = 24


class Made(Unit):
    """A unit without a scan: a ramp whose level names it."""

    def read(self) -> Part:
        number = int(self.key)
        images = (np.indices((16, 16, 16)).sum(axis=0) * 10 - 1000 + number).astype(np.int16)[None]
        row = {"nodule_id": f"n{number}", "sample_id": f"n{number}", "patient_id": f"p{number}", "label": number % 2}
        if self.patient_id == "slices":
            images = np.full((2, 64, 64), number, np.int16)
            rows = [row | {"cohort": "nsclc", "sample_id": f"n{number}_{plane}"} for plane in (0, 1)]
            return Part(images, images > 0, rows, {})
        return Part(images, images > 0, [row | {"cohort": "x"}], {})


def made(out: Path, name: str, classes: list[str] | None = None, size: int = 16, count: int = COUNT) -> Path:
    shape = (64, 64) if name == "nsclc" else (16,) * 3
    kind = "slices" if name == "nsclc" else ""
    plan = Plan(name, {}, shape, tuple(Made(str(n), kind, (), out, 1) for n in range(count)))
    prepare_parts(plan, out, workers=1, strict=False, quiet=True)
    assemble(plan, out, [])
    card: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "name": name,
        "licence": "none",
        "classes": classes or ["a", "b"],
        "settings": {"size": size, "spacing_mm": 1.0},
        "counts": {"prepared": count},
        "files": {file: {"bytes": (out / file).stat().st_size, "sha256": sha256(out / file)} for file in FILES},
    }
    finish(out, card, "")
    return out


def test_cubes_of_the_nodules_asked_for(tmp_path: Path) -> None:
    root = made(tmp_path / "out", "lidc")
    table = pd.DataFrame({"nodule_id": ["gone", *(f"n{n}" for n in reversed(range(COUNT)))]})
    cubes, found = prepared_cubes(root, table, 8, 1.0)
    assert found.tolist() == list(range(1, COUNT + 1))
    whole = np.indices((16, 16, 16)).sum(axis=0) * 10 - 1000
    for cube, number in zip(cubes, reversed(range(COUNT)), strict=True):
        np.testing.assert_array_equal(cube, whole[4:12, 4:12, 4:12] + number)
    coarse, _ = prepared_cubes(root, table, 4, 2.0)
    np.testing.assert_array_equal(coarse[-1], 20 * np.indices((4, 4, 4)).sum(axis=0) - 1000 + 10 * 3 * 4.5)
    odd, _ = prepared_cubes(root, table, 7, 1.0)
    np.testing.assert_array_equal(odd[-1], whole[4:11, 4:11, 4:11] + 15)  # half a voxel further along three axes


def test_cubes_that_are_not_there(tmp_path: Path) -> None:
    root = made(tmp_path / "out", "luna16")
    table = pd.DataFrame({"nodule_id": [f"n{n}" for n in range(COUNT)]})
    with pytest.raises(InputError, match=r"16 voxels of 1.0 mm, 32 of 1.0 mm are needed; prepare it with --size 32"):
        prepared_cubes(root, table, 32, 1.0)
    with pytest.raises(InputError, match="holds only 3 of the 3 nodules"):
        prepared_cubes(root, table.iloc[:3], 8, 1.0)
    with pytest.raises(InputError, match="prepared as 'folder'; this needs lidc or luna16"):
        prepared_cubes(made(tmp_path / "other", "folder"), table, 8, 1.0)


def test_a_lab_s_own_volumes(tmp_path: Path) -> None:
    records = prepared_volumes(made(tmp_path / "out", "folder"), 8, 1.0)
    assert records.images.shape == (COUNT, 1, 8, 8, 8)
    assert records.classes == ("a", "b")
    assert records.tier == "stand-in"
    with pytest.raises(InputError, match="all prepared samples are of class 'a'"):
        prepared_volumes(made(tmp_path / "one", "folder", ["a"]), 8, 1.0)


def test_slices_through_tumours(tmp_path: Path) -> None:
    records = prepared_slices(made(tmp_path / "out", "nsclc", ["wild type", "mutant"], 64))
    assert records.images.shape == (2 * COUNT, 1, 64, 64)
    assert records.task == "EGFR status"
    assert records.tier == "original"
    assert records.table["sample_id"].iloc[1] == "n0_1"
    with pytest.raises(InputError, match="the paper's slices are 64 px"):
        prepared_slices(made(tmp_path / "other", "nsclc", size=32))
    assert prepared_records.__doc__
