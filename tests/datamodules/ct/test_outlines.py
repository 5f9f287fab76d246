"""An outline comes back on its scan's grid as it was drawn, from every format and on other grids."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK

from medrepro.datamodules.ct.outlines import on_grid, read_outline, read_segmentation, referenced_series
from medrepro.datamodules.ct.read import read_ct
from medrepro.datamodules.ct.volume import CT
from medrepro.datamodules.support.errors import InputError
from tests.datamodules._ct_series import Scanner, phantom, write_ct
from tests.datamodules._seg import ball, write_seg

itk: Any = SimpleITK
SHAPE = (8, 24, 20)


@pytest.mark.parametrize(("kind", "segments"), [("BINARY", 1), ("BINARY", 2), ("FRACTIONAL", 1)])
def test_a_segmentation_round_trip(tmp_path: Path, kind: str, segments: int) -> None:
    mask = ball(SHAPE, 3.2)
    files = write_ct(tmp_path / "ct", phantom(SHAPE), uid="1.2.3")
    seg = write_seg(tmp_path / "seg.dcm", files, mask, kind, segments)
    scan = read_ct(tmp_path / "ct")
    np.testing.assert_array_equal(read_segmentation(seg, scan), mask)
    assert referenced_series(seg) == ("1.2.3",)


@pytest.mark.parametrize("orientation", [(-1, 0, 0, 0, -1, 0), (1, 0, 0, 0, 0, -1), (0.96, 0.28, 0, -0.28, 0.96, 0)])
def test_a_segmentation_of_a_turned_scan(tmp_path: Path, orientation: tuple[float, ...]) -> None:
    hu, mask = phantom(SHAPE), ball(SHAPE, 3.2)
    mask[:, :9] = False  # not the same from all sides
    hu[mask] = 2500
    files = write_ct(tmp_path / "ct", hu, scanner=Scanner(orientation=orientation))
    seg = write_seg(tmp_path / "seg.dcm", files, mask)
    scan = read_ct(tmp_path / "ct")
    np.testing.assert_array_equal(read_segmentation(seg, scan), scan.hu == 2500)


@pytest.mark.parametrize("name", ["mask.nii.gz", "mask.nrrd", "mask.mhd"])
def test_a_volume_as_outline(tmp_path: Path, name: str) -> None:
    mask = ball(SHAPE, 3.2)
    files = write_ct(tmp_path / "ct", phantom(SHAPE), (2.5, 0.7, 0.8), (-50.0, -120.0, -150.0))
    image = itk.GetImageFromArray(mask.astype(np.uint8))
    image.SetSpacing((0.8, 0.7, 2.5))
    image.SetOrigin((-150.0, -120.0, -50.0))
    itk.WriteImage(image, str(tmp_path / name))
    assert files
    np.testing.assert_array_equal(read_outline(tmp_path / name, read_ct(tmp_path / "ct")), mask)


def test_another_grid_is_read_by_the_nearest_voxel() -> None:
    scan = CT(phantom(SHAPE), np.array([1.0, 2.0, 3.0]), np.diag([2.0, 0.7, 0.7]))
    mask = ball((20, 20, 20), 5.5)
    origin, steps = np.array([0.31, 1.13, 2.17]), np.diag([0.9, 0.8, 0.85])
    found = on_grid(mask, origin, steps, scan, "mask")
    for voxel in np.ndindex(*SHAPE):
        place = np.rint(np.linalg.solve(steps, scan.to_world(voxel) - origin)).astype(int)
        inside = bool(((place >= 0) & (place < 20)).all())
        assert found[voxel] == (inside and mask[tuple(place)]), voxel
    assert found.any()


def test_errors(tmp_path: Path) -> None:
    files = write_ct(tmp_path / "ct", phantom(SHAPE), uid="1.2.3")
    others = write_ct(tmp_path / "other", phantom(SHAPE), uid="1.2.4", origin=(900.0, 0.0, 0.0))
    scan = read_ct(tmp_path / "ct")
    other = write_seg(tmp_path / "other.dcm", others, ball(SHAPE, 2))
    with pytest.raises(InputError, match=r"outlines series 1\.2\.4, the scan is 1\.2\.3"):
        read_segmentation(other, scan)
    with pytest.raises(InputError, match="lies outside the scan"):
        read_segmentation(other, CT(scan.hu, scan.origin, scan.steps))
    with pytest.raises(InputError, match=r"has modality CT"):
        read_segmentation(files[0], scan)
    (tmp_path / "text.dcm").write_text("none")
    with pytest.raises(InputError, match="cannot be read"):
        read_outline(tmp_path / "text.dcm", scan)
    with pytest.raises(FileNotFoundError, match="column mask"):
        read_outline(tmp_path / "gone.nii", scan)
    with pytest.raises(InputError, match="marks no voxel"):
        on_grid(np.zeros(SHAPE, dtype=bool), scan.origin, scan.steps, scan, "mask")
    short = write_seg(tmp_path / "short.dcm", files, ball(SHAPE, 3))
    short.write_bytes(short.read_bytes()[:-200])
    with pytest.raises(InputError, match="cannot be read as a segmentation"):
        read_segmentation(short, scan)
    itk.WriteImage(itk.GetImageFromArray(np.full(SHAPE, np.nan, np.float32)), str(tmp_path / "nan.mha"))
    with pytest.raises(InputError, match="is no outline"):
        read_outline(tmp_path / "nan.mha", scan)
