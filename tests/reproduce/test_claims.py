"""The claims command, and the ledger against what the papers' commands offer."""

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from medrepro.reproduce import claims as command
from medrepro.reproduce.plan.cell import Cell
from medrepro.reproduce.plan.options import Options
from medrepro.reproduce.plan.paper import Paper, load
from medrepro.reproduce.plan.protocol import TUNING
from medrepro.reproduce.printed.claims import read_ledger
from medrepro.reproduce.printed.load import KEYS
from tests.reproduce._fakes import content, predictions, slices, write


def test_verdicts_in_every_form(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for row, skill in (("resnet34-ce-bt", 2.0), ("resnet34-ce-rs", 0.5)):
        for seed in range(3):
            write(tmp_path / "results/egfr/5", content(row, seed), predictions(skill, seed, slices()))
    words = ["egfr", "--results", str(tmp_path / "results"), "--out", str(tmp_path / "out")]
    assert command.main(words) == 0
    out = capsys.readouterr().out
    assert "supported            with cross-entropy, batch training beats random selection" in out
    assert "(Holm) over 3 seeds at quick on embedded data\n" in out
    assert (
        "paper +0.0114 accuracy · 3205 images (as if independent) could show 0.02 · 56 patients could show 0.15" in out
    )
    assert "cannot be (audit)    these four numbers were measured on 825 mutant and 2380 wild images" in out
    assert "needs original data  the networks work as well on another hospital's patients" in out
    counted = "1 supported, 8 not run, 3 cannot be asked here, 5 cannot be (audit), 1 needs original data"
    assert f"egfr         18 claims: {counted}" in out
    page = (tmp_path / "out/claims.html").read_text(encoding="utf-8")
    assert "http" not in page.replace("<!doctype html>", "")
    assert "batch training beats random selection" in page
    assert "| supported | with cross-entropy" in (tmp_path / "out/claims.md").read_text(encoding="utf-8")


def test_all_papers_without_results(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "results").mkdir()
    assert command.main(["--results", str(tmp_path / "results"), "--out", str(tmp_path), "--quiet"]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "claims.html")
    text = (tmp_path / "claims.md").read_text(encoding="utf-8")
    assert all(f"## {key}" in text for key in KEYS)
    assert "| supported |" not in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["egrf"], "no paper 'egrf'; the papers are cellline, egfr"),
        (["--results", "/nowhere"], "/nowhere: no such folder"),
    ],
)
def test_bad_input_is_one_line_and_code_2(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        command.main(words)
    error = capsys.readouterr().err
    assert (stopped.value.code, error.count("\n"), message in error) == (2, 1, True)


def test_a_broken_result_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "egfr/5"
    folder.mkdir(parents=True)
    (folder / "resnet34-ce-bt__0__0.json").write_text("{", encoding="utf-8")
    with pytest.raises(SystemExit):
        command.main(["egfr", "--results", str(tmp_path), "--out", str(tmp_path)])
    assert "resnet34-ce-bt__0__0.json" in capsys.readouterr().err


def rows_in(found: Paper, table: str, folder: Path) -> set[str]:
    """Row ids of the table, figure or study whose results lie in the folder ``table``."""
    for target in found.offered:
        kind, name = target.split(" ", 1)
        if table in (name, f"{kind}{name}") or (table, target) == ("trust", "table summary"):
            job = found.plan(Options(command="", target=target, out=str(folder)))
            return {row.id for row in job.spec.rows}
    return set()


@pytest.mark.parametrize("key", KEYS)
def test_tested_rows_are_rows_of_the_commands(key: str, tmp_path: Path) -> None:
    found = load(key)
    tested = [claim.comparison for claim in read_ledger()[key].claims if claim.comparison is not None]
    assert len(tested) >= 6
    for comparison in tested:
        rows = rows_in(found, comparison.table, tmp_path)
        assert set(comparison.needed) <= rows, comparison.table


def settings_of(cell: Cell) -> dict[str, object]:
    """Return what a cell is computed from, flat: a repeated network's own settings, an ensemble's members' together."""
    members = [need for need in cell.needs if not need.table.endswith(TUNING)] if cell.epochs is None else []
    parts = [flat(one.config) for one in members or [cell]]
    every = {name: [part.get(name) for part in parts] for name in {name for part in parts for name in part}}
    return {name: found[0] if all(one == found[0] for one in found) else found for name, found in every.items()}


def flat(values: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    parts = [flat(v, f"{before}{k}.") if isinstance(v, Mapping) else {f"{before}{k}": v} for k, v in values.items()]
    return {name: value for part in parts for name, value in part.items()}


@pytest.mark.parametrize("preset", ["quick", "judge"])
@pytest.mark.parametrize("key", KEYS)
def test_the_arms_of_a_claim_differ_in_what_it_names_and_in_nothing_else(key: str, preset: str, tmp_path: Path) -> None:
    """By the plan of today: configuration against configuration, of the same seed and fold."""
    for claim in read_ledger()[key].claims:
        test = claim.comparison
        if test is None or test.table == "trust":  # explanations differ in their method, which is their row
            continue
        cells = {cell.row: cell for cell in reversed(planned(key, test.table, preset, tmp_path))}
        pairs = [*zip(test.better, test.worse, strict=True)] if test.worse else [*pairwise(test.better)]
        for better, worse in pairs:
            ours, theirs = settings_of(cells[better]), settings_of(cells[worse])
            differing = {name for name in {*ours, *theirs} if ours.get(name) != theirs.get(name)}
            strange = {name for name in differing if not any(f"{name}.".startswith(f"{one}.") for one in test.varies)}
            assert not strange, f"{claim.id}: {better} and {worse} differ in {strange}, it names {test.varies}"
            assert differing, f"{claim.id}: {better} and {worse} are the same"


def planned(key: str, table: str, preset: str, folder: Path) -> tuple[Cell, ...]:
    paper = load(key)
    for target in paper.offered:
        kind, name = target.split(" ", 1)
        if table in (name, f"{kind}{name}"):
            return paper.plan(Options(command="", target=target, preset=preset, out=str(folder))).cells
    raise AssertionError(f"{key} has no table {table}")


def test_the_committed_results_judge_every_claim(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is published: the ledger on the committed results, as a reader who types the command sees it."""
    assert command.main(["--out", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    for key, claims in read_ledger().items():
        headline = next(line for line in lines if line.startswith(f"{key:12} "))
        assert headline.split()[1] == str(len(claims.claims))
        assert "not run" not in headline, headline
    assert (tmp_path / "claims.html").is_file()


def test_a_claim_that_cannot_be_judged_is_one_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Rows measured on different cases cannot be paired; the other claims and papers are judged all the same."""
    for row, patients in (
        ("resnet34-ce-bt", 10),
        ("resnet34-ce-rs", 30),
        ("resnet34-ml-bt", 10),
        ("resnet34-ml-rs", 10),
    ):
        for seed in range(3):
            frame = predictions(2.0, seed, slices(patients=patients))
            write(tmp_path / "results/egfr/5", content(row, seed), frame)
    assert command.main(["egfr", "--results", str(tmp_path / "results"), "--out", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert out.count("cannot pair predictions of different cases") == 2  # both claims that need the row of 30 patients
    assert "cannot be judged     with cross-entropy, batch training beats random selection" in out
    assert "2 cannot be judged" in out
    assert "no gain              with the mixed loss, batch training beats random selection" in out
