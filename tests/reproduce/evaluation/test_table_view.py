"""Tables from result files: one seed, three, folds, blanks, stale files, other data."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from medrepro.datamodules.support.errors import InputError
from medrepro.reproduce.evaluation.results import Current
from medrepro.reproduce.evaluation.table_view import TableView, build_table
from medrepro.reproduce.plan.table import Column, RowSpec, TableSpec
from tests.reproduce._fakes import CLAIMS, DATA, SPEC, content, make_results, predictions, slices, with_claims, write

FAST = 100


def cells(view: TableView, row: str) -> list[str]:
    return next([cell.text for cell in line.cells] for line in view.rows if line.id == row)


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> TableView:
    return build_table(SPEC, make_results(tmp_path_factory.mktemp("three"), patients=40), resamples=FAST)


def test_columns_are_paper_ours_and_difference(three: TableView) -> None:
    assert [(column.kind, column.label) for column in three.columns] == [
        ("paper", "paper ACC"),
        ("ours", "ours ACC, images"),
        ("ours", "ours AUC, patients"),
        ("difference", "- diameter"),
        ("difference", "- diameter, nodules of 8-15 mm"),
    ]


def test_three_seeds(three: TableView) -> None:
    paper, accuracy, auc, difference, _ = cells(three, "ce-rs")
    assert paper == "78.07"
    value, sign, sd = accuracy.split()
    assert 50 < float(value) < 100
    assert sign == "±"
    assert 0 < float(sd) < 10
    assert "±" not in auc
    assert auc.startswith("0.")
    assert auc.endswith("]")
    assert difference[0] in "+-0"
    assert three.title_line == "EGFR · Table 5 · quick (not the paper's protocol) · 3 seeds"
    assert three.data_line == (
        "embedded: real annotations and patients, rendered intensities; task malignancy, standing in for EGFR status"
    )


def test_baselines_stand_last_without_paper_or_own_difference(three: TableView) -> None:
    assert [row.kind for row in three.rows] == ["row"] * 4 + ["baseline"] * 3
    paper, accuracy, auc, difference, _ = cells(three, "diameter")
    assert (paper, difference) == ("-", "-")
    assert "±" not in accuracy  # one fitted rule, the same for every seed
    assert auc
    assert cells(three, "majority")[2] == "0.500"


def test_one_seed_has_no_sd(tmp_path: Path) -> None:
    view = build_table(SPEC, make_results(tmp_path, seeds=(0,), patients=30), resamples=FAST)
    assert "±" not in "".join(cells(view, "ce-rs"))
    assert "1 seed" in view.title_line


def test_folds_are_counted(tmp_path: Path) -> None:
    results = make_results(tmp_path, rows=("ce-rs",), seeds=(0,), folds=(0, 1, 2), patients=25)
    view = build_table(SPEC, results, resamples=FAST)
    assert view.title_line.endswith("1 seed · 3 folds")
    assert "±" in cells(view, "ce-rs")[1]


def test_a_blank_stays_blank(tmp_path: Path) -> None:
    rows = (*SPEC.rows, RowSpec("cited", "SD2023", {"ACC(%)": "90.1"}, reason="numbers cited from elsewhere"))
    results = make_results(tmp_path, rows=("ce-rs",), seeds=(0,), patients=25)
    view = build_table(replace(SPEC, rows=rows), results, resamples=FAST)
    assert cells(view, "ml-bt") == ["81.58", "", "", "", ""]
    notes = {row.id: row.note for row in view.rows}
    assert (notes["ml-bt"], notes["cited"], notes["ce-rs"]) == ("not run", "numbers cited from elsewhere", "")


def test_nothing_run_at_all() -> None:
    view = build_table(SPEC, [])
    assert view.title_line == "EGFR · Table 5 · not run"
    assert view.data_line == "no results"
    assert (view.preset, view.seeds, view.folds, view.other_data) == ("", 0, 0, "none")
    assert all(cell in {"", "-"} for row in view.rows for cell in [c.text for c in row.cells][1:])


def test_stale_results_are_marked(tmp_path: Path) -> None:
    results = make_results(tmp_path, rows=("ce-rs", "ce-bt", "ml-rs"), patients=25)
    old = make_results(tmp_path, rows=("ml-bt",), patients=25, code_sha256="b" * 64)
    view = build_table(SPEC, results + old, Current("a" * 64, frozenset({DATA["sha256"]})), FAST)
    stale = {row.id: row.stale for row in view.rows}
    assert (stale["ml-bt"], stale["ce-rs"]) == ("code", "")
    assert cells(view, "ml-bt")[1] != ""


def test_stale_results_never_mix_with_fresh_ones(tmp_path: Path) -> None:
    fresh = make_results(tmp_path / "a", rows=("ce-rs",), seeds=(0, 1), patients=25)
    old = make_results(tmp_path / "b", rows=("ce-rs",), seeds=(2,), patients=25, data={**DATA, "sha256": "e" * 64})
    current = Current(None, frozenset({DATA["sha256"]}))
    mixed, alone = build_table(SPEC, fresh + old, current, FAST), build_table(SPEC, fresh, current, FAST)
    assert cells(mixed, "ce-rs") == cells(alone, "ce-rs")
    row = mixed.rows[0]
    assert (row.stale, row.note) == ("", "1 stale result left out")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"preset": "paper"}, r"several presets: \['paper', 'quick'\]"),
        ({"data": {**DATA, "name": "nsclc"}}, r"several data sets: \['embedded', 'nsclc'\]"),
        ({"table": "6"}, r"several tables: \['egfr 5', 'egfr 6'\]"),
    ],
)
def test_protocols_are_not_mixed(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    results = make_results(tmp_path / "a", rows=("ce-rs",), seeds=(0,), patients=5)
    results += make_results(tmp_path / "b", rows=("ce-bt",), seeds=(0,), patients=5, **change)
    with pytest.raises(InputError, match=words):
        build_table(SPEC, results, resamples=FAST)


def test_the_papers_column_says_other_data(tmp_path: Path, three: TableView) -> None:
    assert three.other_data == "all"
    assert three.marks == ("quick", "embedded")
    original = {**DATA, "tier": "original"}
    results = make_results(tmp_path, rows=("ce-rs",), seeds=(0,), patients=10, data=original, preset="paper")
    view = build_table(SPEC, results, resamples=FAST)
    assert (view.other_data, view.marks) == ("none", ("paper", "original"))
    assert "paper protocol" in view.title_line


def test_rows_may_be_measured_on_different_data(tmp_path: Path) -> None:
    spec = replace(SPEC, mixed_data=True)
    original = {**DATA, "name": "covid-ct", "tier": "original"}
    results = make_results(tmp_path / "a", rows=("ce-rs",), seeds=(0,), patients=10)
    results += make_results(tmp_path / "b", rows=("ce-bt",), seeds=(0,), patients=10, data=original)
    view = build_table(spec, results, resamples=FAST)
    assert view.other_data == "some"
    assert [row.other_data for row in view.rows[:2]] == [True, False]
    assert " | covid-ct:" in view.data_line


def test_marks_of_results_are_badges(tmp_path: Path) -> None:
    results = make_results(tmp_path, rows=("ce-rs",), seeds=(0,), patients=10, marks=["leaky split"])
    view = build_table(SPEC, results, resamples=FAST)
    assert view.marks == ("quick", "embedded", "leaky split")
    assert view.title_line.endswith("leaky split")


def test_rows_below_the_line_come_after_the_papers(tmp_path: Path) -> None:
    rows = (RowSpec("ce-rs", "ours alone", below=True), *SPEC.rows[1:])
    view = build_table(replace(SPEC, rows=rows), make_results(tmp_path, seeds=(0,), patients=10), resamples=FAST)
    assert [row.id for row in view.rows[:4]] == ["ce-bt", "ml-rs", "ml-bt", "ce-rs"]


def test_results_without_a_row_are_named(tmp_path: Path) -> None:
    results = make_results(tmp_path, rows=("ce-rs",), seeds=(0,), patients=10)
    results.append(write(tmp_path, content("vgg16", 0), predictions(1.0, 0, slices(patients=10))))
    notes = build_table(SPEC, results, resamples=FAST).notes
    assert notes[-1] == "results of rows that this table does not have were left out: vgg16"
    with_members = replace(SPEC, members=("vgg16",))
    assert "left out" not in " ".join(build_table(with_members, results, resamples=FAST).notes)


def test_tables_without_training(tmp_path: Path) -> None:
    spec = TableSpec(
        "egfr", "5", "Images",
        (Column("images/train", "training", paper="Training", digits=0), Column("shape", "shape")),
        (RowSpec("mutant", "EGFR-Mut", {"Training": 3310}), RowSpec("wild", "EGFR-Wild", {"Training": "9,525"})),
    )  # fmt: skip
    metrics = {"images/train": 7850, "shape": "64 x 64"}
    results = [write(tmp_path, content("mutant", 0, predictions=None, metrics=metrics, history={}), None)]
    view = build_table(spec, results)
    assert cells(view, "mutant") == ["3310", "7,850", "64 x 64"]
    assert cells(view, "wild") == ["9,525", "", ""]
    assert [cell.sort for cell in view.rows[1].cells] == [9525.0, None, None]
    assert view.rows[0].cells[2].sort is None


def test_rows_that_cannot_be_told_apart_are_not_ranked(tmp_path: Path) -> None:
    close = build_table(SPEC, make_results(tmp_path, rows=("ce-rs", "ml-rs"), seeds=(0,), patients=30), resamples=FAST)
    assert close.notes[0].startswith("rows not ranked at this budget: best - worst is +")
    assert close.notes[0].endswith("(AUC, patients)")
    unranked = replace(SPEC, ranked=False)
    assert build_table(unranked, close.results, resamples=FAST).notes == ()


def test_a_table_quotes_the_ledger_and_decides_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_claims(monkeypatch, tmp_path / "ledger", batches="contradicted")
    view = build_table(SPEC, make_results(tmp_path, patients=25), resamples=FAST)
    batches, clusters = view.claims
    assert (batches.claim.id, batches.verdict) == ("batches", "contradicted")
    assert batches.detail.startswith("so it is; judged at judge, 10 seeds; here +")
    assert batches.detail.endswith(" patient/auc over 3 seeds")
    assert (clusters.verdict, clusters.budget) == ("not judged", "")
    fewer = replace(SPEC, rows=SPEC.rows[:2])
    shown = build_table(fewer, make_results(tmp_path / "two", rows=("ce-rs", "ce-bt"), patients=25), resamples=FAST)
    assert [one.claim.id for one in shown.claims] == ["clusters"], "a claim on rows that the table has"
    other = replace(SPEC, number="6")
    assert build_table(other, []).claims == ()


def test_rows_of_other_cases_have_no_effect_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_claims(monkeypatch, tmp_path / "ledger", CLAIMS[1], clusters="supported")
    results = make_results(tmp_path, rows=("ce-rs",), patients=25)
    results += make_results(tmp_path / "b", rows=("ce-bt",), patients=30)
    (found,) = build_table(SPEC, results, resamples=FAST).claims
    assert (found.here, found.verdict) == (None, "supported")


@pytest.mark.parametrize(
    ("preset", "words", "said"),
    [
        ("paper", "", "paper protocol"),
        ("paper", "--table 5 --jobs 2 --out x", "paper protocol"),
        ("paper", "--epochs 2", "paper preset, changed: epochs (not the paper's protocol)"),
        (
            "paper",
            "--module.lr 0.1 --epochs=2",
            "paper preset, changed: module.lr, epochs=2 (not the paper's protocol)",
        ),
        ("quick", "", "quick (not the paper's protocol)"),
        ("judge", "--seeds 0 1 --datamodule.folds 3", "judge preset, changed: seeds, datamodule.folds (not the"),
    ],
)
def test_the_title_says_what_was_changed_of_a_preset(tmp_path: Path, preset: str, words: str, said: str) -> None:
    command = f"python reproduce/egfr.py {words}"
    results = make_results(tmp_path, rows=("ce-rs",), seeds=(0,), patients=5, preset=preset, command=command)
    assert f"Table 5 · {said}" in build_table(SPEC, results, resamples=FAST).title_line
