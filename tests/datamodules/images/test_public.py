"""The data sets of Table I: found below the root, or said to be missing; MNIST from what there is."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from medrepro.datamodules.images.public import SOURCES, read_source
from tests.datamodules._pictures import kermany_tree, picture


def test_every_data_set_says_what_it_is() -> None:
    assert len(SOURCES) == 10
    for name, source in SOURCES.items():
        assert source.about.name == name
        assert source.about.tier in ("original", "stand-in")
        assert source.about.surrogate_for is None or source.about.tier == "stand-in"


def test_a_folder_below_the_root(tmp_path: Path) -> None:
    kermany_tree(tmp_path / "chest_xray")
    records = read_source("chest-xray", tmp_path)
    assert records.classes == ("NORMAL", "PNEUMONIA")
    assert (records.name, records.tier, len(records)) == ("chest-xray", "original", 33)


def test_an_only_archive_stands_for_its_folder(tmp_path: Path) -> None:
    (tmp_path / "covid_ct").mkdir()
    images = np.stack([picture(n, 16, 16) for n in range(3)])
    np.savez(
        tmp_path / "covid_ct" / "a.npz",
        images=images,
        label=[1, 1, 0],
        split=["train", "train", "test"],
        filename=["doc-p3%0.png", "doc-p3%1.png", "7.png"],
    )
    records = read_source("covid-ct", tmp_path, image_size=8)
    assert records.patients.tolist() == ["doc-p3", "doc-p3", "7.png"]
    assert records.classes == ("not COVID-19", "COVID-19")
    assert records.images.shape == (3, 1, 8, 8)


def test_medmnist_brings_its_class_names(tmp_path: Path) -> None:
    (tmp_path / "pneumonia_mnist").mkdir()
    arrays = {"train_images": np.stack([picture(n, 28, 28) for n in range(2)]), "train_labels": np.array([[0], [1]])}
    np.savez(tmp_path / "pneumonia_mnist" / "x.npz", train_images=arrays["train_images"], train_labels=[[0], [1]])
    assert read_source("pneumoniamnist", tmp_path).classes == ("normal", "pneumonia")


def idx(array: np.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape) + array.tobytes()


def test_mnist_without_its_training_images_takes_the_npz(tmp_path: Path) -> None:
    folder = tmp_path / "mnist"
    folder.mkdir()
    images = np.stack([picture(n, 28, 28) for n in range(4)])
    (folder / "t10k-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(images[:2])))
    (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(np.array([3, 9], dtype=np.uint8))))
    np.savez(folder / "mnist_train_unordered.npz", x=images[2:], y=[3, 9])
    records = read_source("mnist", tmp_path)
    assert records.table["split"].tolist() == ["train", "train", "test", "test"]
    assert records.classes == ("3", "9")
    np.testing.assert_array_equal(records.images[:2, 0], images[2:])


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no data malaria at .*malaria: put it there"):
        read_source("malaria", tmp_path)
