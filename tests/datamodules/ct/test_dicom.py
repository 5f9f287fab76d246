"""A DICOM series comes back as it was written, whatever its syntax, order and orientation; broken ones are named."""

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom import uid as uids

from medrepro.datamodules.ct.dicom import read_slices, scan_dicom
from medrepro.datamodules.ct.read import read_ct
from medrepro.datamodules.ct.volume import AIR
from medrepro.datamodules.support.errors import InputError
from tests.datamodules._ct_series import SYNTAXES, Scanner, edit, phantom, write_ct

ORIGIN, SPACING = (-50.0, -120.0, -150.0), (2.5, 0.7, 0.8)


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_every_transfer_syntax_gives_the_same_hu_in_the_same_place(tmp_path: Path, syntax: str) -> None:
    assert len(SYNTAXES) == 8
    hu = phantom((4, 64, 64))  # the JPEG 2000 encoder takes no less
    files = write_ct(tmp_path, hu, SPACING, ORIGIN, Scanner(syntax))
    assert pydicom.dcmread(files[0]).file_meta.TransferSyntaxUID == SYNTAXES[syntax]
    scan = read_ct(tmp_path)
    np.testing.assert_array_equal(scan.hu, hu)
    np.testing.assert_allclose(scan.origin, ORIGIN)
    np.testing.assert_allclose(scan.spacing, SPACING)
    np.testing.assert_allclose(scan.direction, np.eye(3), atol=1e-12)
    assert scan.patient_id == "P1"


@pytest.mark.parametrize(
    ("signed", "intercept", "slope"), [(True, 0, 1.0), (True, -1024, 1.0), (False, -1024, 1.0), (False, -1000, 0.5)]
)
def test_signed_unsigned_slope_and_intercept(tmp_path: Path, signed: bool, intercept: int, slope: float) -> None:
    hu = phantom()
    write_ct(tmp_path, hu, scanner=Scanner(signed=signed, intercept=intercept, slope=slope))
    np.testing.assert_array_equal(read_ct(tmp_path).hu, hu)


@pytest.mark.parametrize(("signed", "stored"), [(True, -2000), (False, 60000)])
def test_declared_padding_is_air(tmp_path: Path, signed: bool, stored: int) -> None:
    hu = phantom().astype(np.int32)
    intercept = -24 if signed else -1024
    hu[:, :2] = stored + intercept
    write_ct(tmp_path, hu, scanner=Scanner(signed=signed, intercept=intercept, padding=stored))
    found = read_ct(tmp_path).hu
    assert (found[:, :2] == AIR).all()
    np.testing.assert_array_equal(found[:, 2:], hu[:, 2:])


def test_padding_written_unsigned_into_a_signed_image_and_a_padding_range(tmp_path: Path) -> None:
    hu = phantom()
    hu[:, 0], hu[:, 1] = -2000, -1990
    files = write_ct(tmp_path, hu, scanner=Scanner(signed=True, intercept=0))
    for file in files:
        item = pydicom.dcmread(file)
        item.add_new("PixelPaddingValue", "US", 63536)  # -2000, as GE writes it
        item.add_new("PixelPaddingRangeLimit", "SS", -1990)
        item.save_as(file)
    found = read_ct(tmp_path).hu
    assert (found[:, :2] == AIR).all()
    np.testing.assert_array_equal(found[:, 2:], hu[:, 2:])


ANGLE = np.deg2rad(20)
ORIENTATIONS: dict[str, tuple[float, ...]] = {
    "supine": (1, 0, 0, 0, 1, 0),
    "prone": (-1, 0, 0, 0, -1, 0),
    "mirrored": (-1, 0, 0, 0, 1, 0),
    "coronal": (1, 0, 0, 0, 0, -1),
    "sagittal": (0, 1, 0, 0, 0, -1),
    "oblique": (np.cos(ANGLE), np.sin(ANGLE), 0, -np.sin(ANGLE), np.cos(ANGLE), 0),
}


@pytest.mark.parametrize("name", ORIENTATIONS)
def test_a_marked_voxel_is_found_at_its_place_in_the_patient(tmp_path: Path, name: str) -> None:
    assert len(ORIENTATIONS) == 6
    how = Scanner(orientation=ORIENTATIONS[name])
    hu = phantom()
    hu[4, 9, 3] = 3000
    write_ct(tmp_path, hu, SPACING, ORIGIN, how)
    right, down = np.array(how.orientation[:3]), np.array(how.orientation[3:])
    place = np.array(ORIGIN)[::-1] + 4 * 2.5 * how.normal + 9 * 0.7 * down + 3 * 0.8 * right  # PS3.3 C.7.6.2.1.1
    scan = read_ct(tmp_path)
    voxel = scan.to_voxel(place[::-1])
    np.testing.assert_allclose(voxel, np.rint(voxel), atol=1e-5)
    assert scan.hu[tuple(np.rint(voxel).astype(int))] == 3000
    assert (np.diagonal(scan.direction) > 0.9).all()  # head, back, left
    np.testing.assert_allclose(scan.to_world(voxel), place[::-1])
    assert scan.crop(place[::-1], (1, 1, 1))[0, 0, 0] == 3000


def test_a_tilted_gantry_keeps_every_voxel_in_its_place(tmp_path: Path) -> None:
    hu = phantom()
    hu[5, 2, 1] = 3000
    write_ct(tmp_path, hu, (2.0, 1.0, 1.0), (0.0, 0.0, 0.0), step=(0.0, 0.5, 2.0))
    scan = read_ct(tmp_path)
    np.testing.assert_allclose(scan.to_world([5, 2, 1]), [10.0, 4.5, 1.0])
    straight = scan.resampled(0.5)
    assert straight.hu[tuple(np.rint(straight.to_voxel([10.0, 4.5, 1.0])).astype(int))] == 3000


def test_copies_localizers_other_files_and_a_dicomdir_are_passed_over(tmp_path: Path) -> None:
    hu = phantom()
    files = write_ct(tmp_path, hu)
    shutil.copy(files[2], tmp_path / "copy.dcm")
    shutil.copy(files[0], tmp_path / "scout.dcm")
    edit(tmp_path / "scout.dcm", ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"], ImagePositionPatient=None)
    shutil.copy(files[0], tmp_path / "DICOMDIR")
    (tmp_path / "notes.txt").write_text("not DICOM")
    write_ct(tmp_path / "other", hu)
    for file in (tmp_path / "other").iterdir():
        edit(file, Modality="MR")
    np.testing.assert_array_equal(read_ct(tmp_path).hu, hu)


def remove_slice(files: list[Path]) -> None:
    files[2].unlink()


def truncate(files: list[Path]) -> None:
    files[1].write_bytes(files[1].read_bytes()[:-100])


def truncate_header(files: list[Path]) -> None:
    files[1].write_bytes(files[1].read_bytes()[:150])


def second_series(files: list[Path]) -> None:
    write_ct(files[0].parent / "second", phantom(seed=1))


def other_pixels(files: list[Path]) -> None:
    shutil.copy(files[1], files[0].with_name("twice.dcm"))
    edit(files[1], PixelData=pydicom.dcmread(files[1]).PixelData[::-1])


def all_but_one(files: list[Path]) -> None:
    for file in files[1:]:
        file.unlink()


def empty(files: list[Path]) -> None:
    for file in files:
        file.unlink()


def unknown_vr(files: list[Path]) -> None:
    content = files[1].read_bytes()
    at = content.index(b"\x08\x00\x60\x00CS")  # Modality
    files[1].write_bytes(content[: at + 4] + b"C\0" + content[at + 6 :])


def every(**tags: Any) -> Any:
    def change(files: list[Path]) -> None:
        for file in files:
            edit(file, **tags)

    return change


def one(**tags: Any) -> Any:
    return lambda files: edit(files[3], **tags)


BAD: dict[str, tuple[Any, str]] = {
    "a slice is missing": (remove_slice, r"slices missing: 1 between .* \(5.00 mm apart"),
    "truncated pixels": (truncate, "pixels cannot be decoded"),
    "truncated header": (truncate_header, "1 files cannot be read"),
    "a value of unknown type": (unknown_vr, r"1 files cannot be read, such as .*: Unknown Value Representation"),
    "two series": (second_series, "holds 2 CT series"),
    "two slices at one place": (other_pixels, "two different slices at one position"),
    "one slice": (all_but_one, "1 slices; a volume has at least two"),
    "nothing": (empty, "holds 0 CT series"),
    "wrong modality": (every(Modality="MR"), r"0 CT series \(other modalities: MR\)"),
    "one of another modality": (one(Modality="PT"), "has modality PT"),
    "zero spacing": (every(PixelSpacing=[0, 0]), "spacing .* allowed: above 0"),
    "one spacing": (every(PixelSpacing=0.7), "PixelSpacing .* is not 2 numbers"),
    "another spacing": (one(PixelSpacing=[0.5, 0.5]), "two series under one uid"),
    "another orientation": (one(ImageOrientationPatient=[0, 1, 0, -1, 0, 0]), "two series under one uid"),
    "no orthogonal axes": (every(ImageOrientationPatient=[1, 0, 0, 1, 0, 0]), "not two axes at a right angle"),
    "no position": (one(ImagePositionPatient=None), "lacks ImagePositionPatient"),
    "two patients": (one(PatientID="P2"), "several patients, P1 and P2"),
    "no rescale": (one(RescaleSlope=None), "RescaleSlope"),
    "slope of zero": (one(RescaleSlope=0), "give no HU"),
    "multi-frame": (one(NumberOfFrames=2), "multi-frame"),
    "enhanced": (one(SOPClassUID=uids.EnhancedCTImageStorage), "multi-frame"),
    "colour": (one(SamplesPerPixel=3), "colour image"),
    "off the line": (one(ImagePositionPatient=[-150, -110, -42.5]), "off even steps"),
    "position of two numbers": (one(ImagePositionPatient=[1, 2]), "is not 3 numbers"),
    "no HU": (every(RescaleIntercept=0), "are not HU"),
    "huge": (every(Rows=5000), "are no CT"),
    "rows that are not there": (every(Rows=13), "pixels"),
    "no series uid": (one(SeriesInstanceUID=None), "no SeriesInstanceUID"),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_series_is_refused_with_its_reason(tmp_path: Path, what: str) -> None:
    assert len(BAD) == 28
    spoil, reason = BAD[what]
    files = write_ct(tmp_path, phantom())
    spoil(files)
    with pytest.raises(InputError, match=reason):
        read_ct(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_without_permission_is_named(tmp_path: Path) -> None:
    files = write_ct(tmp_path, phantom())
    files[0].chmod(0)
    with pytest.raises(InputError, match="Permission"):
        read_ct(tmp_path)


def test_a_series_is_chosen_by_its_uid(tmp_path: Path) -> None:
    write_ct(tmp_path / "a", phantom(seed=1), uid="1.2.1")
    write_ct(tmp_path / "b", phantom(seed=2), uid="1.2.2")
    np.testing.assert_array_equal(read_ct(tmp_path, "1.2.2").hu, phantom(seed=2))
    with pytest.raises(InputError, match=r"no CT series 1.2.3; it holds 1.2.1 \(6 files\); 1.2.2"):
        read_ct(tmp_path, "1.2.3")


def test_no_slices_at_all() -> None:
    with pytest.raises(InputError, match="0 slices"):
        read_slices([])
    assert scan_dicom([]).series == {}
