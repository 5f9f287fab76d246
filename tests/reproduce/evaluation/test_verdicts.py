"""Verdicts follow the rule that was fixed before the numbers."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from medrepro.reproduce.evaluation.bootstrap import Interval
from medrepro.reproduce.evaluation.estimates import Estimate, Evidence, Quantity
from medrepro.reproduce.evaluation.verdicts import _decide, judge, ranking_note
from medrepro.reproduce.plan.table import ClaimSpec, RowSpec
from tests._present import present
from tests.reproduce._fakes import SPEC, content, make_results, predictions, slices, write

CLAIM = ClaimSpec("a beats b", "a", "b", "patient/auc", tolerance=0.02)
RULE = [
    # low, value, high, per run, verdict, why
    (0.01, 0.05, 0.09, (0.04, 0.05, 0.06), "supported", "above 0"),
    (0.001, 0.019, 0.05, (0.01, 0.02, 0.03), "inconclusive", "smaller than 0.02"),
    (-0.01, 0.05, 0.09, (0.04, 0.05, 0.06), "inconclusive", "holds 0"),
    (0.01, 0.05, 0.09, (0.10, 0.07, -0.02), "inconclusive", "do not agree"),
    (0.001, 0.01, 0.019, (0.01, 0.01, 0.01), "not supported", "below 0.02"),
    (-0.05, -0.03, -0.01, (-0.03, -0.03, -0.03), "not supported", "below 0.02"),
    (0.01, 0.05, 0.09, (0.05, 0.05), "inconclusive", "fewer than 3"),
    (None, 0.05, None, (0.05, 0.05, 0.05), "inconclusive", "no interval"),
]


@pytest.mark.parametrize(("low", "value", "high", "runs", "verdict", "why"), RULE)
def test_the_rule(
    low: float | None, value: float, high: float | None, runs: tuple[float, ...], verdict: str, why: str
) -> None:
    assert len(RULE) == 8
    found, reason = _decide(CLAIM, Estimate(Interval(value, low, high), None, runs, ""))
    assert found == verdict
    assert why in reason


def test_a_claim_without_tolerance_fails_only_below_zero() -> None:
    claim = replace(CLAIM, tolerance=0.0)
    assert _decide(claim, Estimate(Interval(-0.01, -0.05, 0.03), None, (0, 0, 0)))[0] == "inconclusive"
    assert _decide(claim, Estimate(Interval(-0.03, -0.05, -0.01), None, (0, 0, 0)))[0] == "not supported"


def skilled(folder: Path, better: float, worse: float) -> Evidence:
    """Two rows of very different skill, three seeds."""
    results = [
        write(folder, content(row, seed), predictions(skill, seed, slices(patients=60)))
        for row, skill in (("ce-bt", better), ("ce-rs", worse))
        for seed in range(3)
    ]
    return Evidence(SPEC, results, 300)


def test_to_beat_a_row_that_has_not_learnt_supports_nothing(tmp_path: Path) -> None:
    evidence = skilled(tmp_path, 3.0, 0.1)
    claim = ClaimSpec("batches help", "ce-bt", "ce-rs", "patient/auc", 0.01)
    weakest = min(present(evidence.estimate("ce-rs", Quantity("patient/auc"))).runs)
    found = judge(replace(claim, floor=weakest), evidence)
    assert (found.verdict, found.why) == (
        "inconclusive", "ce-rs did not learn in every run: that is the budget, not the design",
    )  # fmt: skip
    assert judge(replace(claim, floor=weakest - 0.01), evidence).verdict == "supported"


def test_judging_end_to_end(tmp_path: Path) -> None:
    evidence = skilled(tmp_path, 3.0, 0.1)
    claim = ClaimSpec("batches help", "ce-bt", "ce-rs", "patient/auc", 0.01)
    found = judge(claim, evidence)
    assert found.verdict == "supported"
    assert found.estimate is not None
    assert found.estimate.value > 0.1
    assert found.detail.startswith(f"+{found.estimate.value:.3f} AUC [0.")
    assert "over 3 seeds, DeLong p " in found.detail
    assert judge(replace(claim, better="ce-rs", worse="ce-bt"), evidence).verdict == "not supported"


def test_smaller_may_be_better(tmp_path: Path) -> None:
    evidence = skilled(tmp_path, 3.0, 0.1)
    claim = ClaimSpec("smaller error", "ce-bt", "ce-rs", "image/brier", 0.0, smaller_is_better=True)
    found = judge(claim, evidence)
    assert found.verdict == "supported"
    assert " brier " in found.detail
    assert found.estimate is not None
    assert found.estimate.value > 0


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


def test_stale_rows_decide_nothing(tmp_path: Path) -> None:
    evidence = Evidence(SPEC, make_results(tmp_path, rows=("ce-rs", "ce-bt"), seeds=(0,), patients=10), 50)
    found = judge(ClaimSpec("x", ("ce-bt",), ("ce-rs",), "patient/auc"), evidence, frozenset({"ce-bt"}))
    assert (found.verdict, found.why, found.estimate) == ("not run", "stale: ce-bt", None)


def test_undefined_effects_are_not_run(tmp_path: Path) -> None:
    """All patients healthy: AUC is undefined, not zero."""
    frame = predictions(1.0, 0, slices(patients=10).assign(label=0))
    evidence = Evidence(SPEC, [write(tmp_path, content(row, 0), frame) for row in ("ce-rs", "ce-bt")], 50)
    found = judge(ClaimSpec("x", "ce-bt", "ce-rs", "patient/auc"), evidence)
    assert found.verdict == "not run"
    assert "no result for ce-bt, ce-rs" in found.why
    assert evidence.estimate("ce-rs", Quantity("patient/auc")) is None
    accuracy = judge(ClaimSpec("x", "ce-bt", "ce-rs", "image/accuracy"), evidence)
    assert np.isfinite(present(accuracy.estimate).value)
