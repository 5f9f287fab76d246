"""The one image reader: Records from every layout, sizes and channels, all unreadable files at once; real data."""

from pathlib import Path

import numpy as np
import pytest

from medrepro.datamodules.images.duplicates import across_parts, find_duplicates
from medrepro.datamodules.images.reader import About, list_entries, only_archive, read_images, read_paths
from medrepro.datamodules.records import Records
from medrepro.datamodules.support.errors import InputError
from tests.datamodules._pictures import kermany_tree, picture, save

ABOUT = About("mine", kind="generated", task="pneumonia", licence="none")


def test_a_folder_becomes_records(tmp_path: Path) -> None:
    records = read_images(kermany_tree(tmp_path), ABOUT, group_pattern=r"(\w+person\d+)")
    assert records.images.shape == (33, 1, 20, 24)
    assert records.images.dtype == np.uint8
    assert records.classes == ("NORMAL", "PNEUMONIA")
    assert (records.name, records.task, records.licence) == ("mine", "pneumonia", "none")
    assert records.table["split"].value_counts().to_dict() == {"train": 18, "test": 9, "val": 6}
    row = records.table["sample_id"].tolist().index("train/PNEUMONIA/trainperson0_bacteria_1.png")
    assert records.patients[row] == "trainperson0"
    assert records.labels[row] == 1
    np.testing.assert_array_equal(records.images[row, 0], picture(1))
    assert tuple(records.table[["height", "width"]].iloc[row]) == (20, 24)


def test_different_sizes_need_a_size_and_a_colour_image_colours_all(tmp_path: Path) -> None:
    save(tmp_path / "a" / "1.png", picture(0, 20, 24))
    save(tmp_path / "b" / "2.png", picture(1, 30, 9, colour=True))
    with pytest.raises(InputError, match=r"2 image sizes from \(20, 24\) to \(30, 9\).*--image-size"):
        read_images(tmp_path, ABOUT)
    records = read_images(tmp_path, ABOUT, image_size=16)
    assert records.images.shape == (2, 3, 16, 16)
    assert (records.images[0] == records.images[0, :1]).all()
    assert records.table[["height", "width"]].to_numpy().tolist() == [[20, 24], [30, 9]]
    assert read_images(tmp_path, ABOUT, image_size=16, channels=1).images.shape == (2, 1, 16, 16)


def test_all_unreadable_images_are_listed_with_their_paths(tmp_path: Path) -> None:
    root = kermany_tree(tmp_path)
    (root / "train" / "NORMAL" / "empty.png").write_bytes(b"")
    (root / "val" / "NORMAL" / "page.jpg").write_text("<html>")
    save(root / "test" / "PNEUMONIA" / "tiny.png", picture(0, 3, 3))
    whole = (root / "train" / "PNEUMONIA" / "trainperson0_bacteria_0.png").read_bytes()
    (root / "test" / "PNEUMONIA" / "cut.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="4 of 37 images cannot be read") as caught:
        read_images(root, ABOUT)
    for name in ("train/NORMAL/empty.png", "val/NORMAL/page.jpg", "test/PNEUMONIA/tiny.png: 3 x 3 px", "cut.png"):
        assert name in str(caught.value)


def test_without_a_split_equal_pictures_are_one_patient(tmp_path: Path) -> None:
    save(tmp_path / "a" / "1.png", picture(0))
    save(tmp_path / "a" / "copy.bmp", picture(0))
    save(tmp_path / "b" / "2.png", picture(1))
    patients = read_images(tmp_path, ABOUT).patients
    assert patients[0] == patients[1] != patients[2]
    np.savez(tmp_path / "s.npz", train_images=[picture(0)] * 2, train_labels=[[0], [1]])
    assert read_images(tmp_path / "s.npz", ABOUT).patients.tolist() == ["train/000000", "train/000001"]


def test_numeric_classes_are_in_the_order_of_numbers_and_can_be_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.stack([picture(n) for n in range(11)]), y=np.arange(11)[::-1])
    records = read_images(tmp_path / "a.npz", ABOUT)
    assert records.classes == tuple(str(n) for n in range(11))
    assert records.labels.tolist() == list(range(11))[::-1]
    names = [f"class {n}" for n in range(11)]
    assert read_images(tmp_path / "a.npz", ABOUT, class_names=names).classes == tuple(names)
    with pytest.raises(InputError, match="11 classes found .* 1 named"):
        read_images(tmp_path / "a.npz", ABOUT, class_names=["one"])


def test_the_only_archive_of_a_folder_stands_for_it(tmp_path: Path) -> None:
    save(tmp_path / "a" / "1.png", picture(0))
    assert only_archive(tmp_path) == tmp_path
    (tmp_path / "set.npz").write_bytes(b"")
    assert only_archive(tmp_path) == tmp_path / "set.npz"
    (tmp_path / "list.csv").write_text("")
    assert only_archive(tmp_path) == tmp_path


def test_nothing_there_or_nothing_known(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no image data at .*nowhere"):
        list_entries(tmp_path / "nowhere")
    with pytest.raises(InputError, match="no images found; allowed layouts"):
        read_images(tmp_path, ABOUT)
    (tmp_path / "a.rar").write_bytes(b"")
    with pytest.raises(InputError, match=r"a\.rar: not a known kind"):
        list_entries(tmp_path / "a.rar")


def test_one_class_is_refused_and_every_image_needs_its_group(tmp_path: Path) -> None:
    save(tmp_path / "a" / "1.png", picture(0))
    with pytest.raises(InputError, match="all images are of class 'a'"):
        read_images(tmp_path, ABOUT)
    save(tmp_path / "b" / "p7_1.png", picture(1))
    save(tmp_path / "a" / "1.png", picture(0))
    with pytest.raises(InputError, match="finds no patient in a/1.png"):
        read_images(tmp_path, ABOUT, group_pattern=r"(p\d+)")


def test_paths_grey_and_cropped_and_what_cannot_be_read(tmp_path: Path) -> None:
    grey = save(tmp_path / "grey.tif", np.full((18, 24), 80, np.uint8))
    colour = save(tmp_path / "colour.png", picture(0, 18, 24, colour=True))
    images = read_paths([grey, colour], 9, "half")
    assert images.shape == (2, 3, 9, 9)
    assert np.unique(images[0]).tolist() == [80]
    with pytest.raises(InputError, match=r"colour.png: resize mode 'quarter' makes 24 x 18 pixels 6 x 4"):
        read_paths([colour], 9, "quarter")
    (tmp_path / "broken.png").write_bytes(b"no image")
    with pytest.raises(InputError, match=r"broken.png: not an image"):
        read_paths([tmp_path / "broken.png"], 9, "squash")


def leaks(records: Records) -> list[str]:
    table = records.table
    found = find_duplicates(table["content_hash"], table["split"], table["sample_id"], table["label"])
    return [str(parts) for parts in across_parts(found)["parts"]]


@pytest.mark.real_data
def test_pneumonia_mnist_has_eight_images_in_train_and_validation(real_data: Path) -> None:
    records = read_images(real_data / "pneumonia_mnist" / "pneumoniamnist_reconstructed.npz", ABOUT)
    assert records.table["split"].value_counts().to_dict() == {"train": 4708, "test": 624, "val": 524}
    assert leaks(records) == ["train+val"] * 8


@pytest.mark.real_data
def test_covid_ct_has_its_official_split_and_no_copy(real_data: Path) -> None:
    records = read_images(real_data / "covid_ct" / "covid_ct_gray256.npz", ABOUT, image_size=48)
    assert records.images.shape == (746, 1, 48, 48)
    assert records.table["split"].value_counts().to_dict() == {"train": 425, "test": 203, "val": 118}
    assert records.labels.sum() == 349
    assert leaks(records) == []


@pytest.mark.real_data
def test_mnist_idx_and_the_skin_tar(real_data: Path) -> None:
    digits = read_images(real_data / "mnist", ABOUT)
    assert digits.images.shape == (10_000, 1, 28, 28)
    assert np.bincount(digits.labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    skin = read_images(real_data / "skin" / "skin_ham10000_3297_128.tar", ABOUT, image_size=32)
    assert skin.images.shape == (3297, 3, 32, 32)
    assert np.bincount(skin.labels).tolist() == [1800, 1497]
