"""A lab's own scans and table become labelled cubes; every mistake in the table is one line that names it."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import SimpleITK

from medrepro.datamodules.prepare.__main__ import main
from medrepro.datamodules.prepare.format import open_prepared
from tests.datamodules._ct_series import write_ct
from tests.datamodules._seg import ball, write_seg

SHAPE, SPACING, ORIGIN = (14, 40, 40), (2.0, 0.8, 0.8), (-50.0, -120.0, -150.0)
itk: Any = SimpleITK


def scan() -> np.ndarray:
    return np.where(ball(SHAPE, 4), 50, -800).astype(np.int16)


def write_source(folder: Path) -> Path:
    """A DICOM folder with a SEG, a NIfTI with a point, an NRRD with a mask, and the table."""
    files = write_ct(folder / "dicom", scan(), SPACING, ORIGIN)
    write_seg(folder / "seg.dcm", files, ball(SHAPE, 4))
    for name, values in (("b.nii.gz", scan()), ("c.nrrd", scan()), ("c-mask.nrrd", ball(SHAPE, 4).astype(np.uint8))):
        image = itk.GetImageFromArray(values)
        image.SetSpacing(SPACING[::-1])
        image.SetOrigin(ORIGIN[::-1])
        itk.WriteImage(image, str(folder / name))
    middle = [o + (n - 1) / 2 * s for o, n, s in zip(ORIGIN, SHAPE, SPACING, strict=True)]
    rows: list[dict[str, Any]] = [
        {"scan": "dicom", "patient_id": "A", "label": "benign", "mask": "seg.dcm"},
        {"scan": "b.nii.gz", "patient_id": "B", "label": "malignant"},
        {"scan": "c.nrrd", "patient_id": "C", "label": "malignant", "mask": "c-mask.nrrd"},
    ]
    rows[1] |= dict(zip(("z_mm", "y_mm", "x_mm"), middle, strict=True))
    pd.DataFrame(rows).to_csv(folder / "samples.csv", index=False)
    return folder


def run(source: Path, out: Path) -> int:
    return main(["folder", "--source", str(source), "--out", str(out), "--workers", "1", "--size", "24", "--quiet"])


def test_every_way_to_say_where_gives_the_same_cube(tmp_path: Path) -> None:
    assert run(write_source(tmp_path / "own"), tmp_path / "out") == 0
    data = open_prepared(tmp_path / "out", "folder", verify=True)
    by_patient = data.table.reset_index().set_index("patient_id")
    rows = [int(by_patient.loc[[name], "index"].iloc[0]) for name in "ABC"]
    for other in rows[1:]:
        assert np.abs(data.images[rows[0]].astype(int) - data.images[other]).max() <= 1
    masks = data.masks()
    np.testing.assert_array_equal(masks[rows[0]], masks[rows[2]])
    assert masks[rows[0]].any()
    assert not masks[rows[1]].any()
    assert data.table.set_index("patient_id")["label"].to_dict() == {"A": 0, "B": 1, "C": 1}
    assert data.card["classes"] == ["benign", "malignant"]
    assert data.images[0][11:13, 11:13, 11:13].mean() == 50


def test_a_scan_that_is_not_there_is_skipped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = write_source(tmp_path / "own")
    (source / "b.nii.gz").unlink()
    (source / "c-mask.nrrd").write_bytes(b"NRRD0004\n")
    assert run(source, tmp_path / "out") == 1
    said = capsys.readouterr().err
    assert "b.nii.gz not found: the column scan" in said
    assert "c-mask.nrrd" in said
    assert len(open_prepared(tmp_path / "out").table) == 1


HEAD = "scan,patient_id,label"
WRONG = {
    "a column is missing": ("scan,patient_id\na,b\n", "lacks the columns label"),
    "no rows": (f"{HEAD}\n", "0 rows"),
    "nothing": ("", "not a CSV table"),
    "no label": (f"{HEAD},z_mm,y_mm,x_mm\na.nii,P,,1,2,3\n", "line 2: label is empty"),
    "no place": (f"{HEAD}\na.nii,P,1\n", "line 2: neither a mask nor three numbers"),
    "a place of two numbers": (f"{HEAD},z_mm,y_mm,x_mm\na.nii,P,1,2,3,x\n", "neither a mask nor three"),
    "out of the folder": (f"{HEAD},mask\n../a.nii,P,1,b.nii\n", "line 2: scan '../a.nii' leads out"),
    "an absolute mask": (f"{HEAD},mask\na.nii,P,1,/etc/passwd\n", "mask '/etc/passwd' leads out"),
    "a drive": (f"{HEAD},mask\nC:\\a.nii,P,1,b.nii\n", "leads out"),
    "an id twice": (f"{HEAD},mask,sample_id\na,P,1,b,s\na,P,1,c,s\n", "sample_id 's' occurs more than once"),
    "two cohorts": (f"{HEAD},mask,cohort\na,P,1,b,train\nc,P,1,d,test\n", "'P' is in the cohorts test and train"),
    "no scan there": (f"{HEAD},mask\na.nii,P,1,b.nii\n", "none of its 1 scans is there"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_table_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str], what: str) -> None:
    assert len(WRONG) == 12
    text, reason = WRONG[what]
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "samples.csv").write_text(text)
    with pytest.raises(SystemExit) as caught:
        run(tmp_path / "own", tmp_path / "out")
    assert caught.value.code == 2
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert re.search(reason, said), said
    assert not (tmp_path / "out").exists()
