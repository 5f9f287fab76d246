"""Image trees, tars and CSVs: classes, splits, groups, and what is refused."""

import tarfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from medrepro.datamodules.images.files import csv_entries, folder_entries, tar_entries
from medrepro.datamodules.support.errors import InputError
from tests.datamodules._pictures import kermany_tree, picture, save


def test_split_class_file(tmp_path: Path) -> None:
    entries = folder_entries(kermany_tree(tmp_path), r"(person\d+)")
    assert len(entries) == 33
    counts = pd.Series([(entry.split, entry.label) for entry in entries]).value_counts().to_dict()
    assert counts[("train", "PNEUMONIA")] == 12
    assert counts[("test", "NORMAL")] == 3
    first = next(entry for entry in entries if "trainperson0_bacteria_0" in entry.sample_id)
    assert first.group == "person0"
    np.testing.assert_array_equal(first.pixels(), picture(0))


def test_class_file_and_deeper_folders(tmp_path: Path) -> None:
    save(tmp_path / "benign" / "p1" / "a.png", picture(0))
    save(tmp_path / "malignant" / "b.TIF".lower(), picture(1))
    (tmp_path / "readme.txt").write_text("ignored")
    entries = folder_entries(tmp_path)
    assert [(e.sample_id, e.label, e.split, e.group) for e in entries] == [
        ("benign/p1/a.png", "benign", "", ""),
        ("malignant/b.tif", "malignant", "", ""),
    ]


def test_a_tar_reads_as_its_folder(tmp_path: Path) -> None:
    root = kermany_tree(tmp_path / "tree")
    with tarfile.open(tmp_path / "tree.tar", "w") as tar:
        for name in ("train", "val", "test", "__MACOSX"):
            tar.add(root / name, arcname=name)
    inside, outside = tar_entries(tmp_path / "tree.tar"), folder_entries(root)
    assert [(e.sample_id, e.label, e.split) for e in inside] == [(e.sample_id, e.label, e.split) for e in outside]
    for one, other in zip(inside, outside, strict=True):
        np.testing.assert_array_equal(one.pixels(), other.pixels())


def test_a_compressed_or_damaged_tar_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(b"no tar at all" * 100)
    with pytest.raises(InputError, match="unpack it and give the folder"):
        tar_entries(tmp_path / "x.tar")


def test_csv_with_splits_and_patients(tmp_path: Path) -> None:
    save(tmp_path / "img" / "a.png", picture(0))
    save(tmp_path / "img" / "b.png", picture(1))
    rows = [("img/a.png", "COVID", "train", "P1"), ("img\\b.png", "NonCOVID", "Validation", "P2")]
    pd.DataFrame(rows, columns=["path", "label", "split", "patient_id"]).to_csv(tmp_path / "list.csv", index=False)
    entries = csv_entries(tmp_path / "list.csv")
    assert [(e.label, e.split, e.group) for e in entries] == [("COVID", "train", "P1"), ("NonCOVID", "val", "P2")]
    np.testing.assert_array_equal(entries[1].pixels(), picture(1))


def test_csv_with_path_and_label_only_takes_groups_from_the_pattern(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("path,label\np7_1.png,0\n")
    (entry,) = csv_entries(tmp_path / "list.csv", r"(p\d+)_")
    assert (entry.split, entry.group) == ("", "p7")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,label\na,b\n", "lacks the columns path; found: file, label"),
        ("path,label\na.png,0\nb.png,\n", r"line 3 has no path or no label \(1 such"),
        ("path,label,split\na.png,0,holdout\n", "unknown split 'holdout'; allowed: train"),
    ],
)
def test_csv_errors(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "list.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        csv_entries(tmp_path / "list.csv")


def test_classes_beside_splits_and_stray_images_are_refused(tmp_path: Path) -> None:
    save(tmp_path / "train" / "a" / "1.png", picture(0))
    save(tmp_path / "benign" / "2.png", picture(1))
    with pytest.raises(InputError, match="train are splits but benign stand beside them"):
        folder_entries(tmp_path)
    save(tmp_path / "other" / "class" / "1.png", picture(0))
    save(tmp_path / "other" / "2.png", picture(0))
    with pytest.raises(InputError, match=r"1 images lie outside a class folder, such as 2\.png"):
        folder_entries(tmp_path / "other")


@pytest.mark.parametrize(
    ("pattern", "message"),
    [("(", "no regular expression"), ("person", "has 0 groups; exactly one"), (r"(case\d+)", "finds no patient in")],
)
def test_group_patterns_that_cannot_work(tmp_path: Path, pattern: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        folder_entries(kermany_tree(tmp_path), pattern)
