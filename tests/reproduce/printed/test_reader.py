"""The validator: a good file in full, and each kind of mistake with its line."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medrepro.datamodules.support.errors import InputError
from medrepro.reproduce.printed.model import Paper
from medrepro.reproduce.printed.reader import read_paper

GOOD = """\
schema: 1
key: made
title: Made
cohorts:
  test: {unit: cases, classes: {sick: 30, well: 70}, where: Table 1}
tables:
  "2":
    title: Results
    protocol: {test_set: fixed, runs: 3, shared: true, cohort: test, max_n: {a: 50}, bold_is_best: true}
    columns:
      se: {label: SE, means: sensitivity, unit: percent}
      size: {label: Size, means: parameters}
    rows:
      old: {label: Old, group: a, se: 80.0, size: "1,200"}
      new: {label: New, se: null, same_as: "2:old", cited: true, classes: 4}
statements:
  - {id: gain, kind: difference, where: Sec. 2, of: ["2:old.se", "70.0"], is: 10.0}
"""


def read(text: str, folder: Path) -> Paper:
    path = folder / "made.yaml"
    path.write_text(text, encoding="utf-8")
    return read_paper(path)


def test_a_good_file_in_full(tmp_path: Path) -> None:
    paper = read(GOOD, tmp_path)
    table = paper.table("2")
    assert (paper.key, paper.cohorts["test"].positives, paper.cohorts["test"].total) == ("made", 30, 100)
    assert (table.protocol.test_set, table.protocol.runs, table.protocol.max_n) == ("fixed", 3, {"a": 50})
    assert table.value("old", "se") == 80.0
    assert table.cell("new", "se").printed == "?"
    assert table.cell("new", "size").printed == ""
    assert (table.columns["size"].best, table.columns["se"].best) == ("min", "max")
    assert (table.rows["new"].cited, table.rows["new"].classes, table.rows["old"].line) == (True, 4, 14)
    assert paper.statements[0].operands[0].cell.value == 80.0
    assert paper.statements[0].line == 17


def test_unknown_tables_rows_and_columns_are_listed(tmp_path: Path) -> None:
    paper = read(GOOD, tmp_path)
    with pytest.raises(KeyError, match="no table '7'; it has 2"):
        paper.table("7")
    with pytest.raises(KeyError, match="no row 'x'; it has old, new"):
        paper.table("2").value("x", "se")
    with pytest.raises(KeyError, match="no column 'x'; it has se, size"):
        paper.table("2").value("old", "x")


MISTAKES = [
    ("schema: 1", "schema: 2", ":1: '2' is not known here.*allowed: 1"),
    ("key: made", "kye: made", ":1: 'key' is missing"),
    ("key: made", "key: Made It", ":2: 'Made It' cannot be an id"),
    ("unit: percent", "unit: per cent", ":11: a column that means 'sensitivity' needs `unit: percent`"),
    ("means: sensitivity", "means: sensitivty", ":11: .*did you mean 'sensitivity'"),
    ("se: 80.0,", "se: 180.0,", r":14: SE = 180 is outside \[0, 100\] percent"),
    ("se: 80.0,", "se: eighty,", ":14: 'eighty' is no number"),
    ("se: 80.0,", "sp: 80.0,", ":14: 'sp' is not known here"),
    ('same_as: "2:old"', 'same_as: "2:odl"', ":15: same_as: no row '2:odl'"),
    ("classes: 4", "classes: 1", ":15: expected a whole number >= 2"),
    ("cited: true", "cited: perhaps", ":15: expected true or false"),
    ("cohort: test", "cohort: tset", ":9: no cohort 'tset'; did you mean 'test'"),
    ("test_set: fixed", "test_set: fxed", ":9: 'fxed' is not known here; did you mean 'fixed'"),
    ("kind: difference", "kind: diff", ":17: 'diff' is not known here"),
    ("is: 10.0", "note: none", ":17: a 'difference' statement needs of, is; 'is' is missing"),
    ('2:old.se"', '2:old.sp"', ":17: no cell '2:old.sp'"),
    ('"70.0"', '"2:new.se"', r":17: the cell '2:new.se' holds no number \(\?\)"),
    ("{sick: 30, well: 70}", "{sick: 0, well: 0}", ":5: a cohort needs at least one sample"),
    ("      size:", "      label:", ":12: a column cannot be called 'label'"),
    ("      new:", "      old:", ":15: 'old' stands twice"),
    ("rows:", "rows: [", "not valid YAML"),
    ("    rows:\n", "    rows: none\n    x:\n", "'x' is not known here"),
]


@pytest.mark.parametrize(("good", "bad", "message"), MISTAKES)
def test_each_mistake_is_named_with_its_line(good: str, bad: str, message: str, tmp_path: Path) -> None:
    assert len(MISTAKES) == 22
    assert good in GOOD
    with pytest.raises(InputError, match=r"made\.yaml:.*" if message.startswith("not") else r"made\.yaml") as caught:
        read(GOOD.replace(good, bad, 1), tmp_path)
    assert caught.match(message)


def test_two_statements_cannot_share_an_id(tmp_path: Path) -> None:
    twice = GOOD + GOOD.splitlines()[-1] + "\n"
    with pytest.raises(InputError, match="made.yaml:18: a statement with the id 'gain' stands above already"):
        read(twice, tmp_path)


def test_missing_empty_and_binary_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_paper(tmp_path / "none.yaml")
    with pytest.raises(InputError, match="this is a folder"):
        read_paper(tmp_path)
    with pytest.raises(InputError, match="the file is empty"):
        read("", tmp_path)
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="not a UTF-8 text file"):
        read_paper(tmp_path / "bytes.yaml")


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_spoilt_file_never_ends_in_a_traceback(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Any edit of a good file is read, or refused by an InputError that names the file."""
    start = data.draw(st.integers(0, len(GOOD) - 1))
    stop = data.draw(st.integers(start, min(len(GOOD), start + 40)))
    insert = data.draw(st.text(alphabet="[]{}:,\"'-# \nabc019.%±&*!|>", max_size=6))
    message = refusal(GOOD[:start] + insert + GOOD[stop:], tmp_path_factory.getbasetemp())
    assert message is None or message.startswith(str(tmp_path_factory.getbasetemp() / "made.yaml"))


def refusal(text: str, folder: Path) -> str | None:
    try:
        read(text, folder)
    except InputError as error:
        return str(error)
    return None
