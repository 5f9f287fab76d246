"""A datamodule opens a prepared folder itself, and refuses a wrong one."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from medrepro.datamodules.egfr import EGFRDataModule
from medrepro.datamodules.lidc.cohorts import labelled_luna16, rated_nodules
from medrepro.datamodules.multiscale import MultiScaleDataModule
from medrepro.datamodules.prepare.format import FILES, FORMAT, VERSION, sha256
from medrepro.datamodules.prepare.units import Part, Plan, Unit, assemble, finish, prepare_parts
from medrepro.datamodules.segradcam import SEGradCAMDataModule
from medrepro.datamodules.support.errors import InputError

PATIENTS = 40


class Made(Unit):
    """A unit whose key is a nodule's id and whose patient is in ``patient_id``."""

    def read(self) -> Part:
        label = int(self.key.rpartition("-")[2]) % 2 if "-x-" in self.key else 0
        row = {
            "sample_id": self.key,
            "nodule_id": self.key,
            "patient_id": self.patient_id,
            "label": label,
            "cohort": "one",
        }
        shape = (3, 64, 64) if self.expected == 3 else (1, 64, 64, 64)
        images = (np.indices(shape).sum(axis=0) * 5 - 1000).astype(np.int16)
        rows = [row | {"sample_id": f"{self.key}/{n}", "mask_pixels": 9, "diameter_mm": 8.0} for n in range(shape[0])]
        return Part(images, images > 0, rows, {})


def made(out: Path, name: str, ids: "list[str]", patients: "list[str]", version: int = VERSION) -> Path:
    planes = 3 if name == "nsclc" else 1
    shape = (64, 64) if name == "nsclc" else (64,) * 3
    pairs = zip(ids, patients, strict=True)
    plan = Plan(name, {}, shape, tuple(Made(key, who, (), out, planes) for key, who in pairs))
    prepare_parts(plan, out, workers=1, strict=False, quiet=True)
    assemble(plan, out, [])
    files = {file: {"bytes": (out / file).stat().st_size, "sha256": sha256(out / file)} for file in FILES}
    card = {"format": FORMAT, "version": version, "name": name, "files": files, "classes": ["a", "b"]}
    finish(out, card | {"licence": "", "counts": {"prepared": 1}, "settings": {"size": 64, "spacing_mm": 1.0}}, "")
    return out


def some(table: pd.DataFrame) -> tuple[list[str], list[str]]:
    """Return ids and patients of the nodules of the first patients."""
    first = table[table["patient_id"].isin(sorted(set(table["patient_id"]))[:PATIENTS])]
    return first["nodule_id"].tolist(), first["patient_id"].tolist()


def test_segradcam_and_multiscale_take_prepared_lidc(tmp_path: Path) -> None:
    ids, patients = some(labelled_luna16())
    data = SEGradCAMDataModule(data="lidc", data_root=str(made(tmp_path / "lidc", "lidc", ids, patients)), folds=3)
    data.setup()
    assert data.images.shape == (len(ids), 1, 32, 32, 32)
    assert data.records.table["nodule_id"].tolist() == ids
    assert data.records.tier == "original"
    ids, patients = some(rated_nodules())
    root = made(tmp_path / "luna16", "luna16", ids, patients)
    coarse = MultiScaleDataModule(data="lidc", data_root=str(root), voxel_mm=2.0)
    coarse.setup()
    assert coarse.images.shape == (len(ids), 1, 32, 32, 32)


def test_egfr_takes_prepared_tumours_and_segradcam_a_lab_s_own_scans(tmp_path: Path) -> None:
    ids = [f"a-x-{n}" for n in range(PATIENTS)]
    egfr = EGFRDataModule(data="nsclc", data_root=str(made(tmp_path / "nsclc", "nsclc", ids, ids)), batches="rs")
    egfr.setup()
    assert egfr.images.shape == (3 * PATIENTS, 1, 64, 64)
    assert 0 <= float(egfr.images.min()) < float(egfr.images.max()) <= 1  # HU, windowed
    assert egfr.baseline_columns() == {"diameter": "diameter_mm", "pixel-count": "mask_pixels"}
    own = SEGradCAMDataModule(data="folder", data_root=str(made(tmp_path / "own", "folder", ids, ids)), folds=3)
    own.setup()
    assert own.images.shape == (PATIENTS, 1, 32, 32, 32)
    assert own.records.labels.sum() == PATIENTS // 2


def test_wrong_folders_are_refused(tmp_path: Path) -> None:
    ids = [f"a-x-{n}" for n in range(3)]
    old = made(tmp_path / "old", "lidc", ids, ids, version=0)
    with pytest.raises(InputError, match="prepared in format 0, this program reads 1; prepare it"):
        SEGradCAMDataModule(data="lidc", data_root=str(old)).load_records()
    (tmp_path / "half" / ".parts").mkdir(parents=True)
    with pytest.raises(InputError, match="half prepared; run the same"):
        MultiScaleDataModule(data="lidc", data_root=str(tmp_path / "half")).load_records()
    with pytest.raises(InputError, match="half prepared; run the same"):
        EGFRDataModule(data="nsclc", data_root=str(tmp_path / "half")).load_records()
    with pytest.raises(FileNotFoundError, match="no prepared folder"):
        SEGradCAMDataModule(data="folder", data_root=str(tmp_path)).load_records()


def test_only_lidc_depends_on_whether_the_folder_was_prepared(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="none of the .* scans is there"):
        SEGradCAMDataModule(data="lidc", data_root=str(tmp_path)).load_records()
    with pytest.raises(FileNotFoundError, match="none of the .* scans is there"):
        MultiScaleDataModule(data="lidc", data_root=str(tmp_path)).load_records()
    (tmp_path / ".parts").mkdir()
    with pytest.raises(InputError, match="half prepared; run the same"):
        SEGradCAMDataModule(data="lidc", data_root=str(tmp_path)).load_records()
    embedded = EGFRDataModule(data="embedded", data_root=str(tmp_path), limit_patients=4).load_records()
    assert embedded.name == "embedded"
    (tmp_path / "nodulemnist3d_64.npz").write_bytes(b"PK")
    with pytest.raises(InputError, match="nodulemnist3d_64.npz cannot be read"):
        SEGradCAMDataModule(data="nodulemnist3d", data_root=str(tmp_path)).load_records()
