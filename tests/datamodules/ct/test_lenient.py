"""Volumes in four formats give the same HU in the same place; cubes are where and what they should be."""

from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from medrepro.datamodules.ct.lenient import AIR, CTVolume, read_volume
from medrepro.datamodules.support.errors import InputError
from tests.datamodules._dicom import write_series

nifti: Any = nibabel.Nifti1Image


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
    write_series(tmp_path / "dicom", hu, spacing)
    volumes = [
        read_volume(tmp_path / "a.npy", spacing),
        read_volume(tmp_path / "a.npz"),
        read_volume(tmp_path / "a.nii.gz"),
        read_volume(tmp_path / "dicom"),
    ]
    for volume in volumes:
        np.testing.assert_array_equal(volume.hu, hu)
        np.testing.assert_allclose(np.diff(volume.z_mm), 2.5, rtol=1e-5)
        assert volume.pixel_mm == pytest.approx((0.7, 0.8))
    assert volumes[3].series_uid


def test_a_nifti_stored_the_other_way_round_is_turned(tmp_path: Path) -> None:
    hu = scan()
    affine = np.diag([0.8, 0.7, 2.5, 1])  # x to the right, y to the front
    nifti(hu.T[::-1, ::-1], affine).to_filename(tmp_path / "b.nii")
    np.testing.assert_array_equal(read_volume(tmp_path / "b.nii").hu, hu)


def test_cube_on_the_grid_is_a_crop() -> None:
    volume = CTVolume(scan(), np.arange(6.0), (1.0, 1.0))
    np.testing.assert_array_equal(volume.cube((2.5, 3.5, 4.5), 4, 1.0), scan()[1:5, 2:6, 3:7])


def test_cube_interpolates_in_mm_and_pads_with_air() -> None:
    linear = np.broadcast_to(-900 + 40 * np.arange(8), (6, 8, 8)).astype(np.int16)
    volume = CTVolume(linear, np.arange(0.0, 12.0, 2.0), (0.5, 0.5))
    cube = volume.cube((2.5, 3.5, 3.5), 2, 1.0)
    np.testing.assert_array_equal(cube, np.broadcast_to([-800, -720], (2, 2, 2)))  # +-0.5 mm = +-1 pixel
    assert volume.cube((0.0, 0.0, 0.0), 8, 1.0)[0].max() == AIR


def test_uneven_slices_are_placed_by_their_positions() -> None:
    hu = np.broadcast_to(np.array([-1000, -900, -600])[:, None, None], (3, 4, 4)).astype(np.int16)
    volume = CTVolume(hu, np.array([0.0, 1.0, 4.0]), (1.0, 1.0))
    assert volume.index_of_z(2.5) == pytest.approx(1.5)
    cube = volume.cube((volume.index_of_z(2.0), 1.5, 1.5), 2, 1.0)
    np.testing.assert_array_equal(cube[:, 0, 0], [-850, -750])  # 1.5 and 2.5 mm


def test_errors(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no such file or folder"):
        read_volume(tmp_path / "nothing.nii")
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(InputError, match="neither a folder"):
        read_volume(tmp_path / "a.txt")
    with pytest.raises(InputError, match="0 DICOM series"):
        read_volume(tmp_path)
    np.save(tmp_path / "flat.npy", np.zeros((4, 4)))
    with pytest.raises(InputError, match="a volume is"):
        read_volume(tmp_path / "flat.npy")
    np.save(tmp_path / "unit.npy", np.random.default_rng(0).random((4, 4, 4)))
    with pytest.raises(InputError, match="not HU"):
        read_volume(tmp_path / "unit.npy")
    with pytest.raises(InputError, match="outside the volume"):
        CTVolume(scan(), np.arange(6.0), (1.0, 1.0)).cube((9, 0, 0), 4, 1.0)
