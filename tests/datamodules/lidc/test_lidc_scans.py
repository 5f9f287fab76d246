"""Nodules cut from scans lie where the annotations say: on made-up series, and on the real scan."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from medrepro.datamodules.ct.lenient import CTVolume, read_volume
from medrepro.datamodules.lidc import volumes as lidc_scans
from medrepro.datamodules.lidc.cohorts import luna16_nodules
from medrepro.datamodules.lidc.nodules import consensus_mask
from medrepro.datamodules.lidc.volumes import nodule_centre, scan_cubes
from medrepro.datamodules.support.errors import InputError
from tests.datamodules._dicom import write_series


def table(uid: str, count: int) -> pd.DataFrame:
    rows = [{"series_uid": uid, "centroid_z_mm": -40.0, "centroid_y_mm": 14.0, "centroid_x_mm": 10.0}] * count
    return pd.DataFrame(rows)


def test_centre_is_scanner_z_and_pixels_in_plane() -> None:
    volume = CTVolume(np.zeros((5, 40, 40), np.int16), np.array([-50.0, -45, -40, -35, -30]), (0.7, 0.5))
    assert nodule_centre(volume, table("", 1).iloc[0]) == pytest.approx((2.0, 20.0, 20.0))


def test_cubes_are_cut_at_the_nodule(tmp_path: Path) -> None:
    hu = np.full((9, 40, 40), -850, np.int16)
    hu[4, 20, 20] = 1000  # at z -40, y 14 mm, x 10 mm
    uid = write_series(tmp_path / "a" / "b", hu, (2.5, 0.7, 0.5))
    wanted = pd.concat([table("1.2.3", 1), table(uid, 20)])
    cubes, found = scan_cubes(tmp_path, wanted, 9, 1.0)
    assert cubes.shape == (20, 9, 9, 9)
    assert found.tolist() == list(range(1, 21))
    assert np.unravel_index(cubes[0].argmax(), cubes[0].shape) == (4, 4, 4)


def test_errors(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="none of the 1 LIDC-IDRI scans"):
        scan_cubes(tmp_path, table("1.2.3", 1), 8, 1.0)
    hu = np.full((9, 40, 40), -850, np.int16)
    hu[0, 0, 0] = 100
    uid = write_series(tmp_path, hu, (2.5, 0.7, 0.5))
    with pytest.raises(InputError, match="only 3 nodules found"):
        scan_cubes(tmp_path, table(uid, 3), 8, 1.0)
    assert lidc_scans.__doc__


def first_nodule() -> "pd.Series[float]":
    table = luna16_nodules()
    return table[table["patient_id"] == "LIDC-IDRI-0001"].iloc[0]


@pytest.mark.real_data
def test_the_real_scan_agrees_with_the_table(real_data: Path) -> None:
    """Window, orientation, spacing and centre on LIDC-IDRI-0001, to 2 mm."""
    volume = read_volume(real_data / "lidc_ct" / "LIDC-IDRI-0001.npz")
    nodule = first_nodule()
    mask, origin, spacing = consensus_mask(str(nodule["nodule_id"]))
    assert spacing[1:] == pytest.approx(volume.pixel_mm)
    assert spacing[0] == pytest.approx(np.diff(volume.z_mm)[0])
    centre = nodule_centre(volume, nodule)
    cube = volume.cube(centre, 32, 1.0)
    turned = volume.cube((centre[0], centre[2], centre[1]), 32, 1.0)
    core = np.linalg.norm(np.indices(cube.shape) - 15.5, axis=0) < 6
    assert cube[core].mean() > -100
    assert turned[core].mean() < cube[core].mean() - 300  # x and y swapped is elsewhere

    rows, columns = (slice(start, start + size) for start, size in zip(origin[1:], mask.shape[1:], strict=True))
    first = round(volume.index_of_z(float(nodule["centroid_z_mm"]) - (mask.shape[0] - 1) / 2 * spacing[0]))
    block = volume.hu[first : first + mask.shape[0], rows, columns]
    assert block[mask].mean() > -400 > block[~mask].mean()
    places = np.argwhere(mask & (block > -400)).mean(axis=0) * np.array(spacing)  # of the bright voxels of the mask
    middle = np.argwhere(mask).mean(axis=0) * np.array(spacing)
    assert np.linalg.norm(places - middle) < 2


@pytest.mark.real_data
def test_the_real_cubes_lie_at_the_table_s_centroid(real_data: Path) -> None:
    archive = np.load(real_data / "lidc_ct" / "lidc_real_patches_32.npz", allow_pickle=False)
    first = np.flatnonzero((archive["kind"] == "nodule") & (archive["patient"] == "LIDC-IDRI-0001"))[0]
    volume = read_volume(real_data / "lidc_ct" / "LIDC-IDRI-0001.npz")
    nodule = first_nodule()
    in_plane = np.array([nodule["centroid_y_mm"], nodule["centroid_x_mm"]])
    assert np.abs(archive["center_mm_zyx"][first][1:] - in_plane).max() < 2
    ours = volume.cube(nodule_centre(volume, nodule), 32, 1.0).astype(float).clip(-1000, 400)
    real = archive["cubes"][first].astype(float).clip(-1000, 400)
    shifts = [
        (dz, dy, dx) for dz in range(-2, 3) for dy in range(-2, 3) for dx in range(-2, 3)
    ]  # within 2 mm some shift must make them one
    inner = (slice(4, -4),) * 3
    best = max(
        np.corrcoef(np.roll(ours, shift, (0, 1, 2))[inner].ravel(), real[inner].ravel())[0, 1] for shift in shifts
    )
    assert best > 0.97
