"""Cached renderings: the same bytes whatever the selection, the processes, a kill or a damaged block."""

import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from medrepro.datamodules.lidc import rendered as lidc_cache
from medrepro.datamodules.lidc.nodules import nodules, render
from medrepro.datamodules.lidc.rendered import nodule_slices, rendered_volumes
from medrepro.datamodules.rendering.render import RENDER_VERSION
from medrepro.datamodules.support.errors import InputError
from tests.datamodules._lidc_cache import cache_folder, fresh_folder, short_selection

SCRIPT = """
import sys
from medrepro.datamodules.lidc.nodules import nodules
from medrepro.datamodules.lidc.rendered import rendered_volumes
if __name__ == "__main__":
    folder, ids = sys.argv[1], sys.argv[2].split(",")
    table = nodules(cache_dir=folder).set_index("nodule_id").loc[ids].reset_index()
    print(rendered_volumes(table, 32, 1.0, 0, cache_dir=folder, workers=int(sys.argv[3])).sha256)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return fresh_folder(tmp_path)


def store_folder(folder: Path) -> Path:
    (found,) = [path for path in folder.iterdir() if path.is_dir()]
    return found


def start(folder: Path, table: pd.DataFrame, workers: int, script: str = SCRIPT) -> "subprocess.Popen[str]":
    path = folder / "render_them.py"
    path.write_text(script, encoding="utf-8")
    command = [sys.executable, str(path), str(folder), ",".join(table["nodule_id"]), str(workers)]
    return subprocess.Popen(command, text=True, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_volumes_are_those_of_render(folder: Path) -> None:
    table = short_selection(3)
    cubes = rendered_volumes(table, 32, 1.0, 5, cache_dir=folder, workers=1)
    assert cubes.volumes.shape == (3, 32, 32, 32)
    assert cubes.volumes.dtype == np.int16
    assert cubes.nodule_ids == table["nodule_id"].tolist()
    for number, (_, row) in enumerate(table.iterrows()):
        volume, mask = render(row, size=32, spacing=1.0, seed=5, cache_dir=folder)
        np.testing.assert_array_equal(cubes.volumes[number], volume)
        np.testing.assert_array_equal(cubes.masks([number])[0], mask)
    assert cubes.masks().shape == cubes.volumes.shape


def test_bytes_do_not_depend_on_order_selection_or_processes(folder: Path) -> None:
    table = short_selection(10)
    first = rendered_volumes(table, 32, 2.0, 0, cache_dir=folder, workers=2)
    backwards = rendered_volumes(table.iloc[::-2], 32, 2.0, 0, cache_dir=folder, workers=1)
    np.testing.assert_array_equal(first.volumes[::-2], backwards.volumes)
    np.testing.assert_array_equal(first.masks()[::-2], backwards.masks())
    other_seed = rendered_volumes(table.head(1), 32, 2.0, 1, cache_dir=folder, workers=1)
    assert (other_seed.volumes != first.volumes[:1]).mean() > 0.9
    np.testing.assert_array_equal(other_seed.masks(), first.masks()[:1])


def test_slices_are_planes_of_the_volumes(folder: Path) -> None:
    table = short_selection(4)
    planes = nodule_slices(table, seed=2, cache_dir=folder, workers=1)
    cubes = rendered_volumes(table, 64, 1.0, 2, cache_dir=folder, workers=1)
    masks = cubes.masks()
    touched = masks.any(axis=(2, 3))
    np.testing.assert_array_equal(planes.images, cubes.volumes[touched])
    np.testing.assert_array_equal(planes.masks(), masks[touched])
    np.testing.assert_array_equal(planes.table["mask_pixels"], masks[touched].sum(axis=(1, 2)))
    assert planes.table["sample_id"].is_unique
    assert planes.table["nodule_id"].tolist() == np.repeat(table["nodule_id"], touched.sum(axis=1)).tolist()
    own = planes.table.merge(table, on="nodule_id", suffixes=("", "_nodule"))
    assert (own["patient_id"] == own["patient_id_nodule"]).all()
    assert ((own["z_mm"] - own["centroid_z_mm"]).abs() <= 32).all()
    middle = own["z_mm"].groupby(own["nodule_id"]).mean() - table.set_index("nodule_id")["centroid_z_mm"]
    assert middle.abs().max() < 2


def test_second_call_renders_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = short_selection(2)
    first = nodule_slices(table, cache_dir=folder, workers=1)
    monkeypatch.setattr(lidc_cache, "each", None)
    again = nodule_slices(table, cache_dir=folder, workers=1)
    assert again.sha256 == first.sha256
    pd.testing.assert_frame_equal(again.table, first.table)


@pytest.mark.parametrize("file", ["images.raw", "masks.raw", "ledger.jsonl"])
@pytest.mark.parametrize("harm", ["cut", "flip", "grow", "empty"])
def test_damaged_cache_is_finished_to_the_same_bytes(
    folder: Path, file: str, harm: str, caplog: pytest.LogCaptureFixture
) -> None:
    table = short_selection(3)
    whole = rendered_volumes(table, 16, 2.0, 0, cache_dir=folder, workers=1)
    volumes, sha256 = whole.volumes.copy(), whole.sha256
    path = store_folder(folder) / file
    data = path.read_bytes()
    middle = len(data) // 2
    flipped = data[:middle] + bytes([data[middle] ^ 255]) + data[middle + 1 :]
    path.write_bytes({"cut": data[:middle], "flip": flipped, "grow": data + b"x" * 9, "empty": b""}[harm])
    with caplog.at_level(logging.WARNING):
        again = rendered_volumes(table, 16, 2.0, 0, cache_dir=folder, workers=1)
    np.testing.assert_array_equal(again.volumes, volumes)
    assert again.sha256 == sha256
    assert path.read_bytes() == data
    assert ("is damaged" in caplog.text) or harm in {"grow", "empty"}


def test_cache_of_another_version_is_rendered_again(folder: Path) -> None:
    table = short_selection(2)
    first = rendered_volumes(table, 16, 2.0, 0, cache_dir=folder, workers=1)
    volumes = first.volumes.copy()
    store = store_folder(folder)
    (store / "header.json").write_text('{"version": 0}')
    (store / "images.raw").write_bytes(bytes(2 * volumes.size))
    again = rendered_volumes(table, 16, 2.0, 0, cache_dir=folder, workers=1)
    np.testing.assert_array_equal(again.volumes, volumes)


def test_version_is_part_of_the_caches_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rendered_volumes(short_selection(1), 16, 2.0, 0, cache_dir=folder, workers=1)
    monkeypatch.setattr(lidc_cache, "RENDER_VERSION", RENDER_VERSION + 1)
    rendered_volumes(short_selection(1), 16, 2.0, 0, cache_dir=folder, workers=1)
    assert len([path for path in folder.iterdir() if path.is_dir()]) == 2


def test_killed_rendering_is_finished_and_leaves_no_process(folder: Path) -> None:
    table = short_selection(60)
    killed = start(folder, table, workers=2)
    ledgers: list[Path] = []
    while not ledgers or not ledgers[0].stat().st_size:
        assert killed.poll() is None, killed.communicate()
        time.sleep(0.01)
        ledgers = list(folder.glob("lidc-volumes-*/ledger.jsonl"))
    os.kill(killed.pid, signal.SIGKILL)
    killed.communicate(timeout=250)  # returns only when the workers, which share its pipes, are gone too
    done = len(ledgers[0].read_bytes().splitlines())
    assert 0 < done < 60
    finished = rendered_volumes(table, 32, 1.0, 0, cache_dir=folder, workers=1)
    (folder / "fresh").mkdir()
    fresh = rendered_volumes(table, 32, 1.0, 0, cache_dir=fresh_folder(folder / "fresh"), workers=1)
    assert finished.sha256 == fresh.sha256
    np.testing.assert_array_equal(finished.volumes, fresh.volumes)


def test_two_processes_render_one_cache(folder: Path) -> None:
    table = short_selection(12)
    both = [start(folder, table, workers=1) for _ in range(2)]
    sums = {process.communicate(timeout=250)[0].strip() for process in both}
    assert sums == {rendered_volumes(table, 32, 1.0, 0, cache_dir=folder, workers=1).sha256}


def test_workers_do_not_import_the_calling_script(folder: Path) -> None:
    table = short_selection(10)
    script = "print('imported')\n" + SCRIPT.replace('if __name__ == "__main__":', "if True:")
    output = start(folder, table, workers=2, script=script).communicate(timeout=250)[0].split()
    assert output == ["imported", rendered_volumes(table, 32, 1.0, 0, cache_dir=folder, workers=1).sha256]


def test_progress_is_told_in_lines_where_there_is_no_terminal(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rendered_volumes(short_selection(3), 16, 2.0, 0, cache_dir=folder, workers=1)
    assert capsys.readouterr().err.splitlines() == [f"rendering nodules: {done}/3" for done in (1, 2, 3)]
    rendered_volumes(short_selection(2), 16, 2.0, 0, cache_dir=folder, progress=False, workers=1)
    assert capsys.readouterr().err == ""


def test_selection_must_be_one(folder: Path) -> None:
    table = nodules(cache_dir=cache_folder()).head(2)
    with pytest.raises(InputError, match="nothing to render in a table of 0 rows"):
        nodule_slices(table.head(0), cache_dir=folder)
    with pytest.raises(InputError, match="columns .*pass rows of medrepro.datamodules.lidc.nodules.nodules"):
        nodule_slices(table[["scan_id"]], cache_dir=folder)
    with pytest.raises(InputError, match="names 1 nodules twice"):
        nodule_slices(table.iloc[[0, 1, 0]], cache_dir=folder)
    with pytest.raises(InputError, match="no LIDC nodule is called 'other'"):
        nodule_slices(table.assign(nodule_id="other").head(1), cache_dir=folder)
    with pytest.raises(InputError, match="size is 4 voxels"):
        rendered_volumes(table, 4, 1.0, 0, cache_dir=folder)


def test_full_disk_is_said_before_rendering(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "medrepro.datamodules.support.cache.shutil.disk_usage", lambda _: type("Usage", (), {"free": 1000})
    )
    with pytest.raises(InputError, match="rendering needs 1 MB .* 0 MB are free; free space or choose"):
        rendered_volumes(short_selection(1), 64, 1.0, 0, cache_dir=folder)
