"""Series below a folder: grouped, by modality, in the same order for any number of workers; bad files named."""

from pathlib import Path

import pytest

from medrepro.datamodules.ct import search as dicom_find
from medrepro.datamodules.ct.search import find_series
from medrepro.datamodules.support.errors import InputError
from tests.datamodules._ct_series import edit, phantom, write_ct


def test_series_are_found_wherever_they_lie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_ct(tmp_path / "b", phantom(seed=1), uid="1.2.1", patient="B")
    files = write_ct(tmp_path / "a" / "deep", phantom(seed=2), uid="1.2.2", patient="A")
    for file in write_ct(tmp_path / "b" / "mr", phantom(seed=3), uid="1.2.3"):
        edit(file, Modality="MR")
    (tmp_path / "cut.dcm").write_bytes(files[0].read_bytes()[:180])
    (tmp_path / "DICOMDIR").write_bytes(files[0].read_bytes())
    (tmp_path / "text").write_text("text")
    monkeypatch.setattr(dicom_find, "CHUNK", 5)
    found = find_series(tmp_path)
    assert [(one.uid, one.patient_id, len(one.files)) for one in found.of_modality("CT")] == [
        ("1.2.2", "A", 6),
        ("1.2.1", "B", 6),
    ]
    assert found.of_modality("MR")[0].files == sorted((tmp_path / "b" / "mr").iterdir())
    assert [name for name, _ in found.unreadable] == ["cut.dcm"]


def test_errors(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no such folder; --source"):
        find_series(tmp_path / "nothing")
    with pytest.raises(InputError, match="none of its 0 files is DICOM"):
        find_series(tmp_path)
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="is a file; --source"):
        find_series(tmp_path / "file")
