"""Which rows are blank: printed targets, planned cells and committed files."""

from pathlib import Path

from medrepro.reproduce.evaluation.coverage import Blank, Listed, blanks, printed_targets, summary
from medrepro.reproduce.plan.paper import load
from medrepro.reproduce.printed.load import KEYS
from tests.reproduce._fakes import content, write


def test_every_printed_table_and_figure_is_a_target_or_has_a_reason() -> None:
    listed = printed_targets()
    assert {one.key for one in listed} == set(KEYS)
    assert len(listed) == len({(one.key, one.target) for one in listed})
    assert any(one.reason for one in listed)
    for one in listed:
        assert one.reason or one.target in load(one.key).offered


def test_rows_are_blank_until_every_cell_is_committed(tmp_path: Path) -> None:
    table = Listed("egfr", "table 5", "")
    nothing = blanks(table, tmp_path, tmp_path)
    assert [(one.row, one.missing, one.planned, one.reason) for one in nothing] == [
        (f"resnet34-{loss}-{batches}", 3, 3, "") for loss in ("ce", "ml") for batches in ("rs", "bt")
    ]
    folder = tmp_path / "egfr/5"
    for seed in (0, 1):
        write(folder, content("resnet34-ml-bt", seed, predictions=None), None)
    assert blanks(table, tmp_path, tmp_path)[-1].line() == "egfr table 5 resnet34-ml-bt: 1 of 3 cells without a result"
    write(folder, content("resnet34-ml-bt", 2, predictions=None), None)
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
