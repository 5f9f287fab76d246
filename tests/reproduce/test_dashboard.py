"""The papers beside ours over any runs: what is found, what is shown, what is refused; the W&B workspace unsent."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from medrepro.datamodules.support.errors import InputError
from medrepro.reproduce import dashboard
from medrepro.reproduce.plan.cell import leading_number
from medrepro.reproduce.report import overview as _compared
from medrepro.reproduce.report import wandb_workspace as _workspace
from medrepro.reproduce.report.dashboard import COLUMNS, FILTERS
from medrepro.reproduce.report.dashboard import dashboard as page_of
from medrepro.reproduce.report.overview import compare
from medrepro.reproduce.run import wandb_cells
from tests.reproduce._fakes import DATA, SKILLS, content, predictions, slices, write
from tests.reproduce._runs import EVIL, make_runs


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_runs(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def found(runs: Path) -> _compared.Comparison:
    return compare([runs], resamples=50)


class Reader(HTMLParser):
    """Tags, links and texts of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    return reader


def test_a_line_sets_the_paper_s_number_beside_ours(found: _compared.Comparison) -> None:
    (line,) = [
        one for one in found.lines
        if (one.run, one.quantity) == ("egfr-quick", "ACC, images") and one.row.endswith("ML  batch training")
    ]  # fmt: skip
    assert (line.key, line.table, line.preset, line.data) == ("egfr", "Table 5", "quick", "embedded")
    assert (line.paper, line.paper_value, line.other_data) == ("81.58", 81.58, True)
    assert line.value is not None
    assert line.ours == f"{line.value:.1f}"
    assert 50 < line.value < 100
    assert line.over == "2 seeds"
    assert line.report is not None


def test_intervals_are_in_the_unit_shown(found: _compared.Comparison) -> None:
    shown = [line for line in found.lines if line.low is not None]
    assert len(shown) > 6
    for line in shown:
        assert line.low is not None
        assert line.value is not None
        assert line.high is not None
        assert line.low <= line.value <= line.high
    assert all(line.plot is not None for line in shown if line.quantity == "AUC, patients")


def test_presets_data_sets_and_runs_are_kept_apart(found: _compared.Comparison) -> None:
    kinds = {(line.run, line.key, line.table, line.preset, line.data) for line in found.lines}
    assert {
        ("egfr-quick", "egfr", "Table 5", "quick", "embedded"),
        ("egfr-paper", "egfr", "Table 5", "paper", "nsclc-slices"),
        ("quadsnet-quick", "quadsnet", "Table 3", "quick", "embedded"),
    } <= kinds
    assert not any(line.other_data for line in found.lines if line.run == "egfr-paper")


def test_results_of_unknown_tables_speak_for_themselves(found: _compared.Comparison) -> None:
    lines = [line for line in found.lines if line.run == "own-study"]
    assert {line.row for line in lines} == {EVIL}
    assert all(line.paper == "" for line in lines)
    assert any(line.quantity == "patient/auc" and line.low is not None for line in lines)


PRINTED = [
    ("93.11±0.18", 93.11), ("57 (36.8%)", 57.0), ("2,651", 2651.0), ("-0.5", -0.5), (".93", 0.93), ("7", 7.0),
    ("", None), ("-", None), ("see text", None),
]  # fmt: skip


@pytest.mark.parametrize(("printed", "number"), PRINTED)
def test_a_printed_cell_sorts_by_its_number(printed: str, number: float | None) -> None:
    assert len(PRINTED) == 9
    assert leading_number(printed) == number


def test_old_code_is_stale(found: _compared.Comparison) -> None:
    assert {line.status for line in found.lines if line.run == "quadsnet-quick" and line.ours} == {"stale"}
    assert {line.note for line in found.lines if line.status == "stale"} == {"other code"}


def test_a_broken_file_is_named_and_the_rest_is_shown(runs: Path, found: _compared.Comparison) -> None:
    (problem,) = found.problems
    assert "broken__0__0.json" in problem
    assert found.results == len([p for p in runs.rglob("*.json") if p.parent.parent.name in ("egfr", "quadsnet")]) - 1


def test_nothing_found_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputError, match="no such folder"):
        compare([tmp_path / "none"])
    with pytest.raises(InputError, match=r"no results below .*; run a paper first"):
        compare([tmp_path])
    with pytest.raises(SystemExit) as stop:
        dashboard.main([str(tmp_path), "--out", str(tmp_path / "x.html")])
    assert stop.value.code == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


MISTAKES = [
    (["--workspace", "me"], "--workspace me: give ENTITY/PROJECT"),
    (["--out", "page.txt"], "--out page.txt: give a file that ends in .html"),
    (["--sort"], "unrecognized arguments: --sort"),
]


@pytest.mark.parametrize(("words", "message"), MISTAKES)
def test_a_mistake_is_one_line(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert len(MISTAKES) == 3
    with pytest.raises(SystemExit) as stop:
        dashboard.main(words)
    assert stop.value.code == 2
    assert message in capsys.readouterr().err


def test_the_command_writes_the_page_and_says_what_is_left_out(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_compared, "RESAMPLES", 20)
    out = tmp_path / "dash" / "board.html"
    assert dashboard.main([str(runs / "own-study"), str(runs / "broken"), "--out", str(out)]) == 0
    printed = capsys.readouterr()
    assert f"dashboard {out}" in printed.out
    assert "left out: cannot read result" in printed.err
    assert out.read_text().startswith("<!DOCTYPE html>")


def test_the_page_loads_nothing_and_escapes_everything(found: _compared.Comparison, runs: Path) -> None:
    page = page_of(found, [runs], runs / "dashboard.html", "python reproduce/dashboard.py")
    reader = read(page)
    for tag, given in reader.tags:
        assert tag not in ("link", "img", "iframe", "object", "base"), tag
        assert not {"src", "srcset", "action"} & set(given), (tag, given)
        assert not any(name.startswith("on") for name in given), (tag, given)
    assert not re.search(r"https?://|@import|url\(", page.replace("http://www.w3.org/2000/svg", ""))
    assert sum(tag == "script" for tag, _ in reader.tags) == 1  # the page's own, not a label's
    assert EVIL in reader.texts
    assert "<script>alert" not in page
    links = [given["href"] for tag, given in reader.tags if tag == "a"]
    assert links
    assert all(link is not None and (runs / link).is_file() for link in links)


def test_the_page_has_every_line_column_and_filter(found: _compared.Comparison, runs: Path) -> None:
    reader = read(page_of(found, [runs], runs / "dashboard.html", ""))
    bodies = [given for tag, given in reader.tags if tag == "tr" and "data-status" in given]
    assert len(bodies) == len(found.lines)
    assert sum(tag == "th" for tag, _ in reader.tags) == len(COLUMNS)
    assert [given["name"] for tag, given in reader.tags if tag == "select"] == [name for name, _ in FILTERS]


def test_a_workspace_has_a_section_a_table_and_bars_beside_the_paper_s(found: _compared.Comparison) -> None:
    pytest.importorskip("wandb_workspaces")
    workspace = _workspace.build_workspace(found, "me", "house")
    assert [section.name for section in workspace.sections] == list(
        dict.fromkeys(f"{line.key} · {line.table}" for line in found.lines)
    )
    sent = json.dumps(workspace._to_model().model_dump(by_alias=True), default=str)
    for words in ("paper/ACC, images", "ours/ACC, images", "81.58 (other data)", "val/loss"):
        assert words in sent, words
    assert "summary:paper/ACC, images" in workspace.runset_settings.pinned_columns


def test_a_workspace_needs_its_package(found: _compared.Comparison, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_workspace, "find_spec", lambda _: None)
    with pytest.raises(InputError, match=r"needs wandb-workspaces: pip install 'medrepro\[wandb\]'"):
        _workspace.build_workspace(found, "me", "house")


class Saved:
    """Stands for a workspace that W&B took, or did not."""

    url = "https://wandb.example/me/house"

    def __init__(self, error: Exception | None) -> None:
        self.error = error

    def save(self) -> "Saved":
        if self.error:
            raise self.error
        return self


def test_what_wandb_says_of_a_workspace_is_one_line(
    found: _compared.Comparison, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_workspace, "build_workspace", lambda *_: Saved(None))
    assert _workspace.save_workspace(found, "me", "house") == Saved.url
    for error in (ValueError("no such project"), ConnectionError("no route")):
        monkeypatch.setattr(_workspace, "build_workspace", lambda *_, error=error: Saved(error))
        with pytest.raises(InputError, match=f"W&B did not take the workspace for me/house: {error}"):
            _workspace.save_workspace(found, "me", "house")


def test_a_workspace_without_an_account_is_refused_before_anything_is_read(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wandb_cells, "has_account", lambda: False)
    with pytest.raises(SystemExit) as stop:
        dashboard.main([str(runs), "--workspace", "me/house", "--out", str(tmp_path / "x.html")])
    assert stop.value.code == 2
    assert "needs an account" in capsys.readouterr().err
    assert not (tmp_path / "x.html").exists()


def test_pipes_do_not_break_the_workspace_s_table(tmp_path: Path) -> None:
    frame = predictions(SKILLS["ml-bt"], 0, slices(patients=30))
    changes: dict[str, Any] = {"row_label": "a | b", "ci": {}, "metrics": {"image/auc": 0.5}, "data": DATA}
    write(tmp_path / "egfr" / "own", content("odd", 0, table="own", **changes), frame)
    lines = compare([tmp_path], resamples=20).lines
    text = _workspace.markdown("egfr", "own", list(lines)).splitlines()
    assert text[-1].startswith(r"| a \| b | image/auc |")
