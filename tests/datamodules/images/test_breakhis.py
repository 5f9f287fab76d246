from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from medrepro.datamodules.images.breakhis import index_breakhis, parse_name, read_breakhis
from medrepro.datamodules.support.errors import InputError

NAMES = {  # in the published tree: class, subtype folder, slide folder, magnification
    "SOB_B_A-14-22549AB-40-001.png": "benign/SOB/adenosis/SOB_B_A_14-22549AB/40X",
    "SOB_B_A-14-22549CD-40-002.png": "benign/SOB/adenosis/SOB_B_A_14-22549CD/40X",
    "SOB_B_TA-14-4659-100-001.png": "benign/SOB/tubular_adenoma/SOB_B_TA_14-4659/100X",
    "SOB_M_DC-14-13412-40-001.png": "malignant/SOB/ductal_carcinoma/SOB_M_DC_14-13412/40X",
    "SOB_M_LC-14-13412-40-001.png": "malignant/SOB/lobular_carcinoma/SOB_M_LC_14-13412/40X",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for number, (name, folder) in enumerate(NAMES.items()):
        place = tmp_path / "BreaKHis_v1" / "histology_slides" / "breast" / folder
        place.mkdir(parents=True)
        Image.new("RGB", (70, 46), (40 * number, 100, 50)).save(place / name)
    return tmp_path


def test_a_name_says_it_all() -> None:
    found = parse_name("SOB_B_TA-14-4659-40-001.png")
    assert (found.malignant, found.subtype, found.magnification, found.number) == (False, "tubular_adenoma", 40, 1)
    assert (found.slide_id, found.patient_id) == ("14-4659", "14-4659")
    assert parse_name("SOB_B_A-14-22549AB-40-001").patient_id == "14-22549"


def test_slides_of_one_case_stay_together(root: Path) -> None:
    records = read_breakhis(root, 16)
    assert records.images.shape == (5, 3, 16, 16)
    assert records.classes == ("benign", "malignant")
    by_name = dict(zip(records.table["sample_id"], records.patients, strict=True))
    assert by_name["SOB_B_A-14-22549AB-40-001"] == by_name["SOB_B_A-14-22549CD-40-002"]
    assert by_name["SOB_M_DC-14-13412-40-001"] == by_name["SOB_M_LC-14-13412-40-001"]
    assert records.table.set_index("sample_id")["label"].to_dict() == {
        name.removesuffix(".png"): int("_M_" in name) for name in NAMES
    }


def test_one_magnification_and_eight_subtypes(root: Path) -> None:
    assert read_breakhis(root, 16, magnification=100).table["sample_id"].tolist() == ["SOB_B_TA-14-4659-100-001"]
    subtypes = read_breakhis(root, 16, task="subtype")
    assert len(subtypes.classes) == 8
    assert [subtypes.classes[label] for label in subtypes.labels] == list(subtypes.table["subtype"])


@pytest.mark.parametrize("name", ["SOB_M_TA-14-4659-40-001.png", "SOB_B_TA-14-4659-50-001.png", "photo.png"])
def test_names_that_cannot_be_are_refused(name: str) -> None:
    with pytest.raises(InputError, match=name):
        parse_name(name)


def test_an_empty_folder_says_what_to_put_there(tmp_path: Path, root: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match=r"no BreaKHis images below .*empty: unpack BreaKHis_v1.tar.gz"):
        index_breakhis(tmp_path / "empty")
    with pytest.raises(FileNotFoundError, match="no BreaKHis images at 400X"):
        index_breakhis(root, 400)


@pytest.mark.real_data
def test_the_published_samples(real_data: Path) -> None:
    records = read_breakhis(real_data / "breakhis", 64)
    assert len(records) == 12
    assert np.bincount(records.labels).tolist() == [8, 4]
    assert (records.images.std(axis=(1, 2, 3)) > 10).all()


@pytest.mark.real_data
def test_all_published_names_parse_to_82_slides_and_70_cases(real_data: Path) -> None:
    lists = [pd.read_csv(real_data / "breakhis" / f"split_{part}.csv") for part in ("train", "val", "test")]
    listed = pd.concat(lists, ignore_index=True)
    names = [parse_name(path.replace("\\", "/").rsplit("/", 1)[-1]) for path in listed["filepath"]]
    assert len(names) == 7909
    assert sum(name.malignant for name in names) == 5429
    assert len({(name.slide_id, name.subtype) for name in names}) == 82
    assert len({name.patient_id for name in names}) == 70
    assert [name.subtype for name in names] == list(listed["subtype"])
    assert [name.magnification for name in names] == list(listed["magnification"])
