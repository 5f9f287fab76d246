"""Nodules cut from scans lie where the annotations say: on made-up series, and on the real scan."""

from pathlib import Path

import numpy as np
import pandas as pd
import pydicom
import pytest

from medrepro.datamodules.ct.read import read_ct
from medrepro.datamodules.ct.volume import CT, Floats
from medrepro.datamodules.lidc import scans
from medrepro.datamodules.lidc.cohorts import luna16_nodules
from medrepro.datamodules.lidc.nodules import consensus_mask, nodules
from medrepro.datamodules.lidc.scans import dicom_scans, metaimage_scans, nodule_voxels, read_scan, scan_cubes
from medrepro.datamodules.prepare.lidc import ScanUnit
from medrepro.datamodules.support.errors import InputError
from tests.datamodules._ct_series import Scanner, edit
from tests.datamodules._lidc_on_disk import NODULE, check_cubes, small_scans, write_dicom, write_mhd


@pytest.fixture(autouse=True)
def _few_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scans, "MIN_NODULES", 2)


def table_of(uids: list[str]) -> pd.DataFrame:
    table = nodules()
    return table[table["series_uid"].isin(uids)].reset_index(drop=True)


FLIPPED = Scanner(orientation=(-1, 0, 0, 0, -1, 0))  # as 12 patients of LIDC-IDRI are stored


@pytest.mark.parametrize("kind", ["dicom", "flipped", "mhd"])
def test_a_scan_gives_the_cube_that_prepare_gives(kind: str, tmp_path: Path) -> None:
    """One reader: raw scans, turned as a dozen of LIDC-IDRI's are, and LUNA16's files, as prepare cuts them."""
    uids = small_scans(2)
    for uid in uids:
        if kind == "mhd":
            write_mhd(tmp_path / "subset0", uid)
        else:
            write_dicom(tmp_path, uid, FLIPPED if kind == "flipped" else None)
    known = (metaimage_scans if kind == "mhd" else dicom_scans)(tmp_path)
    assert set(known.files) == set(uids)
    wanted = table_of(uids)
    cubes, found = scan_cubes(tmp_path, wanted, 32, 1.0)
    assert found.tolist() == list(range(len(wanted)))
    for position, uid in enumerate(wanted["series_uid"]):
        unit = ScanUnit(uid, "P", tuple(known.files[uid]), tmp_path, 1, uid, 32, 1.0, None)
        part = unit.read()
        np.testing.assert_array_equal(cubes[position], part.images[0])
        check_cubes(part.images, part.masks)


def test_a_nodule_lies_on_the_same_pixels_of_its_files_however_they_are_turned(tmp_path: Path) -> None:
    (uid,) = small_scans(1)
    nodule = table_of([uid]).iloc[0]
    _, _, spacing = consensus_mask(str(nodule["nodule_id"]))
    for scanner in (None, FLIPPED):
        folder = tmp_path / str(scanner is None)
        write_dicom(folder, uid, scanner)
        scan = read_scan(dicom_scans(folder).files[uid], uid)
        voxel = nodule_voxels(scan, nodule)[0]
        assert voxel[1:] == pytest.approx([nodule["centroid_y_mm"] / spacing[1], nodule["centroid_x_mm"] / spacing[2]])
        assert scan.hu[tuple(np.rint(voxel).astype(int))] == NODULE


def test_a_scan_with_a_slice_missing_is_refused_not_interpolated(tmp_path: Path) -> None:
    (uid,) = small_scans(1)
    files = sorted(write_dicom(tmp_path, uid), key=lambda file: pydicom.dcmread(file).ImagePositionPatient[2])
    files[len(files) // 2].unlink()
    with pytest.raises(InputError, match="slices missing: 1 between"):
        scan_cubes(tmp_path, table_of([uid]), 8, 1.0)


def test_errors(tmp_path: Path) -> None:
    (uid, other) = small_scans(2)
    with pytest.raises(FileNotFoundError, match="--data-root names the folder"):
        scan_cubes(tmp_path / "nothing", table_of([uid]), 8, 1.0)
    with pytest.raises(
        FileNotFoundError, match=r"none of the 1 LIDC-IDRI scans is there \(0 CT series found\); download"
    ):
        scan_cubes(tmp_path, table_of([uid]), 8, 1.0)
    write_dicom(tmp_path, uid)
    with pytest.raises(FileNotFoundError, match=r"none of the 1 LIDC-IDRI scans is there \(1 CT series found\)"):
        scan_cubes(tmp_path, table_of([other]), 8, 1.0)
    with pytest.raises(InputError, match="only 1 nodules found"):
        scan_cubes(tmp_path, table_of([uid]), 8, 1.0)
    victim = next((tmp_path / uid).iterdir())
    victim.write_bytes(victim.read_bytes()[:150])
    with pytest.raises(InputError, match=f"1 files cannot be read, such as {uid}/{victim.name}: "):
        scan_cubes(tmp_path, table_of([uid]), 8, 1.0)


def test_a_scan_with_other_voxels_than_the_annotations_is_named(tmp_path: Path) -> None:
    (uid,) = small_scans(1)
    for file in write_dicom(tmp_path, uid):
        edit(file, PixelSpacing=[0.5, 0.5])
    with pytest.raises(InputError, match=f"{uid}: voxels of .* give the original series"):
        scan_cubes(tmp_path, table_of([uid]), 8, 1.0)


def first_nodule() -> "pd.Series[float]":
    table = luna16_nodules()
    return table[table["patient_id"] == "LIDC-IDRI-0001"].iloc[0]


def cut(scan: CT, voxel: Floats) -> np.ndarray:
    return scan.crop(scan.to_world(voxel), (32, 32, 32), 1.0)


@pytest.mark.real_data
def test_the_real_scan_agrees_with_the_table(real_data: Path) -> None:
    """Window, orientation, spacing and centre on LIDC-IDRI-0001, to 2 mm."""
    volume = read_ct(real_data / "lidc_ct" / "LIDC-IDRI-0001.npz")
    nodule = first_nodule()
    mask, origin, spacing = consensus_mask(str(nodule["nodule_id"]))
    assert spacing == pytest.approx(volume.spacing)
    centre = nodule_voxels(volume, nodule)[0]
    cube = cut(volume, centre)
    turned = cut(volume, centre[[0, 2, 1]])
    core = np.linalg.norm(np.indices(cube.shape) - 15.5, axis=0) < 6
    assert cube[core].mean() > -100
    assert turned[core].mean() < cube[core].mean() - 300  # x and y swapped is elsewhere

    rows, columns = (slice(start, start + size) for start, size in zip(origin[1:], mask.shape[1:], strict=True))
    lowest = float(nodule["centroid_z_mm"]) - (mask.shape[0] - 1) / 2 * spacing[0]
    first = round((lowest - volume.origin[0]) / spacing[0])
    block = volume.hu[first : first + mask.shape[0], rows, columns]
    assert block[mask].mean() > -400 > block[~mask].mean()
    places = np.argwhere(mask & (block > -400)).mean(axis=0) * np.array(spacing)  # of the bright voxels of the mask
    middle = np.argwhere(mask).mean(axis=0) * np.array(spacing)
    assert np.linalg.norm(places - middle) < 2


@pytest.mark.real_data
def test_the_real_cubes_lie_at_the_table_s_centroid(real_data: Path) -> None:
    archive = np.load(real_data / "lidc_ct" / "lidc_real_patches_32.npz", allow_pickle=False)
    first = np.flatnonzero((archive["kind"] == "nodule") & (archive["patient"] == "LIDC-IDRI-0001"))[0]
    volume = read_ct(real_data / "lidc_ct" / "LIDC-IDRI-0001.npz")
    nodule = first_nodule()
    in_plane = np.array([nodule["centroid_y_mm"], nodule["centroid_x_mm"]])
    assert np.abs(archive["center_mm_zyx"][first][1:] - in_plane).max() < 2
    ours = cut(volume, nodule_voxels(volume, nodule)[0]).astype(float).clip(-1000, 400)
    real = archive["cubes"][first].astype(float).clip(-1000, 400)
    shifts = [
        (dz, dy, dx) for dz in range(-2, 3) for dy in range(-2, 3) for dx in range(-2, 3)
    ]  # within 2 mm some shift must make them one
    inner = (slice(4, -4),) * 3
    best = max(
        np.corrcoef(np.roll(ours, shift, (0, 1, 2))[inner].ravel(), real[inner].ravel())[0, 1] for shift in shifts
    )
    assert best > 0.97
