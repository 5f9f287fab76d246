"""Scans in four formats give the same HU in the same place; crops are where and what they should be."""

from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from medrepro.datamodules.ct.read import read_ct
from medrepro.datamodules.ct.volume import AIR, CT
from medrepro.datamodules.support.errors import InputError
from tests.datamodules._ct_series import write_ct

nifti: Any = nibabel.Nifti1Image
cifti: Any = nibabel.cifti2


def scan() -> np.ndarray:
    """(z, y, x) with a different value everywhere that matters: air, and a ramp along each axis."""
    z, y, x = np.meshgrid(np.arange(6), np.arange(8), np.arange(10), indexing="ij")
    return (-1000 + 100 * z + 10 * y + x + 600 * (z > 4)).astype(np.int16)


def test_four_formats_agree(tmp_path: Path) -> None:
    hu, spacing = scan(), (2.5, 0.7, 0.8)
    np.save(tmp_path / "a.npy", hu)
    np.savez(tmp_path / "a.npz", volume=hu, spacing=spacing)
    affine = np.diag([-0.8, -0.7, 2.5, 1])  # the array's x runs to the left, y to the back, as in DICOM
    nifti(hu.T, affine).to_filename(tmp_path / "a.nii.gz")
    write_ct(tmp_path / "dicom", hu, spacing)
    volumes = [
        read_ct(tmp_path / "a.npy", spacing=spacing),
        read_ct(tmp_path / "a.npz"),
        read_ct(tmp_path / "a.nii.gz"),
        read_ct(tmp_path / "dicom"),
    ]
    for volume in volumes:
        np.testing.assert_array_equal(volume.hu, hu)
        assert volume.spacing == pytest.approx((2.5, 0.7, 0.8))
    assert volumes[3].series_uid


def test_a_nifti_stored_the_other_way_round_is_turned(tmp_path: Path) -> None:
    hu = scan()
    affine = np.diag([0.8, 0.7, 2.5, 1])  # x to the right, y to the front
    nifti(hu.T[::-1, ::-1], affine).to_filename(tmp_path / "b.nii")
    np.testing.assert_array_equal(read_ct(tmp_path / "b.nii").hu, hu)


def test_a_point_between_voxels_is_interpolated_in_mm_and_air_surrounds_the_scan() -> None:
    linear = np.broadcast_to(-900 + 40 * np.arange(8), (6, 8, 8)).astype(np.int16)
    scan = CT(linear, np.zeros(3), np.diag([2.0, 0.5, 0.5]))
    cube = scan.crop(scan.to_world((2.5, 3.5, 3.5)), (2, 2, 2), 1.0)
    np.testing.assert_array_equal(cube, np.broadcast_to([-800, -720], (2, 2, 2)))  # +-0.5 mm = +-1 pixel
    assert scan.crop(scan.to_world((0.0, 0.0, 0.0)), (8, 8, 8), 1.0)[0].max() == AIR


def test_a_crop_on_the_grid_is_a_block_of_voxels() -> None:
    whole = CT(scan(), np.zeros(3), np.eye(3))
    np.testing.assert_array_equal(whole.crop((2.5, 3.5, 4.5), (4, 4, 4)), scan()[1:5, 2:6, 3:7])


def test_uneven_slices_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", volume=scan(), spacing=(1.0, 1.0, 1.0), z=[0.0, 1, 2, 3, 6, 7])
    with pytest.raises(InputError, match=r"a.npz: its slices lie up to 1.20 mm off even steps; allowed: 0.1 mm"):
        read_ct(tmp_path / "a.npz")
    np.savez(tmp_path / "c.npz", volume=scan(), spacing=(1.0, 1.0, 1.0), z=np.arange(6.0) * 2)
    with pytest.raises(InputError, match=r"its slices lie 2 mm apart, its spacing says 1"):
        read_ct(tmp_path / "c.npz")
    np.savez(tmp_path / "d.npz", volume=scan(), spacing=(1.0, -1.0, 1.0))
    with pytest.raises(InputError, match=r"spacing \(1.0, -1.0, 1.0\) mm \(z, y, x\); allowed: above 0"):
        read_ct(tmp_path / "d.npz")
    np.savez(tmp_path / "b.npz", volume=scan(), spacing=(1.0, 1.0, 1.0), z=np.arange(6.0) - 40)
    assert read_ct(tmp_path / "b.npz").origin.tolist() == [-40, 0, 0]


def test_micrometres_are_micrometres(tmp_path: Path) -> None:
    image = nifti(scan().T, np.diag([-800.0, -700.0, 2500.0, 1]))
    image.header.set_xyzt_units("micron")
    image.to_filename(tmp_path / "a.nii")
    assert read_ct(tmp_path / "a.nii").spacing == pytest.approx((2.5, 0.7, 0.8))


def test_errors(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no such file or folder"):
        read_ct(tmp_path / "nothing.nii")
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(InputError, match="neither a folder"):
        read_ct(tmp_path / "a.txt")
    with pytest.raises(InputError, match="0 CT series"):
        read_ct(tmp_path)
    np.save(tmp_path / "flat.npy", np.zeros((4, 4)))
    with pytest.raises(InputError, match="a volume has three axes"):
        read_ct(tmp_path / "flat.npy")
    np.save(tmp_path / "unit.npy", np.random.default_rng(0).random((4, 4, 4)))
    with pytest.raises(InputError, match="not HU"):
        read_ct(tmp_path / "unit.npy")
    axes = (cifti.ScalarAxis(["a"]), cifti.SeriesAxis(0, 1, 2))
    cifti.Cifti2Image(np.zeros((1, 2)), axes).to_filename(tmp_path / "a.dscalar.nii")
    with pytest.raises(InputError, match="a.dscalar.nii cannot be read as NIfTI"):
        read_ct(tmp_path / "a.dscalar.nii")
    (tmp_path / "b.npz").write_bytes(b"PK nothing")
    with pytest.raises(InputError, match=r"b.npz cannot be read"):
        read_ct(tmp_path / "b.npz")
    with pytest.raises(InputError, match="outside the scan"):
        CT(scan(), np.zeros(3), np.eye(3)).crop((9, 0, 0), (4, 4, 4))
