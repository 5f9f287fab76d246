"""The cell-line paper's reading of a user's folder: classes, flasks in the names, lists."""

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from medrepro.datamodules.cellline import CellLineDataModule
from medrepro.datamodules.records import Records
from medrepro.datamodules.support.errors import InputError


def write(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (24, 18), (100, 50, 25)).save(path)


def read_folder(root: Path, size: int, **changes: Any) -> Records:
    return CellLineDataModule(data="folder", data_root=str(root), image_size=size, **changes).load_records()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for line, flask, number in [("A", "f1", 1), ("A", "f1", 2), ("A", "f2", 1), ("B", "f1", 1), ("B", "f3", 1)]:
        write(tmp_path / line / f"{flask}__{number}.png")
    write(tmp_path / "B" / "single.jpg")
    return tmp_path


def test_class_folders_with_groups(tree: Path) -> None:
    records = read_folder(tree, 12)
    assert records.images.shape == (6, 3, 12, 12)
    assert records.classes == ("A", "B")
    assert records.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert list(records.patients) == ["A/f1", "A/f1", "A/f2", "B/f1", "B/f3", "B/single"]
    assert records.images[0, :, 5, 5].tolist() == [100, 50, 25]
    assert set(records.table["cohort"]) == {tree.name}
    assert (records.name, records.kind, records.licence) == ("folder", f"images of {tree.name}", "the owner's")
    assert read_folder(tree, 9, resize="half", grey=True).images.shape == (6, 1, 9, 9)


def test_a_listing(tree: Path) -> None:
    (tree / "list.csv").write_text("path,label,group\nA/f1__1.png,x,well1\nA/f1__2.png,y,well2\nB/f1__1.png,x,well3\n")
    records = read_folder(tree, 12)
    assert records.classes == ("x", "y")
    assert list(records.patients) == ["well1", "well2", "well3"]
    (tree / "list.csv").unlink()
    (tree / "other.csv").write_text("path,label\nA/f1__1.png,x\nA/f1__2.png,y\nB/f1__1.png,x\n")
    copies = read_folder(tree, 9)  # the three pictures are one and the same, so they are one patient
    assert len(set(copies.patients)) == 1


def test_one_class_is_no_task(tmp_path: Path) -> None:
    write(tmp_path / "A" / "f1__1.png")
    with pytest.raises(InputError, match="all images are of class 'A'; two or more are needed"):
        read_folder(tmp_path, 12)
    with pytest.raises(FileNotFoundError, match="absent"):
        read_folder(tmp_path / "absent", 12)
