"""The append-only store: what is whole is kept, what is not is cut, and writing needs an open store."""

from pathlib import Path

import numpy as np
import pytest

from medrepro.datamodules.rendering.pool import Rendering
from medrepro.datamodules.support.array_store import RenderStore


def rendering(number: int, planes: int = 3) -> Rendering:
    rng = np.random.default_rng(number)
    images = rng.integers(-1000, 400, (planes, 9, 9)).astype(np.int16)
    return Rendering(f"n{number}", np.arange(planes) + number, images, images > 0)


def filled(folder: Path, count: int) -> RenderStore:
    store = RenderStore(folder, {"version": 1}, 9)
    with store:
        for number in range(len(store.entries), count):
            store.append(rendering(number, planes=number + 1))
    return store


def test_what_was_appended_is_there(tmp_path: Path) -> None:
    store = filled(tmp_path, 3)
    again = RenderStore(tmp_path, {"version": 1}, 9)
    assert again.entries == store.entries
    assert [entry.planes for entry in again.entries] == [[0], [1, 2], [2, 3, 4]]
    images = np.fromfile(again.images_path, np.int16).reshape(-1, 9, 9)
    np.testing.assert_array_equal(images, np.concatenate([rendering(n, n + 1).images for n in range(3)]))
    bits = np.unpackbits(np.fromfile(again.masks_path, np.uint8).reshape(6, -1), axis=1, count=81)
    np.testing.assert_array_equal(bits.reshape(6, 9, 9).astype(bool), images > 0)


@pytest.mark.parametrize("cut", range(0, 400, 23))
def test_any_cut_is_finished_to_the_same_bytes(tmp_path: Path, cut: int) -> None:
    whole = filled(tmp_path / "whole", 3)
    store = filled(tmp_path / "cut", 3)
    for path in (store.images_path, store.masks_path, tmp_path / "cut" / "ledger.jsonl"):
        path.write_bytes(path.read_bytes()[: max(path.stat().st_size - cut, 0)])
    finished = filled(tmp_path / "cut", 3)
    assert finished.sha256() == whole.sha256()
    assert finished.entries == whole.entries


def test_other_header_empties_the_folder(tmp_path: Path) -> None:
    filled(tmp_path, 2).sha256()
    store = RenderStore(tmp_path, {"version": 2}, 9)
    assert store.entries == []
    assert not (tmp_path / "sha256.txt").exists()


def test_appending_needs_an_open_store(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="open the store with a `with` statement"):
        RenderStore(tmp_path, {}, 9).append(rendering(0))
