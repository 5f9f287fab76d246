"""``--explain PATH``: one nodule in every format that ``prepare`` takes is one nodule; bad input is one line."""

from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import SimpleITK
import torch

from medrepro.datamodules.ct.read import read_ct
from medrepro.datamodules.lidc.cohorts import luna16_nodules
from medrepro.datamodules.lidc.scans import nodule_voxels
from medrepro.lightning_modules.segradcam import SEGradCAMModule
from medrepro.reproduce import segradcam
from tests.datamodules._ct_series import Scanner, write_ct

nifti: Any = nibabel.Nifti1Image
itk: Any = SimpleITK
SPACING = (2.0, 0.8, 0.7)
POINT = (12, 30, 42)  # z, y, x
FORMATS = (
    "scan.npy",
    "scan.npz",
    "scan.nii",
    "scan.nii.gz",
    "turned.nii.gz",
    "scan.mhd",
    "scan.nrrd",
    "dicom",
    "flipped",
)


def scan() -> np.ndarray:
    """A nodule with one bright corner towards the head, the back and the patient's left: no turn leaves it alone."""
    hu = np.full((24, 60, 80), -850, np.int16)
    hu[10:15, 26:35, 37:48] = 30
    hu[13:15, 31:35, 43:48] = 300
    return hu


def write(path: Path, hu: np.ndarray) -> None:
    """Write the volume in the format that its name says."""
    z, y, x = SPACING
    if path.suffix == ".npy":
        np.save(path, hu)
    elif path.suffix == ".npz":
        np.savez(path, volume=hu, spacing=SPACING)
    elif path.name.startswith("turned"):  # stored to the right, the front, the head
        nifti(hu.T[::-1, ::-1], np.diag([x, y, z, 1])).to_filename(path)
    elif ".nii" in path.name:  # stored to the left, the back, the head
        nifti(hu.T, np.diag([-x, -y, z, 1])).to_filename(path)
    elif path.suffix in (".mhd", ".nrrd"):
        image = itk.GetImageFromArray(hu)
        image.SetSpacing((x, y, z))
        itk.WriteImage(image, str(path))
    elif path.name == "flipped":  # stored to the right and the front, as 12 patients of LIDC-IDRI
        write_ct(path, hu[:, ::-1, ::-1], SPACING, scanner=Scanner(orientation=(-1, 0, 0, 0, -1, 0)))
    else:
        write_ct(path, hu, SPACING)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    module = SEGradCAMModule(design="bottleneck", widths=(4, 4, 8, 8))
    content = {"state_dict": module.state_dict(), "hyper_parameters": dict(module.hparams)}
    torch.save({**content, "pytorch-lightning_version": "2.6.0"}, tmp_path / "model.ckpt")
    return tmp_path / "model.ckpt"


def words(volume: Path, checkpoint: Path, point: str, *more: str) -> list[str]:
    return ["--explain", str(volume), "--checkpoint", str(checkpoint), "--point", point, *more]


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_shows_the_same_nodule(
    name: str, tmp_path: Path, checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(FORMATS) == 9
    write(tmp_path / name, scan())
    spacing = ("--spacing", ",".join(map(str, SPACING))) if name.endswith(".npy") else ()
    point = ",".join(map(str, POINT))
    assert segradcam.main(words(tmp_path / name, checkpoint, point, *spacing, "--out", str(tmp_path / "out"))) == 0
    said = capsys.readouterr().out
    assert "24 slices of 2 mm, pixels of 0.8 x 0.7 mm; 30 HU at the point" in said
    assert "probability of malignancy" in said
    assert (tmp_path / "out" / "explanation.png").stat().st_size > 1000
    with np.load(tmp_path / "out" / "explanation.npz", allow_pickle=False) as found:
        cube, heat, probability = found["cube_hu"], found["heat"], found["probability"]
    assert cube.shape == heat.shape == (32, 32, 32)
    assert probability.sum() == pytest.approx(1)
    steps = np.arange(32) - 15.5  # mm from the point
    bright = np.argwhere(cube > 200).mean(axis=0) - 15.5
    np.testing.assert_allclose(bright, [1.5 * 2.0, 2.5 * 0.8, 3.0 * 0.7], atol=0.5)  # its corner, in mm
    inside = [
        (steps > -low * mm) & (steps < high * mm) for low, high, mm in zip((2, 4, 5), (2, 4, 5), SPACING, strict=True)
    ]
    assert cube[np.ix_(*inside)].min() >= 30
    assert cube[0].max() == cube[:, 0].max() == cube[..., 0].max() == -850


def bad_words(tmp_path: Path, checkpoint: Path) -> list[tuple[list[str], str]]:
    volume = tmp_path / "scan.npy"
    np.save(volume, scan())
    np.save(tmp_path / "flat.npy", scan()[0])
    np.save(tmp_path / "grey.npy", np.clip(scan(), 0, 255).astype(np.uint8))
    (tmp_path / "bad.ckpt").write_bytes(b"nothing")
    (tmp_path / "scan.jpg").write_bytes(b"nothing")
    (tmp_path / "empty").mkdir()
    write_ct(tmp_path / "gap", scan(), SPACING)[12].unlink()
    return [
        (words(volume, checkpoint, "99,1,1"), "outside the volume"),
        (words(volume, checkpoint, "1;2;3"), "--point 1;2;3: give three numbers z,y,x"),
        (words(volume, checkpoint, "1,1,1", "--spacing", "2"), "--spacing 2: give three numbers"),
        (words(volume, checkpoint, "1,1,1", "--spacing", "0,1,1"), "--spacing 0,1,1: mm must be above 0"),
        (
            words(volume, checkpoint, "1,1,1", "--layer", "stage9"),
            "--layer stage9: layer 'stage9' is not in the network",
        ),
        (words(volume, tmp_path / "bad.ckpt", "1,1,1"), "bad.ckpt: not a checkpoint of SEGradCAMModule"),
        (words(volume, tmp_path / "no.ckpt", "1,1,1"), "no.ckpt: no such file; train one"),
        (words(tmp_path / "no.nii", checkpoint, "1,1,1"), "no.nii: no such file or folder"),
        (words(tmp_path / "scan.jpg", checkpoint, "1,1,1"), "scan.jpg: neither a folder of DICOM files nor"),
        (words(tmp_path / "empty", checkpoint, "1,1,1"), "holds 0 CT series"),
        (words(tmp_path / "gap", checkpoint, "1,1,1"), "slices missing: 1 between"),
        (words(tmp_path / "flat.npy", checkpoint, "1,1,1"), "a volume has three axes"),
        (words(tmp_path / "grey.npy", checkpoint, "1,1,1"), "are not HU of a CT"),
    ]


def test_bad_input_is_one_line(tmp_path: Path, checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cases = bad_words(tmp_path, checkpoint)
    assert len(cases) == 13
    for wrong, message in cases:
        with pytest.raises(SystemExit) as stopped:
            segradcam.main([*wrong, "--out", str(tmp_path / "out")])
        error = capsys.readouterr().err
        assert stopped.value.code == 2
        assert message in error
        assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.real_data
def test_the_nodule_of_a_real_scan(
    real_data: Path, tmp_path: Path, checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = real_data / "lidc_ct" / "LIDC-IDRI-0001.npz"
    table = luna16_nodules()
    nodule = table[table["patient_id"] == "LIDC-IDRI-0001"].iloc[0]
    point = ",".join(f"{place:.2f}" for place in nodule_voxels(read_ct(path), nodule)[0])
    assert segradcam.main(words(path, checkpoint, point, "--out", str(tmp_path / "out"))) == 0
    assert "70 slices of 2.5 mm, pixels of 0.703 x 0.703 mm" in capsys.readouterr().out
    with np.load(tmp_path / "out" / "explanation.npz", allow_pickle=False) as found:
        core = np.linalg.norm(np.indices((32, 32, 32)) - 15.5, axis=0) < 6
        assert found["cube_hu"][core].mean() > -100
        assert found["cube_hu"][~core].mean() < -400
