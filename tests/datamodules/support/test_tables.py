"""CSV as text: stripped, checked, with the line of a row."""

from pathlib import Path

import pytest

from medrepro.datamodules.support.errors import InputError
from medrepro.datamodules.support.tables import line_of, read_table


def test_text_is_stripped_and_kept_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('\ufeffid , label,note\n 007,NA,"a, b"\n8,\n')
    table = read_table(path, ["id", "label"], "a list")
    assert table.columns.tolist() == ["id", "label", "note"]
    assert table.to_numpy().tolist() == [["007", "NA", "a, b"], ["8", "", ""]]
    assert read_table(path, [], "a list", missing_as_empty=True)["label"].tolist() == ["", ""]
    assert line_of(table.index[1]) == 3


def test_what_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    with pytest.raises(FileNotFoundError, match=r"a\.csv not found: the list of scans"):
        read_table(path, [], "the list of scans")
    for content in (b"", b"a,b\n1,2\n1,2,3,4\n", b"a\n\xff\xfe\n"):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"a\.csv is not a CSV table: .+"):
            read_table(path, [], "")
    path.write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="lacks the columns c, d; found: a, b; needed: a, c, d"):
        read_table(path, ["a", "c", "d"], "")
