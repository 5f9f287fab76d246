"""The same volume from every format; voxels, millimetres and grids agree with plain formulas."""

from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import SimpleITK
from scipy import ndimage

from medrepro.datamodules.ct.read import read_ct
from medrepro.datamodules.ct.volume import AIR, CT, checked_geometry, checked_hu
from medrepro.datamodules.support.errors import InputError
from tests.datamodules._ct_series import phantom, write_ct

SPACING, ORIGIN = (2.5, 0.7, 0.8), (-50.0, -120.0, -150.0)
itk: Any = SimpleITK
nifti: Any = nibabel.Nifti1Image


def write_itk(path: Path, hu: np.ndarray, compressed: bool = False) -> Path:
    image = itk.GetImageFromArray(hu)
    image.SetSpacing(SPACING[::-1])
    image.SetOrigin(ORIGIN[::-1])
    itk.WriteImage(image, str(path), compressed)
    return path


FORMATS = ("a.nii", "a.nii.gz", "a.nrrd", "a.mha", "a.mhd", "dicom")


@pytest.mark.parametrize("compressed", [False, True])
def test_every_format_gives_the_same_scan(tmp_path: Path, compressed: bool) -> None:
    hu = phantom()
    write_ct(tmp_path / "dicom", hu, SPACING, ORIGIN)
    for name in FORMATS[:-1]:
        write_itk(tmp_path / name, hu, compressed)
    scans = [read_ct(tmp_path / name) for name in FORMATS]
    assert len(scans) == 6
    for scan in scans:
        np.testing.assert_array_equal(scan.hu, hu)
        np.testing.assert_allclose(scan.spacing, SPACING, rtol=1e-6)
        np.testing.assert_allclose(scan.origin, ORIGIN, rtol=1e-6)
        np.testing.assert_allclose(scan.direction, np.eye(3), atol=1e-6)


AFFINES = {
    "right, front, head": np.diag([0.8, 0.7, 2.5]),
    "left, back, feet": np.diag([-0.8, -0.7, -2.5]),
    "axes permuted": np.array([[0, 0, 2.5], [-0.7, 0, 0], [0, 0.8, 0]]),
    "oblique": np.diag([0.8, 0.7, 2.5]) @ np.array([[0.96, -0.28, 0], [0.28, 0.96, 0], [0, 0, 1]]),
}


@pytest.mark.parametrize("name", AFFINES)
def test_a_nifti_voxel_lies_where_its_affine_says(tmp_path: Path, name: str) -> None:
    assert len(AFFINES) == 4
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = AFFINES[name], (10.0, -20.0, 30.0)
    stored = phantom((10, 12, 8)).copy()
    stored[7, 2, 5] = 3000
    image = nifti(stored, affine)
    image.header.set_xyzt_units("mm")
    image.to_filename(tmp_path / "a.nii.gz")
    right, front, head = affine[:3] @ [7, 2, 5, 1]
    scan = read_ct(tmp_path / "a.nii.gz")
    voxel = scan.to_voxel([head, -front, -right])
    np.testing.assert_allclose(voxel, np.rint(voxel), atol=1e-4)
    assert scan.hu[tuple(np.rint(voxel).astype(int))] == 3000
    assert (np.diagonal(scan.direction) > 0.9).all()


def test_itk_s_own_answer_for_a_flipped_and_permuted_image(tmp_path: Path) -> None:
    image = itk.GetImageFromArray(phantom())
    image.SetSpacing((0.8, 0.7, 2.5))
    image.SetDirection((0, -1, 0, 0, 0, -1, 1, 0, 0))
    image.SetOrigin((5, 6, 7))
    itk.WriteImage(image, str(tmp_path / "a.mha"))
    scan = read_ct(tmp_path / "a.mha")
    for index in ((0, 0, 0), (3, 2, 1), (15, 11, 5)):  # x, y, z
        place = image.TransformIndexToPhysicalPoint(index)
        voxel = np.rint(scan.to_voxel(place[::-1])).astype(int)
        assert scan.hu[tuple(voxel)] == image.GetPixel(index)


def test_units_of_a_nifti_and_floats(tmp_path: Path) -> None:
    image = nifti(phantom().astype(np.float32) + 0.25, np.diag([0.001, 0.001, 0.002, 1]))
    image.header.set_xyzt_units("meter")
    image.to_filename(tmp_path / "a.nii")
    scan = read_ct(tmp_path / "a.nii")
    np.testing.assert_allclose(scan.spacing, (2.0, 1.0, 1.0), rtol=1e-5)
    np.testing.assert_array_equal(scan.hu.T[::-1, ::-1], phantom())


def tilted() -> CT:
    steps = np.array([[2.0, 0.1, 0.0], [0.3, -0.7, 0.1], [0.0, 0.2, 0.8]])
    return CT(phantom((9, 20, 18)), np.array([-20.0, 5.0, 3.0]), steps)


def test_world_and_voxel_are_inverse() -> None:
    scan, voxels = tilted(), np.random.default_rng(0).uniform(0, 9, (50, 3))
    np.testing.assert_allclose(scan.to_voxel(scan.to_world(voxels)), voxels, atol=1e-9)
    np.testing.assert_allclose(scan.direction * scan.spacing, scan.steps)


def test_canonical_moves_no_voxel() -> None:
    scan = tilted()
    turned = scan.canonical()
    assert (np.diagonal(turned.direction) > 0.5).all()
    for voxel in ((0, 0, 0), (8, 19, 17), (3, 5, 7)):
        there = np.rint(turned.to_voxel(scan.to_world(voxel))).astype(int)
        assert turned.hu[tuple(there)] == scan.hu[voxel]


def test_a_crop_is_trilinear_interpolation_point_by_point() -> None:
    scan = tilted()
    centre = scan.to_world([4.2, 9.1, 8.7])
    ours = scan.crop(centre, (3, 4, 5), 0.9)
    values = np.maximum(scan.hu, AIR).astype(np.float64)
    for index in np.ndindex(3, 4, 5):
        point = centre + (np.array(index) - (np.array([3, 4, 5]) - 1) / 2) * 0.9
        expected = ndimage.map_coordinates(values, scan.to_voxel(point)[:, None], order=1, cval=AIR)[0]
        assert abs(ours[index] - expected) <= 0.51, index


@pytest.mark.parametrize("scan", [tilted(), CT(phantom((9, 20, 18)), np.zeros(3), np.diag([2.0, 0.7, 0.8]))])
def test_resampled_and_cropped_agree(scan: CT) -> None:
    even = scan.resampled(1.0)
    assert even.spacing == (1.0, 1.0, 1.0)
    middle = [size // 2 for size in even.hu.shape]
    crop = scan.crop(even.to_world(middle), (5, 5, 5), 1.0)
    block = even.hu[tuple(slice(n - 2, n + 3) for n in middle)]
    assert np.abs(crop.astype(int) - block).max() <= 1


def test_resampling_to_its_own_grid_changes_nothing_and_padding_is_air() -> None:
    hu = phantom().copy()
    hu[0, 0, 0] = -3000
    scan = CT(hu, np.array([1.0, 2.0, 3.0]), np.eye(3))
    np.testing.assert_array_equal(scan.resampled(1.0).hu, np.maximum(hu, AIR))
    edge = scan.crop(scan.to_world([0, 0, 0]), (3, 3, 3))
    assert edge[0].max() == AIR
    assert edge[1, 1, 1] == AIR
    np.testing.assert_array_equal(edge[1:, 1:, 1:], np.maximum(hu[:2, :2, :2], AIR))


def test_a_mask_lies_on_the_grid_of_its_crop() -> None:
    scan = CT(phantom((9, 20, 18)), np.array([-20.0, 5.0, 3.0]), np.diag([2.0, 0.5, 0.5]))
    mask = np.zeros((3, 6, 6), dtype=bool)
    mask[1:] = True
    centre = scan.to_world([5, 9.5, 9.5])
    found = scan.crop_mask(mask, (3, 7, 7), centre, (7, 8, 8), 1.0)  # voxels 4-5, 7-12, 7-12 of the scan
    expected = np.zeros((7, 8, 8), dtype=bool)
    for index in np.ndindex(7, 8, 8):
        z, y, x = scan.to_voxel(centre + np.array(index) - (3, 3.5, 3.5))
        inside = [
            np.clip(0.5 + 1 - abs(z - 4.5), 0, 1),
            np.clip(3.5 - abs(y - 9.5), 0, 1),
            np.clip(3.5 - abs(x - 9.5), 0, 1),
        ]
        expected[index] = np.prod(inside) >= 0.5
    np.testing.assert_array_equal(found, expected)
    assert 0 < found.sum() < found.size


def test_points_outside_are_refused_with_the_scan_s_extent() -> None:
    scan = CT(phantom(), np.zeros(3), np.eye(3))
    with pytest.raises(InputError, match=r"\(9.0, 0.0, 0.0\) mm \(z, y, x\) lies outside .* to \(5.0, 11.0, 15.0\)"):
        scan.crop([9, 0, 0], (4, 4, 4))
    with pytest.raises(InputError, match="outside"):
        scan.crop([np.nan, 0, 0], (4, 4, 4))


def spoilt(tmp_path: Path, name: str) -> Path:
    """A broken file of each kind."""
    whole = write_itk(tmp_path / "whole.mhd", phantom())
    text, raw = whole.read_text(), whole.with_suffix(".raw").read_bytes()
    path = tmp_path / name.partition(":")[0]
    if name == "missing.mhd":
        path.write_text(text.replace("whole.raw", "gone.raw"))
    elif name == "outside.mhd":
        path.write_text(text.replace("whole.raw", "../whole.raw"))
    elif name == "short.mhd":
        whole.with_suffix(".raw").write_bytes(raw[:-50])
        path.write_text(text)
    elif name == "zero.mhd":
        path.write_text(text.replace("0.8 0.7 2.5", "0 0.7 2.5").replace("0.80000000000000004", "0"))
    elif name == "plane.mhd":
        path.write_text(text.replace("TransformMatrix = 1 0 0 0 1 0 0 0 1", "TransformMatrix = 1 0 0 1 0 0 0 0 1"))
    elif name == "noise.nrrd":
        path.write_bytes(b"NRRD0004\nnothing\n\n")
    elif name == "noise.nii.gz":
        path.write_bytes(b"\x1f\x8b\x08" + bytes(50))
    elif name == "short.nii":
        write_itk(path, phantom())
        path.write_bytes(path.read_bytes()[:-100])
    elif name == "flat.nii":
        nifti(np.zeros((4, 4), np.int16), np.eye(4)).to_filename(path)
    elif name == "nan.nii":
        nifti(np.full((4, 4, 4), np.nan, np.float32), np.eye(4)).to_filename(path)
    elif name == "unplaced.nii":
        nifti(phantom(), None).to_filename(path)
    elif name == "complex.nii":
        nifti(np.zeros((4, 4, 4), np.complex64), np.eye(4)).to_filename(path)
    elif name == "grey.mha":
        write_itk(path, np.zeros((4, 4, 4), np.uint8))
    elif name == "colour.mha":
        itk.WriteImage(itk.GetImageFromArray(np.zeros((4, 4, 4, 3), np.uint8), isVector=True), str(path))
    else:
        path.write_bytes(b"text")
    return path


SPOILT = {
    "outside.mhd": "allowed: one file in its own folder",
    "short.mhd": "cannot be read",
    "zero.mhd": "spacing|cannot be read",
    "plane.mhd": "cannot be read|one plane",
    "noise.nrrd": "cannot be read",
    "noise.nii.gz": "cannot be read as NIfTI",
    "short.nii": "cannot be read as NIfTI",
    "flat.nii": "three axes",
    "nan.nii": "NaN",
    "unplaced.nii": "neither sform nor qform",
    "complex.nii": "one number per voxel",
    "grey.mha": "not HU",
    "colour.mha": "3 numbers per voxel",
    "scan.txt": "neither a folder of DICOM files nor",
}


@pytest.mark.parametrize("name", SPOILT)
def test_a_broken_file_is_one_line(tmp_path: Path, name: str) -> None:
    assert len(SPOILT) == 14
    path = spoilt(tmp_path, name)
    with pytest.raises(InputError, match=SPOILT[name]) as caught:
        read_ct(path)
    assert "\n" not in str(caught.value)


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no such file or folder"):
        read_ct(tmp_path / "nothing")
    with pytest.raises(FileNotFoundError, match=r"gone.raw not found"):
        read_ct(spoilt(tmp_path, "missing.mhd"))


def test_checks_of_values_and_geometry() -> None:
    assert checked_hu(np.array([[[-1000.4, 40000.0]]]), "a").tolist() == [[[-1000, 32767]]]
    with pytest.raises(InputError, match="three axes"):
        checked_hu(np.zeros((3, 3)), "a")
    with pytest.raises(InputError, match="not a number"):
        checked_geometry([0, 0, np.inf], np.eye(3), "a")
    with pytest.raises(InputError, match="spacing"):
        checked_geometry([0, 0, 0], np.diag([1.0, 200.0, 1.0]), "a")
