"""Rows that cannot be told apart are said to be unranked, and only those."""

from dataclasses import replace
from pathlib import Path

from medrepro.reproduce.evaluation.estimates import Evidence
from medrepro.reproduce.evaluation.ranking import ranking_note
from medrepro.reproduce.plan.table import RowSpec
from tests.reproduce._fakes import SPEC, content, make_results, predictions, slices, write


def skilled(folder: Path, better: float, worse: float) -> Evidence:
    """Two rows of very different skill, three seeds."""
    results = [
        write(folder, content(row, seed), predictions(skill, seed, slices(patients=60)))
        for row, skill in (("ce-bt", better), ("ce-rs", worse))
        for seed in range(3)
    ]
    return Evidence(SPEC, results, 300)


def test_rows_far_apart_carry_no_note(tmp_path: Path) -> None:
    evidence = skilled(tmp_path, 3.0, 0.1)
    assert ranking_note(SPEC, evidence, ["ce-bt", "ce-rs"]) == ""
    assert ranking_note(SPEC, evidence, ["ce-bt"]) == ""


def test_rows_tested_on_different_cases_are_not_ranked(tmp_path: Path) -> None:
    """As a row of folds beside one whose single file holds the cases of all folds."""
    folds = make_results(tmp_path, rows=("ce-rs",), seeds=(0,), patients=10)
    whole = make_results(tmp_path / "whole", rows=("ce-bt",), seeds=(0,), patients=30)
    evidence = Evidence(SPEC, [*folds, *whole], 50)
    assert "not tested fold by fold" in ranking_note(SPEC, evidence, ["ce-bt", "ce-rs"])


def test_ranking_skips_what_is_no_score(tmp_path: Path) -> None:
    """Rows whose quantities have no intervals (counts, parameters) are not compared at all."""
    results = [
        write(tmp_path, content(row, 0, predictions=None, metrics={"patient/auc": value}), None)
        for row, value in (("a", 0.8), ("b", 0.7))
    ]
    spec = replace(SPEC, rows=(RowSpec("a", "a"), RowSpec("b", "b")))
    assert ranking_note(spec, Evidence(spec, results), ["a", "b"]) == ""
