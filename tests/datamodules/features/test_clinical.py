"""The clinical table: read as it is, refused with the line where it is wrong."""

from pathlib import Path

import pytest

from medrepro.datamodules.features import clinical
from medrepro.datamodules.support.errors import InputError

HEADER = [
    clinical.PATIENT, clinical.SEX, clinical.SMOKING, "Histology ", clinical.EGFR, clinical.AGE, clinical.CT_TO_SURGERY,
]  # fmt: skip
GOOD = ["R01-001", "Female", "Former", "Adenocarcinoma", "Mutant", "67", "12"]


def write(folder: Path, *rows: list[str], header: list[str] = HEADER) -> Path:
    path = folder / "table.csv"
    path.write_text("\n".join(",".join(row) for row in (header, *rows)) + "\n")
    return path


def changed(column: int, value: str) -> list[str]:
    return ["R01-002", *[value if i == column else cell for i, cell in enumerate(GOOD)][1:]]


def test_reads_a_table(tmp_path: Path) -> None:
    table = clinical.read_clinical(write(tmp_path, GOOD, changed(6, "Not Collected")))
    assert len(table) == 2
    assert table[clinical.AGE].tolist() == [67, 67]
    assert table[clinical.CT_TO_SURGERY].isna().tolist() == [False, True]
    assert len(clinical.known_status(table)) == 2
    assert len(clinical.ct_within(table, 30)) == 1


BAD = [
    (1, "Unsaid", "line 3, column 'Gender': 'Unsaid'; allowed: Female, Male"),
    (2, "Often", "line 3, column 'Smoking status': 'Often'"),
    (3, "Other", "line 3, column 'Histology': 'Other'"),
    (4, "Maybe", "line 3, column 'EGFR mutation status': 'Maybe'"),
    (5, "old", "line 3, column 'Age at Histological Diagnosis': 'old'; allowed: 0 to 120"),
    (5, "130", "line 3, column 'Age at Histological Diagnosis': '130'"),
    (6, "soon", "line 3, column 'Days between CT and surgery': 'soon'"),
]


@pytest.mark.parametrize(("column", "value", "message"), BAD)
def test_a_bad_value_names_its_line(column: int, value: str, message: str, tmp_path: Path) -> None:
    assert len(BAD) == 7
    with pytest.raises(InputError, match=message):
        clinical.read_clinical(write(tmp_path, GOOD, changed(column, value)))


def test_missing_column(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="lacks the columns .*EGFR mutation status"):
        clinical.read_clinical(write(tmp_path, GOOD[:4], header=HEADER[:4]))


def test_patient_twice(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="line 3: patient 'R01-001' occurs twice"):
        clinical.read_clinical(write(tmp_path, GOOD, GOOD))


def test_no_file_and_no_table(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="--clinical-csv takes"):
        clinical.read_clinical(tmp_path / "none.csv")
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(InputError, match="is not a CSV table"):
        clinical.read_clinical(tmp_path / "empty.csv")
