from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from medrepro.datamodules.images.reader import read_folder, read_paths
from medrepro.datamodules.support.errors import InputError


def write(path: Path, value: int = 100, size: tuple[int, int] = (24, 18), mode: str = "RGB") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, value if mode == "L" else (value, value // 2, value // 4)).save(path)
    return path


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


def test_a_listing(tree: Path) -> None:
    (tree / "list.csv").write_text("path,label,group\nA/f1__1.png,x,well1\nA/f1__2.png,y,well2\nB/f1__1.png,x,well3\n")
    records = read_folder(tree, 12)
    assert records.classes == ("x", "y")
    assert list(records.patients) == ["well1", "well2", "well3"]


def test_grey_and_crop_and_what_cannot_be_read(tmp_path: Path) -> None:
    grey = write(tmp_path / "grey.tif", 80, mode="L")
    colour = write(tmp_path / "colour.png", 120)
    images = read_paths([grey, colour], 9, "half")
    assert images.shape == (2, 3, 9, 9)
    assert np.unique(images[0]).tolist() == [80]
    with pytest.raises(InputError, match=r"colour.png: resize mode 'quarter' makes 24 x 18 pixels 6 x 4"):
        read_paths([colour], 9, "quarter")
    (tmp_path / "broken.png").write_bytes(b"no image")
    with pytest.raises(InputError, match=r"broken.png: not an image"):
        read_paths([tmp_path / "broken.png"], 9, "squash")


def test_one_class_is_no_task(tmp_path: Path) -> None:
    write(tmp_path / "A" / "f1__1.png")
    with pytest.raises(InputError, match=r"1 class\(es\) found; needed: two or more"):
        read_folder(tmp_path, 12)
    with pytest.raises(FileNotFoundError, match="absent"):
        read_folder(tmp_path / "absent", 12)
