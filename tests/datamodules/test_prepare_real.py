"""The real scan LIDC-IDRI-0001, written as scanners and archives do, prepared, and found again unchanged."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from medrepro.datamodules.ct.outlines import read_segmentation
from medrepro.datamodules.ct.read import read_ct
from medrepro.datamodules.ct.volume import AIR, CT
from medrepro.datamodules.lidc.luna16 import read_annotations
from medrepro.datamodules.lidc.nodules import consensus_mask
from medrepro.datamodules.prepare.__main__ import main
from medrepro.datamodules.prepare.format import Prepared, open_prepared
from tests.datamodules._ct_series import Scanner, write_ct
from tests.datamodules._seg import write_seg

pytestmark = pytest.mark.real_data
FIRST_Z = -340.0  # mm, of the whole scan, from which the reference cubes count
SYNTAXES = (
    "explicit little endian", "explicit big endian", "deflated", "RLE", "JPEG-LS", "JPEG 2000 lossless",
    "JPEG lossless SV1",
)  # fmt: skip


@dataclass(frozen=True)
class Real:
    """The scan as its archive holds it."""

    hu: np.ndarray
    spacing: tuple[float, float, float]
    origin: tuple[float, float, float]
    uid: str

    def write(self, folder: Path, syntax: str) -> list[Path]:
        """Write it with shuffled names, in reversed numbers, unsigned with an intercept, one instance twice."""
        how = Scanner(syntax, signed=False, intercept=-2048)
        files = write_ct(folder, self.hu, self.spacing, self.origin, how, self.uid, "LIDC-IDRI-0001")
        shutil.copy(files[5], folder / "a-copy.dcm")
        return files


@pytest.fixture(scope="module")
def real(real_data: Path) -> Real:
    with np.load(real_data / "lidc_ct" / "LIDC-IDRI-0001.npz", allow_pickle=False) as file:
        z, y, x = file["spacing"].tolist()
        return Real(file["volume"], (z, y, x), tuple(file["origin"].tolist()), str(file["series_uid"]))


@pytest.fixture(scope="module")
def prepared(real: Real, tmp_path_factory: pytest.TempPathFactory) -> tuple[Prepared, CT, list[Path]]:
    folder = tmp_path_factory.mktemp("real")
    files = real.write(folder / "source", "explicit little endian")
    command = ["lidc", "--source", str(folder / "source"), "--out", str(folder / "out"), "--workers", "1", "--quiet"]
    assert main(command) == 0
    return open_prepared(folder / "out", "lidc", verify=True), read_ct(folder / "source"), files


def check(scan: CT, real: Real) -> None:
    """HU are equal exactly, every corner lies within 0.1 mm of its place."""
    np.testing.assert_array_equal(scan.hu, real.hu)
    for corner in np.ndindex(2, 2, 2):
        voxel = np.array(corner) * (np.array(real.hu.shape) - 1)
        place = np.array(real.origin) + voxel * real.spacing
        assert np.linalg.norm(scan.to_world(voxel) - place) < 0.1


def test_the_scan_comes_back(prepared: tuple[Prepared, CT, list[Path]], real: Real) -> None:
    check(prepared[1], real)
    assert prepared[0].series["slices"].tolist() == [70]


@pytest.mark.slow
@pytest.mark.parametrize("syntax", SYNTAXES)
def test_it_comes_back_from_every_syntax_and_gives_the_same_cube(
    tmp_path: Path, syntax: str, real: Real, prepared: tuple[Prepared, CT, list[Path]]
) -> None:
    assert len(SYNTAXES) == 7
    real.write(tmp_path / "source", syntax)
    scan = read_ct(tmp_path / "source")
    check(scan, real)
    assert main(["lidc", "--source", str(tmp_path / "source"), "--out", str(tmp_path / "out"), "--quiet"]) == 0
    again = open_prepared(tmp_path / "out")
    np.testing.assert_array_equal(again.images, prepared[0].images)
    assert again.table.equals(prepared[0].table)


def test_the_nodule_lies_where_luna16_says(
    prepared: tuple[Prepared, CT, list[Path]], real: Real, real_data: Path
) -> None:
    published = read_annotations(real_data / "lidc_tables" / "annotations.csv")
    places = published.loc[published["series_uid"] == real.uid, ["z_mm", "y_mm", "x_mm"]].to_numpy()
    ours = prepared[0].table[["world_z_mm", "world_y_mm", "world_x_mm"]].to_numpy()
    assert len(places) == len(ours) == 1
    assert np.linalg.norm(places[0] - ours[0]) < 2
    assert np.linalg.norm(places[0] - ours[0]) < 0.5  # measured: 0.21


def test_the_crop_agrees_with_the_reference_cube(prepared: tuple[Prepared, CT, list[Path]], real_data: Path) -> None:
    with np.load(real_data / "lidc_ct" / "lidc_real_patches_32.npz", allow_pickle=False) as file:
        wanted = (file["kind"] == "nodule") & (file["patient"] == "LIDC-IDRI-0001")
        cube, place = file["cubes"][wanted][0], file["center_mm_zyx"][wanted][0].astype(np.float64)
    scan = prepared[1]
    corner = np.array([FIRST_Z, *scan.origin[1:]])
    reference = np.maximum(cube, AIR).astype(int)
    differences = {
        (dz, dx): float(np.abs(scan.crop(corner + place + (dz, 0, dx), (32, 32, 32)) - reference).mean())
        for dz in (-2.0, -1.5, -1.0, 0.0)
        for dx in (-1.0, -0.5, 0.0)
    }  # its voxels are not centred on the place it names
    assert min(differences.values()) < 10
    assert differences[-1.5, -0.5] == min(differences.values())
    ours = prepared[0].images[0][16:48, 16:48, 16:48]
    assert np.corrcoef(ours.ravel(), cube.clip(AIR).ravel())[0, 1] > 0.9  # centred on the outline instead
    mask = prepared[0].masks()[0]
    assert prepared[0].images[0][mask].mean() > -150


def test_a_segmentation_of_the_nodule_comes_back(prepared: tuple[Prepared, CT, list[Path]], tmp_path: Path) -> None:
    data, scan, files = prepared
    mask, origin, spacing = consensus_mask(str(data.table["nodule_id"].iloc[0]))
    first = round(
        float(data.table["centroid_z_mm"].iloc[0] - scan.origin[0]) / spacing[0] - np.argwhere(mask)[:, 0].mean()
    )
    whole = np.zeros(scan.hu.shape, dtype=bool)
    places = (first, *origin[1:])
    whole[tuple(slice(a, a + n) for a, n in zip(places, mask.shape, strict=True))] = mask
    assert whole.sum() == mask.sum()
    seg = write_seg(tmp_path / "seg.dcm", files, whole)
    np.testing.assert_array_equal(read_segmentation(seg, scan), whole)
