"""A cell's identity: what changes it, what does not, and when a result on disk still counts."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from medrepro.reproduce.plan.cell import Cell, Runtime, write_json
from medrepro.reproduce.plan.identity import ROOT, bare_code, code_sha256, source_fingerprint


@pytest.fixture
def cell(tmp_path: Path) -> Cell:
    config = {"module": {"lr": 0.1}, "data": {"data_root": None}, "train": {"epochs": 3}}
    return Cell("egfr", "5", "ce-rs", "CE random", 0, 0, "smoke", config, str(tmp_path))


def finished(cell: Cell, **changes: object) -> None:
    fresh = {"config_sha256": cell.config_sha256, "code_sha256": code_sha256(cell.key), "source_fingerprint": None}
    write_json(cell.path, fresh | changes)


def test_survives_the_way_to_a_process_of_its_own(cell: Cell) -> None:
    assert Cell.from_json(cell.to_json()) == cell


def test_a_finished_cell_is_recognised(cell: Cell) -> None:
    assert cell.finished() is None
    finished(cell)
    assert cell.finished() is not None


CHANGES = [{"config_sha256": "x"}, {"code_sha256": "x"}, {"source_fingerprint": "x"}]


@pytest.mark.parametrize("change", CHANGES)
def test_another_configuration_code_or_source_is_not_this_cell(cell: Cell, change: dict[str, str]) -> None:
    assert len(CHANGES) == 3
    finished(cell, **change)
    assert cell.finished() is None


def test_a_torn_file_is_not_a_result(cell: Cell) -> None:
    cell.path.parent.mkdir(parents=True)
    cell.path.write_text('{"schema": 1, "config_sha')
    assert cell.finished() is None


def test_where_it_runs_is_not_what_it_is(cell: Cell) -> None:
    elsewhere = replace(cell, runtime=Runtime(accelerator="gpu", devices=4), out="/other", command="x", label="y")
    assert elsewhere.config_sha256 == cell.config_sha256
    assert replace(cell, seed=1).config_sha256 != cell.config_sha256
    assert replace(cell, config={**cell.config, "module": {"lr": 0.2}}).config_sha256 != cell.config_sha256


def test_comments_and_docstrings_do_not_change_code() -> None:
    one = 'def f(x: int) -> int:\n    """Say it."""\n    return x + 1  # one more\n'
    two = 'def f(x: int) -> int:\n    """Say it otherwise,\n\n    at length."""\n\n    # a remark\n    return x + 1\n'
    assert bare_code(one) == bare_code(two)
    assert bare_code(one) != bare_code(one.replace("+ 1", "+ 2"))
    assert "#" in bare_code('x = "a # b"\n')


NEEDED = (
    "lightning_modules/egfr.py", "lightning_modules/losses/mixed.py", "lightning_modules/networks/egfr.py",
    "datamodules/egfr.py", "datamodules/samplers.py", "datamodules/rendering/render.py",
    "datamodules/prepare/records.py",
    "reproduce/run/training.py", "reproduce/run/classical.py", "reproduce/papers/egfr/compute.py",
)  # fmt: skip


@pytest.mark.parametrize("changed", NEEDED)
def test_any_code_that_can_compute_a_result_changes_its_hash(changed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before, read = code_sha256("egfr"), Path.read_text

    def edited(path: Path, *words: str) -> str:
        return read(path, *words) + ("\nEDITED = 1\n" if path == ROOT / changed else "")

    code_sha256.cache_clear()
    monkeypatch.setattr(Path, "read_text", edited)
    after = code_sha256("egfr")
    code_sha256.cache_clear()
    assert after != before


def test_another_papers_protocol_and_a_report_do_not_change_the_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    before, read = code_sha256("egfr"), Path.read_text
    others = (ROOT / "reproduce/papers/quadsnet/compute.py", ROOT / "reproduce/report/html.py")
    assert all(path.is_file() for path in others)
    code_sha256.cache_clear()
    monkeypatch.setattr(Path, "read_text", lambda path, *words: read(path, *words) + "#\nx = 1\n" * (path in others))
    after = code_sha256("egfr")
    code_sha256.cache_clear()
    assert after == before


def test_a_changed_source_folder_changes_its_fingerprint(tmp_path: Path) -> None:
    assert source_fingerprint(None) is None
    for name, text in (("one", "a"), ("two", "bb")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.npz").write_text(text)
    assert source_fingerprint(str(tmp_path / "one")) != source_fingerprint(str(tmp_path / "two"))


def test_json_is_written_whole(tmp_path: Path) -> None:
    write_json(tmp_path / "a" / "b.json", {"x": 1})
    assert json.loads((tmp_path / "a" / "b.json").read_text()) == {"x": 1}
    with pytest.raises(TypeError, match="not JSON serializable"):
        write_json(tmp_path / "a" / "b.json", {"x": object()})
    assert json.loads((tmp_path / "a" / "b.json").read_text()) == {"x": 1}
    assert len(list((tmp_path / "a").iterdir())) == 1
