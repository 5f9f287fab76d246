"""npz and IDX: every layout, every way of being damaged."""

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from medrepro.datamodules.images.archives import idx_entries, is_idx_folder, npz_entries, read_idx
from medrepro.datamodules.support.errors import InputError
from tests.datamodules._pictures import picture


def stack(count: int, seed: int = 0, colour: bool = False) -> npt.NDArray[np.uint8]:
    return np.stack([picture(seed + number, 12, 12, colour) for number in range(count)])


def idx(array: npt.NDArray[np.uint8]) -> bytes:
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()


def test_medmnist_layout(tmp_path: Path) -> None:
    arrays: dict[str, Any] = {"train_images": stack(3), "train_labels": np.array([[0], [1], [1]])}
    arrays |= {"val_images": stack(1, 5), "val_labels": np.array([[0]])}
    np.savez(tmp_path / "a.npz", **arrays)
    entries = npz_entries(tmp_path / "a.npz")
    assert [(e.sample_id, e.label, e.split) for e in entries] == [
        ("train/000000", "0", "train"),
        ("train/000001", "1", "train"),
        ("train/000002", "1", "train"),
        ("val/000000", "0", "val"),
    ]
    np.testing.assert_array_equal(entries[3].pixels(), picture(5, 12, 12))


def test_keras_layouts(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x_train=stack(2, colour=True), y_train=[1, 0], x_test=stack(1), y_test=[1])
    assert [e.split for e in npz_entries(tmp_path / "a.npz")] == ["train", "train", "test"]
    np.savez(tmp_path / "b.npz", x=stack(2), y=[4, 7])
    assert [(e.sample_id, e.split, e.label) for e in npz_entries(tmp_path / "b.npz")] == [
        ("all/000000", "", "4"),
        ("all/000001", "", "7"),
    ]


def test_covid_ct_layout(tmp_path: Path) -> None:
    names = np.array(["p1-a.png", "p2-b.png"])
    np.savez(tmp_path / "a.npz", images=stack(2), label=[1, 0], split=["train", "test"], filename=names)
    first, second = npz_entries(tmp_path / "a.npz", r"(p\d+)-")
    assert (first.sample_id, first.label, first.split, first.group) == ("train/1/p1-a.png", "1", "train", "p1")
    assert (second.split, second.group) == ("test", "p2")
    np.savez(tmp_path / "b.npz", images=stack(2), label=[1, 0], split=["train", "test"], group=["A", "B"])
    assert [e.group for e in npz_entries(tmp_path / "b.npz")] == ["A", "B"]


def test_npz_errors(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    path.write_bytes(b"PK but no zip")
    with pytest.raises(InputError, match="cannot be read as an npz"):
        npz_entries(path)
    np.savez(path, x=np.array([{}], dtype=object), y=[1])
    with pytest.raises(InputError, match="npz of plain arrays"):
        npz_entries(path)
    np.savez(path, pictures=stack(2))
    with pytest.raises(InputError, match=r"unknown layout \(pictures\); allowed: .*train_images|_images"):
        npz_entries(path)
    np.savez(path, x=stack(2), y=[1, 0, 1])
    with pytest.raises(InputError, match="2 images, 3 labels; the counts must be equal"):
        npz_entries(path)
    np.savez(path, train_images=stack(2), train_labels=np.zeros((2, 14)))
    with pytest.raises(InputError, match=r"shape \(2, 14\); one class per image"):
        npz_entries(path)
    np.savez(path, images=stack(2), label=[1, 0], split=["train", "later"])
    with pytest.raises(InputError, match="unknown split 'later'"):
        npz_entries(path)


def test_idx_files_plain_and_gzipped(tmp_path: Path) -> None:
    images, labels = stack(3), np.array([7, 2, 1], dtype=np.uint8)
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx(images))
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(labels))
    (tmp_path / "t10k-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(images[:1])))
    (tmp_path / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(labels[:1])))
    assert is_idx_folder(tmp_path)
    assert not is_idx_folder(tmp_path / "none")
    entries = idx_entries(tmp_path)
    assert [(e.split, e.label) for e in entries] == [("train", "7"), ("train", "2"), ("train", "1"), ("test", "7")]
    np.testing.assert_array_equal(entries[1].pixels(), images[1])


def test_idx_errors(tmp_path: Path) -> None:
    path = tmp_path / "t10k-images-idx3-ubyte"
    whole = idx(stack(2))
    path.write_bytes(whole)
    with pytest.raises(InputError, match="has no labels beside it; add t10k-labels"):
        idx_entries(tmp_path)
    for content, message in (
        (b"\x89PNG", "no IDX file of unsigned bytes: it starts with 89 50 4e 47"),
        (whole[:-5], r"holds 299 bytes, its header says 16 and \(2, 12, 12\)"),
        (whole[:9], "its header says"),
        (b"\0\0\x0d\x01" + b"\0" * 8, "unsigned bytes"),
    ):
        path.write_bytes(content)
        with pytest.raises(InputError, match=message):
            read_idx(path)
    zipped = tmp_path / "a.gz"
    zipped.write_bytes(gzip.compress(whole)[:-20])
    with pytest.raises(InputError, match="cannot be unpacked"):
        read_idx(zipped)
