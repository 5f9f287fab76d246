"""CT, SEG and the clinical table become tumour slices with EGFR status; what does not fit together is said."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from medrepro.datamodules.ct.volume import CT
from medrepro.datamodules.features import clinical
from medrepro.datamodules.prepare.__main__ import main
from medrepro.datamodules.prepare.format import open_prepared
from medrepro.datamodules.prepare.nsclc import tumour_slices
from medrepro.datamodules.support.errors import InputError
from tests.datamodules._ct_series import edit, write_ct
from tests.datamodules._seg import ball, write_seg

SHAPE, SPACING, TUMOUR = (14, 40, 40), (2.5, 0.8, 0.8), 50


def write_clinical(path: Path, status: dict[str, str]) -> None:
    rows = [
        {
            clinical.PATIENT: patient,
            clinical.AGE: "60",
            clinical.SEX: "Male",
            clinical.SMOKING: "Former",
            clinical.HISTOLOGY: "Adenocarcinoma",
            clinical.EGFR: egfr,
            clinical.CT_TO_SURGERY: "Not Collected",
        }
        for patient, egfr in status.items()
    ]
    pd.DataFrame(rows).to_csv(path, index=False)


def write_patient(folder: Path, patient: str, radius: float = 5.0) -> tuple[list[Path], Path]:
    mask = ball(SHAPE, radius)
    hu = np.where(mask, TUMOUR, -800).astype(np.int16)
    files = write_ct(folder / patient / "ct", hu, SPACING, patient=patient)
    return files, write_seg(folder / patient / "seg" / "1.dcm", files, mask)


def run(source: Path, out: Path, *more: str) -> int:
    return main(["nsclc", "--source", str(source), "--out", str(out), "--workers", "1", "--quiet", *more])


def test_slices_through_the_tumour_with_status(tmp_path: Path) -> None:
    source = tmp_path / "nsclc"
    status = {"P1": "Wildtype", "P2": "Mutant", "P3": "Unknown", "P4": "Mutant"}
    for patient in ("P1", "P2", "P3"):
        write_patient(source, patient)
    write_clinical(source / "clinical.csv", status)
    assert run(source, tmp_path / "out") == 0
    data = open_prepared(tmp_path / "out", "nsclc", verify=True)
    assert data.images.shape[1:] == (64, 64)
    assert data.table.groupby("patient_id")["label"].first().to_dict() == {"P1": 0, "P2": 1}
    first = data.table["patient_id"] == "P1"
    heights = data.table["z_mm"][first].to_numpy()
    np.testing.assert_allclose(np.diff(heights), 1.0, atol=1e-3)
    assert np.isclose(heights.mean(), -50 + 6.5 * 2.5, atol=0.6)  # the ball's middle
    assert abs(np.ptp(heights) - 10 * 2.5) <= 3  # 5 slices to either side of it
    masks = data.masks()
    assert (masks.sum(axis=(1, 2)) == data.table["mask_pixels"]).all()
    assert data.images[masks].mean() > -150
    inner = masks.copy()
    for axis in (0, 1, 2):
        inner &= np.roll(masks, 1, axis) & np.roll(masks, -1, axis)
    assert np.median(data.images[inner]) == TUMOUR
    assert data.images[:, 0].max() == -1024, "beyond the scan of 32 mm is air"
    assert data.table["diameter_mm"].iloc[0] == pytest.approx(
        (6 * ball(SHAPE, 5).sum() * 1.6 / np.pi) ** (1 / 3), rel=0.01
    )
    assert data.table[["age", "sex", "smoking"]].iloc[0].tolist() == [60, "Male", "Former"]
    assert data.card["source"]["of known EGFR status"] == 3
    assert data.card["classes"] == ["wild type", "mutant"]


def test_what_does_not_fit_together_is_skipped_and_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "nsclc"
    write_patient(source, "P1")
    _, second = write_patient(source, "P2")
    write_seg(source / "P1" / "again.dcm", write_patient(source, "P1")[0], ball(SHAPE, 3))
    for file in (source / "P2" / "ct").iterdir():
        file.unlink()
    lost, _ = write_patient(source, "P3")
    lost[4].unlink()
    files, seg = write_patient(source, "P4")
    for file in files:
        edit(file, PatientID="P5")
    write_clinical(tmp_path / "table.csv", dict.fromkeys(("P1", "P2", "P3", "P4", "P5"), "Mutant"))
    assert run(source, tmp_path / "out", "--clinical-csv", str(tmp_path / "table.csv")) == 1
    said = capsys.readouterr().err
    assert "another segmentation, which is used" in said
    assert f"{second.relative_to(source)}: 0 series that it outlines are here" in said
    assert "slices missing: 1" in said
    assert f"{seg.relative_to(source)} is of patient P4, its CT of P5" in said
    assert open_prepared(tmp_path / "out").table["patient_id"].unique().tolist() == ["P1"]


def test_refusals(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "nsclc"
    write_patient(source, "P1")

    def refused() -> Any:
        with pytest.raises(SystemExit) as caught:
            run(source, tmp_path / "out")
        assert caught.value.code == 2
        return capsys.readouterr().err

    assert "0 CSV files; name the clinical table by --clinical-csv" in refused()
    write_clinical(source / "a.csv", {"P9": "Mutant"})
    assert "none of its patients has a CT, a segmentation and a known EGFR status" in refused()
    assert not (tmp_path / "out").exists()


def test_a_tumour_thinner_than_a_pixel() -> None:
    scan = CT(np.full((4, 9, 9), -800, np.int16), np.zeros(3), np.diag([5.0, 0.2, 0.2]))
    mask = np.zeros(scan.hu.shape, dtype=bool)
    mask[2, 4, 4] = True
    with pytest.raises(InputError, match="too thin"):
        tumour_slices(scan, mask, 8, 8.0)
