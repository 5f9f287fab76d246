"""The command: what it writes, what it says, what it skips, what it refuses, and that a kill costs nothing."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import filelock
import numpy as np
import pandas as pd
import pytest

from medrepro.datamodules.lidc.nodules import nodules
from medrepro.datamodules.prepare import __main__ as prepare
from medrepro.datamodules.prepare.__main__ import main
from medrepro.datamodules.prepare.format import is_prepared, open_prepared, sha256
from medrepro.datamodules.support.errors import InputError
from tests.datamodules._ct_series import Scanner, edit, phantom, tree_bytes, write_ct
from tests.datamodules._lidc_on_disk import check_cubes, small_scans, write_dicom, write_mhd

COUNT = 4


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four scans, a series of other data and a text file."""
    folder = tmp_path_factory.mktemp("lidc")
    for uid in small_scans(COUNT):
        write_dicom(folder, uid)
    write_ct(folder / "other", phantom())
    (folder / "LICENSE").write_text("CC BY 3.0")
    return folder


@pytest.fixture(scope="module")
def prepared(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, prepared once."""
    out = tmp_path_factory.mktemp("out") / "lidc"
    assert run(source, out) == 0
    return out


def run(source: Path, out: Path, *more: str, name: str = "lidc") -> int:
    return main([name, "--source", str(source), "--out", str(out), "--workers", "1", "--size", "32", "--quiet", *more])


def refused(capsys: pytest.CaptureFixture[str], work: Callable[[], Any]) -> str:
    """Return the one line of a refusal."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as caught:
        work()
    assert caught.value.code == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1, lines
    return lines[0]


def test_every_nodule_is_cut_out_with_its_outline_and_ratings(prepared: Path) -> None:
    data = open_prepared(prepared, "lidc", verify=True)
    assert data.images.shape == (COUNT, 32, 32, 32)
    assert data.images.dtype == np.int16
    check_cubes(data.images, data.masks())
    ours = nodules().set_index("nodule_id").loc[data.table["nodule_id"]]
    assert set(data.table["series"]) == set(small_scans(COUNT))
    for column in ("malignancy_mean", "diameter_mm", "patient_id", "n_readers"):
        assert data.table[column].tolist() == ours[column].tolist()
    assert np.array_equal(data.masks(np.array([2, 0])), data.masks()[[2, 0]])


def test_the_card_says_what_is_there(prepared: Path) -> None:
    card = json.loads((prepared / "card.json").read_text())
    assert card["counts"] == {"images": COUNT, "patients": COUNT, "prepared": COUNT, "series": COUNT, "skipped": 0}
    assert card["source"]["scans in the annotation database"] == 1018
    assert card["source"]["series of other data"] == 1
    assert card["files"]["images.npy"]["sha256"] == sha256(prepared / "images.npy")
    text = (prepared / "card.md").read_text()
    assert card["files"]["table.parquet"]["sha256"] in text
    assert str(prepared.parent) not in text + json.dumps(card)
    series = pd.read_parquet(prepared / "series.parquet")
    assert series["images"].tolist() == [1] * COUNT
    assert (series["hu_sha256"].str.len() == 64).all()


def test_run_again_it_changes_nothing(source: Path, prepared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.stat().st_mtime_ns for path in prepared.iterdir()}
    assert run(source, prepared) == 0
    assert "is already prepared: 4 images, 4 patients" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in prepared.iterdir()} == before


def test_killed_and_run_again_gives_the_same_bytes(source: Path, prepared: Path, tmp_path: Path) -> None:
    out = tmp_path / "killed"
    command = [
        sys.executable,
        "-m",
        "medrepro.datamodules.prepare.__main__",
        "lidc",
        "--source",
        str(source),
        "--out",
        str(out),
    ]
    process = subprocess.Popen([*command, "--size", "32", "--quiet", "--workers", "1"])
    deadline = time.monotonic() + 120
    ledger = out / ".parts" / "ledger.jsonl"
    while not (ledger.exists() and ledger.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert 1 <= len(ledger.read_bytes().splitlines()) < COUNT
    with pytest.raises(InputError, match="half prepared; run the same"):
        open_prepared(out)
    assert is_prepared(out)
    assert run(source, out) == 0
    assert tree_bytes(out) == tree_bytes(prepared)


def test_killed_while_the_arrays_are_written(
    source: Path, prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(prepare, "finish", killed)
        with pytest.raises(SystemExit) as caught:
            run(source, tmp_path / "out")
    assert caught.value.code == 130
    assert (tmp_path / "out" / "images.npy").exists()
    images = tmp_path / "out" / ".parts" / "images.raw"
    images.write_bytes(images.read_bytes()[:-2000])  # a unit damaged meanwhile is read again
    assert run(source, tmp_path / "out") == 0
    assert tree_bytes(tmp_path / "out") == tree_bytes(prepared)


def test_two_processes_give_the_bytes_of_one(source: Path, prepared: Path, tmp_path: Path) -> None:
    assert run(source, tmp_path / "out", "--workers", "2") == 0
    assert tree_bytes(tmp_path / "out") == tree_bytes(prepared)


def test_bad_series_are_skipped_with_their_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, uids = tmp_path / "source", small_scans(3)
    files = [write_dicom(source, uid) for uid in uids]
    files[0][3].unlink()
    files[1][0].write_bytes(files[1][0].read_bytes()[:200])
    assert run(source, tmp_path / "out") == 1
    said = capsys.readouterr()
    assert "2 images" in said.out
    assert f"{uids[0]}: slices missing: 1" in said.err
    assert f"{files[1][0].relative_to(source)}: " in said.err
    series = open_prepared(tmp_path / "out").series
    assert (series["reason"] != "").sum() == 2
    assert run(source, tmp_path / "out") == 1  # said again
    line = refused(capsys, lambda: run(source, tmp_path / "strict", "--strict"))
    assert "stopped by --strict" in line
    assert not (tmp_path / "strict" / "card.json").exists()


def test_a_series_resampled_or_cut_short_is_no_original(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    uids = small_scans(2)
    for file in write_dicom(tmp_path / "a", uids[0]):
        edit(file, PixelSpacing=[0.9, 0.9])
    line = refused(capsys, lambda: run(tmp_path / "a", tmp_path / "out"))
    assert "no image could be prepared from 1 series" in line
    assert "the annotations were drawn on" in line
    assert not (tmp_path / "out").exists()
    for file in write_dicom(tmp_path / "b", uids[1])[3:]:
        file.unlink()
    assert "lies outside the scan" in refused(capsys, lambda: run(tmp_path / "b", tmp_path / "out"))


def test_a_scan_stored_from_the_head_down_or_prone_gives_the_same_cubes(tmp_path: Path) -> None:
    uid = small_scans(1)[0]
    write_dicom(tmp_path / "a", uid)
    write_dicom(tmp_path / "b", uid, Scanner(orientation=(-1, 0, 0, 0, -1, 0)))  # the same pixels, the patient prone
    assert [run(tmp_path / name, tmp_path / f"{name}-out") for name in "ab"] == [0, 0]
    a, b = (open_prepared(tmp_path / f"{name}-out") for name in "ab")
    check_cubes(b.images, b.masks())
    turned = np.rot90(b.images[0], 2, axes=(1, 2))
    assert np.abs(turned.astype(int) - a.images[0]).max() <= 1


def test_luna16_gives_the_same_records(tmp_path: Path) -> None:
    uids, source = small_scans(2), tmp_path / "luna16"
    for number, uid in enumerate(uids):
        write_mhd(source / f"subset{number}", uid)
        write_dicom(tmp_path / "lidc", uid)
    assert run(tmp_path / "lidc", tmp_path / "a") == 0
    ours = open_prepared(tmp_path / "a").table
    ours["world_z_mm"] += 1  # as far as LUNA16's may lie from ours
    columns = ["series", "world_x_mm", "world_y_mm", "world_z_mm", "diameter_mm"]
    lines = [",".join(map(str, row)) for row in ours[columns].to_numpy().tolist()]
    lines.append(f"{uids[0]},0,0,0,5")
    (source / "annotations.csv").write_text("seriesuid,coordX,coordY,coordZ,diameter_mm\n" + "\n".join(lines) + "\n")
    assert run(source, tmp_path / "b", name="luna16") == 0
    a, b = open_prepared(tmp_path / "a", "lidc"), open_prepared(tmp_path / "b", "luna16")
    np.testing.assert_array_equal(a.images, b.images)
    np.testing.assert_array_equal(a.masks(), b.masks())
    pd.testing.assert_frame_equal(a.table, b.table)
    agreement = b.card["agreement"]
    assert agreement["published nodules of these scans"] == 3
    assert agreement["with one of ours within 5 mm"] == 2
    assert agreement["median distance in mm"] == 1.0
    assert [one["series_uid"] for one in agreement["unmatched"]] == [uids[0]]


def test_refusals(source: Path, prepared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = {
        "no such folder": lambda: run(tmp_path / "nothing", tmp_path / "out"),
        "is a file; --source": lambda: run(source / "LICENSE", tmp_path / "out"),
        "lies in the source": lambda: run(source, source / "out"),
        "none of its series is a scan": lambda: run(source / "other", tmp_path / "out"),
        "none of its 0 files is DICOM": lambda: run(tmp_path, tmp_path.parent / "out"),
        "was prepared with settings": lambda: run(source, prepared, "--size", "64"),
        "was prepared as lidc": lambda: run(luna16_source(tmp_path), prepared, name="luna16"),
        "multiples of 8": lambda: run(source, tmp_path / "out", "--size", "30"),
        "0.1 to 10 mm": lambda: run(source, tmp_path / "out", "--spacing", "0"),
        "1 to 256": lambda: run(source, tmp_path / "out", "--workers", "0"),
        "is not empty": lambda: run(source, tmp_path),
        "annotations.csv not found": lambda: run(source, tmp_path / "out", name="luna16"),
        "invalid choice": lambda: run(source, tmp_path / "out", name="lidc2"),
    }
    assert len(lines) == 13
    for said, work in lines.items():
        assert said in refused(capsys, work)
    assert not (tmp_path / "out").exists()


def luna16_source(tmp_path: Path) -> Path:
    write_mhd(tmp_path / "luna16", small_scans(1)[0])
    (tmp_path / "luna16" / "annotations.csv").write_text("seriesuid,coordX,coordY,coordZ,diameter_mm\n")
    return tmp_path / "luna16"


def test_changed_files_and_half_prepared_folders(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, out = tmp_path / "source", tmp_path / "out"
    files = write_dicom(source, small_scans(1)[0])
    assert run(source, out) == 0
    os.utime(files[0], (1, 1))
    assert "was prepared from files" in refused(capsys, lambda: run(source, out))
    (out / "card.json").unlink()
    assert "not empty and no prepared folder" in refused(capsys, lambda: run(source, out))
    half = tmp_path / "half"
    (half / ".parts").mkdir(parents=True)
    (half / ".parts" / "plan.json").write_text("{}")
    assert "is half prepared as {}" in refused(capsys, lambda: run(source, half))
    (tmp_path / "file").write_text("x")
    assert "is a file; --out" in refused(capsys, lambda: run(source, tmp_path / "file"))
    with filelock.FileLock(tmp_path / ".busy.lock"):
        assert "by another process" in refused(capsys, lambda: run(source, tmp_path / "busy"))


def test_no_space(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    monkeypatch.setattr(
        "medrepro.datamodules.support.cache.shutil.disk_usage", lambda _: type("Usage", (), {"free": 1000})()
    )
    assert "are free; free space or choose another --out" in refused(capsys, lambda: run(source, tmp_path / "out"))
    assert not (tmp_path / "out").exists()
