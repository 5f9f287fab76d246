"""The append-only store keeps what is whole and cuts off the rest; a kept file is computed once, again if damaged."""

import errno
import logging
import threading
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from medrepro.datamodules.support.array_store import Arrays, ArrayStore, kept_arrays, kept_frame
from medrepro.datamodules.support.errors import InputError

ROWS = {"images": (np.int16, (9, 9)), "masks": (np.uint8, (11,))}


def images(number: int, planes: int) -> npt.NDArray[np.int16]:
    return np.random.default_rng(number).integers(-1000, 400, (planes, 9, 9)).astype(np.int16)


def opened(folder: Path, version: int = 1) -> ArrayStore:
    return ArrayStore(folder, {"version": version}, ROWS)


def filled(folder: Path, count: int) -> ArrayStore:
    store = opened(folder)
    for number in range(len(store.entries), count):
        values = images(number, number + 1)
        packed = np.packbits(values.reshape(number + 1, -1) > 0, axis=1)
        store.append(f"n{number}", {"planes": list(range(number, 2 * number + 1))}, images=values, masks=packed)
    return store


def test_what_was_appended_is_there(tmp_path: Path) -> None:
    store = filled(tmp_path, 3)
    again = opened(tmp_path)
    assert again.entries == store.entries
    assert [entry.key for entry in again.entries] == ["n0", "n1", "n2"]
    assert [entry.facts["planes"] for entry in again.entries] == [[0], [1, 2], [2, 3, 4]]
    assert [entry.rows for entry in again.entries] == [slice(0, 1), slice(1, 3), slice(3, 6)]
    whole = np.concatenate([images(n, n + 1) for n in range(3)])
    np.testing.assert_array_equal(again.array("images"), whole)
    bits = np.unpackbits(again.array("masks"), axis=1, count=81)
    np.testing.assert_array_equal(bits.reshape(6, 9, 9).astype(bool), whole > 0)


@pytest.mark.parametrize("cut", range(0, 400, 23))
def test_any_cut_is_finished_to_the_same_bytes(tmp_path: Path, cut: int) -> None:
    whole = filled(tmp_path / "whole", 3)
    filled(tmp_path / "cut", 3)
    for name in ("images.raw", "masks.raw", "ledger.jsonl"):
        path = tmp_path / "cut" / name
        path.write_bytes(path.read_bytes()[: max(path.stat().st_size - cut, 0)])
    finished = filled(tmp_path / "cut", 3)
    assert finished.sha256() == whole.sha256()
    assert finished.entries == whole.entries


def test_a_changed_fact_is_damage(tmp_path: Path) -> None:
    filled(tmp_path, 3)
    path = tmp_path / "ledger.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"n1"', b'"n7"'))
    assert [entry.key for entry in opened(tmp_path).entries] == ["n0"]


def test_other_header_empties_the_folder(tmp_path: Path) -> None:
    filled(tmp_path, 2).sha256()
    store = opened(tmp_path, version=2)
    assert store.entries == []
    assert store.array("images").shape == (0, 9, 9)
    assert not (tmp_path / "sha256.txt").exists()


def test_the_checksum_is_that_of_the_data(tmp_path: Path) -> None:
    first = filled(tmp_path, 2).sha256()
    assert filled(tmp_path, 3).sha256() != first
    assert opened(tmp_path).sha256() == filled(tmp_path / "fresh", 3).sha256()


def test_an_entry_must_fit_the_store(tmp_path: Path) -> None:
    store = opened(tmp_path)
    fitting: dict[str, np.ndarray] = {"images": images(0, 2), "masks": np.zeros((2, 11), np.uint8)}
    other: list[dict[str, np.ndarray]] = [{"images": images(0, 3)}, {"masks": np.zeros((2, 11))}, {"more": np.zeros(2)}]
    for wrong in other:
        with pytest.raises(ValueError, match="entry 'a' has .* the store takes"):
            store.append("a", None, **{**fitting, **wrong})
    store.append("a", None, **fitting)


def test_a_full_disk_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = opened(tmp_path)

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", full)
        with pytest.raises(InputError, match="cannot write .*: No space left on device; free space"):
            store.append("a", None, images=images(0, 2), masks=np.zeros((2, 11), np.uint8))
    assert opened(tmp_path).entries == []


class Counted:
    """Arrays, with a count of their computations."""

    def __init__(self, wait_s: float = 0.0) -> None:
        self.calls, self.wait_s = 0, wait_s

    def __call__(self) -> Arrays:
        self.calls += 1
        time.sleep(self.wait_s)
        return {"values": np.arange(5000.0), "words": np.array(["a", "bc"])}


def test_a_kept_file_is_computed_once_for_each_stamp(tmp_path: Path) -> None:
    compute, path = Counted(), tmp_path / "deep" / "kept.npz"
    for stamp, calls in (("1", 1), ("1", 1), ("2", 2), ("2", 2)):
        found = kept_arrays(path, compute, stamp)
        assert compute.calls == calls
        assert list(found) == ["values", "words"]
        np.testing.assert_array_equal(found["values"], np.arange(5000.0))


@pytest.mark.parametrize("harm", ["cut", "flip", "empty", "no archive"])
def test_a_damaged_file_is_computed_again(tmp_path: Path, harm: str, caplog: pytest.LogCaptureFixture) -> None:
    compute, path = Counted(), tmp_path / "kept.npz"
    kept_arrays(path, compute)
    data, middle = path.read_bytes(), path.stat().st_size // 2
    flipped = data[:middle] + bytes([data[middle] ^ 255]) + data[middle + 1 :]
    path.write_bytes({"cut": data[:200], "flip": flipped, "empty": b"", "no archive": b"x" * 99}[harm])
    with caplog.at_level(logging.WARNING):
        kept_arrays(path, compute)
    assert compute.calls == 2
    assert "is damaged" in caplog.text
    assert path.read_bytes() == data


def test_threads_that_ask_at_once_compute_once(tmp_path: Path) -> None:
    compute = Counted(wait_s=0.2)
    threads = [threading.Thread(target=kept_arrays, args=(tmp_path / "kept.npz", compute)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert compute.calls == 1


def test_a_kept_table_comes_back_to_the_last_digit(tmp_path: Path) -> None:
    table = pd.DataFrame({"b/one": [0.1, 1 / 3], "a": [1, 2]})
    for _ in range(2):
        pd.testing.assert_frame_equal(kept_frame(tmp_path / "kept.npz", lambda: table), table, check_exact=True)
