from pathlib import Path

import pytest
from PIL import Image

from medrepro.datamodules.images.livecell import index_livecell, read_livecell


@pytest.fixture
def root(tmp_path: Path) -> Path:
    names = {
        "livecell_train_val_images/A172/A172_Phase_A7_1_00d00h00m_1.tif": 90,
        "livecell_train_val_images/A172/A172_Phase_A7_1_00d04h00m_2.tif": 91,
        "livecell_train_val_images/SkBr3_Phase_E3_2_03d20h00m_4.tif": 120,
        "livecell_test_images/SkBr3/SkBr3_Phase_H3_1_00d00h00m_3.tif": 121,
        "livecell_test_images/SkBr3/notes_Phase.tif": 0,
    }
    for name, value in names.items():
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (704, 520), value).save(path)
    return tmp_path


def test_lines_wells_and_parts_from_the_published_names(root: Path) -> None:
    listed = index_livecell(root).sort_values("line", ignore_index=True)
    assert listed["line"].tolist() == ["A172", "A172", "SkBr3", "SkBr3"]
    assert set(listed["split"]) == {"train_val", "test"}
    records = read_livecell(root, 26)
    assert records.images.shape == (4, 3, 26, 26)
    assert records.classes == ("A172", "SkBr3")
    assert set(records.patients) == {"A172/A7", "SkBr3/E3", "SkBr3/H3"}
    assert sorted(records.images[:, 0, 0, 0].tolist()) == [90, 91, 120, 121]
    assert (records.images[:, 0] == records.images[:, 2]).all()
    assert records.surrogate_for == "cell line of the private images"


def test_an_empty_folder_says_what_to_put_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no LIVECell images below .*livecell_train_val_images"):
        index_livecell(tmp_path)
