"""The stored nodule table: renewed when damaged or of another version, made once by two processes at once."""

import logging
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from medrepro.datamodules.lidc import table as lidc_table
from medrepro.datamodules.lidc.table import load_store, majority
from tests.datamodules._lidc_cache import cache_folder, fresh_folder

NAME = "lidc-nodules.npz"


@pytest.fixture
def rebuilt(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Take the making of a store out: it returns the shared one and notes that it was asked."""
    shared = load_store(cache_folder())
    calls: list[object] = []

    def build(database: object) -> lidc_table.NoduleStore:
        calls.append(database)
        return shared

    monkeypatch.setattr(lidc_table, "read_database", lambda path: path)
    monkeypatch.setattr(lidc_table, "build_store", build)
    return calls


def test_stored_table_is_the_table(tmp_path: Path, rebuilt: list[object]) -> None:
    stored, made = load_store(fresh_folder(tmp_path)), load_store(cache_folder())
    assert not rebuilt
    pd.testing.assert_frame_equal(stored.table, made.table)
    np.testing.assert_array_equal(stored.mask(7), made.mask(7))


def test_missing_store_is_made_and_kept(tmp_path: Path, rebuilt: list[object]) -> None:
    load_store(tmp_path)
    assert len(rebuilt) == 1
    assert (tmp_path / NAME).read_bytes() == (cache_folder() / NAME).read_bytes()


@pytest.mark.parametrize("keep", [0, 10, 100_000, -1])
def test_damaged_store_is_made_anew(
    tmp_path: Path, rebuilt: list[object], caplog: pytest.LogCaptureFixture, keep: int
) -> None:
    whole = (cache_folder() / NAME).read_bytes()
    (tmp_path / NAME).write_bytes(whole[:keep])
    with caplog.at_level(logging.WARNING):
        store = load_store(tmp_path)
    assert len(rebuilt) == 1
    assert "is damaged" in caplog.text
    assert len(store.table) == len(load_store(cache_folder()).table)
    assert (tmp_path / NAME).read_bytes() == whole


def test_flipped_byte_is_noticed(tmp_path: Path, rebuilt: list[object]) -> None:
    damaged = bytearray((cache_folder() / NAME).read_bytes())
    damaged[len(damaged) // 2] ^= 255
    (tmp_path / NAME).write_bytes(damaged)
    load_store(tmp_path)
    assert len(rebuilt) == 1


def test_other_version_is_made_anew(tmp_path: Path, rebuilt: list[object], monkeypatch: pytest.MonkeyPatch) -> None:
    fresh_folder(tmp_path)
    monkeypatch.setattr(lidc_table, "TABLE_VERSION", lidc_table.TABLE_VERSION + 1)
    load_store(tmp_path)
    assert len(rebuilt) == 1


@pytest.mark.parametrize(
    ("values", "usual", "expected"),
    [([6, 6, 3], 6, 6), ([3, 3, 6], 6, 3), ([3, 6], 6, 6), ([3, 5], 6, 3), ([1, 4, 4], 1, 4), ([2], 1, 2)],
)
def test_majority(values: list[int], usual: int, expected: int) -> None:
    assert majority(np.array(values), usual) == expected


@pytest.mark.slow
def test_two_processes_make_one_table(tmp_path: Path) -> None:
    script = f"from medrepro.datamodules.lidc.nodules import nodules; print(len(nodules(cache_dir={str(tmp_path)!r})))"
    both = [subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert {process.communicate(timeout=250)[0].strip() for process in both} == {"2651"}
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".lock"] == [NAME]
