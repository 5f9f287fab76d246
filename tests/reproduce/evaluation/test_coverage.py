"""Which rows are blank: the index, planned cells and committed files."""

from pathlib import Path

import pytest

from medrepro.datamodules.support.errors import InputError
from medrepro.reproduce.evaluation.coverage import Blank, Listed, blanks, load_command, read_index, summary
from medrepro.reproduce.printed.load import KEYS


def test_the_index_names_every_paper_and_either_a_target_or_a_reason() -> None:
    listed = read_index()
    assert {one.key for one in listed} == set(KEYS)
    assert len(listed) == len({(one.key, one.target) for one in listed})
    assert any(one.reason for one in listed)
    for one in listed:
        assert one.reason or one.target in load_command(one.key).targets


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("egrf:\n  tables: {}\n", ":2: no paper 'egrf'"),
        ("egfr:\n  tables:\n    '5': {}\n", ":3: table 5 has neither a command nor a reason"),
        ("egfr:\n  tables:\n    '5': {comand: x}\n", ":3: 'comand' is not known here; did you mean 'command'"),
    ],
)
def test_mistakes_in_the_index_are_named(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "index.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_index(path)
    assert f"index.yaml{message}" in str(caught.value)


def test_rows_are_blank_until_every_cell_is_committed(tmp_path: Path) -> None:
    table = Listed("egfr", "table 5", "")
    nothing = blanks(table, tmp_path, tmp_path)
    assert [(one.row, one.missing, one.planned, one.reason) for one in nothing] == [
        (f"resnet34-{loss}-{batches}", 3, 3, "") for loss in ("ce", "ml") for batches in ("rs", "bt")
    ]
    folder = tmp_path / "egfr/5"
    folder.mkdir(parents=True)
    for seed in (0, 1):
        (folder / f"resnet34-ml-bt__{seed}__0.json").touch()
    assert blanks(table, tmp_path, tmp_path)[-1].line() == "egfr table 5 resnet34-ml-bt: 1 of 3 cells without a result"
    (folder / "resnet34-ml-bt__2__0.json").touch()
    assert "resnet34-ml-bt" not in [one.row for one in blanks(table, tmp_path, tmp_path)]


def test_reasons_are_kept(tmp_path: Path) -> None:
    assert blanks(Listed("egfr", "figure 1", "a drawing"), tmp_path, tmp_path) == []
    cited = blanks(Listed("egfr", "table 7", ""), tmp_path, tmp_path)[0]
    assert (cited.row, cited.planned) == ("liu-svm", 0)
    assert "cited" in cited.reason
    unknown = blanks(Listed("egfr", "table 99", ""), tmp_path, tmp_path)[0]
    assert unknown.reason == "the command does not offer it yet"
    blank = Blank("egfr", "table 5", "x", 1, 3)
    assert summary({"a": [cited, blank]}) == "1 rows without results, 1 blank for a reason"
