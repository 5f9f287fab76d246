"""Verdicts on made results: each kind, conjunctions, trends, floors, controls, Holm's correction, better data."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from medrepro.datamodules.support.errors import InputError
from medrepro.reproduce.checks.findings import Finding
from medrepro.reproduce.evaluation.judge import Judged, count_verdicts, judge_paper
from medrepro.reproduce.plan.table import Level
from medrepro.reproduce.printed.claim import (
    Claim,
    Comparison,
    Control,
    PaperClaims,
    Sample,
    Signal,
    claimed_effects,
)
from medrepro.reproduce.printed.claims import read_ledger
from medrepro.reproduce.printed.load import load_paper
from tests.reproduce._fakes import DATA, content, write

LEVELS = (Level("image"), Level("patient", "patient_id", "max"))
CLAIM = Claim(
    id="gain",
    quote="",
    where="",
    says="it helps",
    comparison=Comparison("5", ("new",), ("old",), "patient/auc", 0.01),
    samples=("all",),
)


def ledger(*claims: Claim) -> PaperClaims:
    return PaperClaims(load_paper("egfr"), 0.8, LEVELS, (Sample("all", "patients", 56, 20),), claims)


def frame(skill: float, seed: int, patients: int = 300) -> pd.DataFrame:
    """One case a patient; the noise is shared by rows of one seed, so that differences are sharp."""
    rng = np.random.default_rng([1, seed])
    label = np.random.default_rng(2).integers(0, 2, patients)
    score = skill * (label - 0.5) + rng.normal(0, 1, patients)
    names = [f"P{i:03d}" for i in range(patients)]
    positive = 1 / (1 + np.exp(-score))
    return pd.DataFrame(
        {"sample_id": names, "patient_id": names, "label": label, "prob_0": 1 - positive, "prob_1": positive}
    )


def results(folder: Path, skills: Mapping[str, float], seeds: int = 3) -> Path:
    for row, skill in skills.items():
        for seed in range(seeds):
            write(folder / "5", content(row, seed), frame(skill, seed))
    return folder


def judged(claims: PaperClaims, folder: Path, findings: tuple[Finding, ...] = ()) -> Judged:
    (one,) = judge_paper(claims, findings, folder)
    return one


@pytest.mark.parametrize(
    ("skills", "verdict", "why"),
    [
        ({"new": 3.0, "old": 1.0}, "supported", "above 0"),
        ({"new": 1.0, "old": 3.0}, "contradicted", "below 0"),
        ({"new": 1.001, "old": 1.0}, "no gain", "within 0.01 of 0"),
        ({"new": 1.04, "old": 1.0}, "inconclusive", "could have seen"),
    ],
)
def test_results_decide(skills: dict[str, float], verdict: str, why: str, tmp_path: Path) -> None:
    one = judged(ledger(CLAIM), results(tmp_path, skills))
    assert (one.verdict, why in one.why) == (verdict, True), one.why
    assert one.effect is not None
    assert (one.effect.data, one.effect.tier, one.effect.preset) == ("embedded", "embedded", "quick")


@pytest.mark.parametrize(("low", "high"), [("new", "old"), ("old", "new")])
def test_an_arm_that_has_not_learnt_says_nothing_either_way(low: str, high: str, tmp_path: Path) -> None:
    folder = results(tmp_path, {high: 3.0, low: 0.02})
    assert CLAIM.comparison is not None
    floored = replace(CLAIM, comparison=replace(CLAIM.comparison, floor=0.55))
    assert judged(ledger(CLAIM), folder).verdict in ("supported", "contradicted")
    one = judged(ledger(floored), folder)
    assert (one.verdict, one.why) == ("not learnt", f"at or below 0.55 in a repeat: {low}")
    learnt = results(tmp_path / "learnt", {"new": 3.0, "old": 1.0})
    assert judged(ledger(floored), learnt).verdict == "supported"


def test_the_floor_may_be_another_row(tmp_path: Path) -> None:
    assert CLAIM.comparison is not None
    floored = replace(CLAIM, comparison=replace(CLAIM.comparison, floor="ball"))
    folder = results(tmp_path, {"new": 3.0, "old": 1.0})
    assert judged(ledger(floored), folder).verdict == "not run", "the floor has not been measured"
    results(tmp_path, {"ball": 2.0})
    assert judged(ledger(floored), folder).why == "at or below ball in a repeat: old"
    results(tmp_path, {"ball": 0.1})
    assert judged(ledger(floored), folder).verdict == "supported"


def test_too_few_repeats_decide_nothing(tmp_path: Path) -> None:
    one = judged(ledger(CLAIM), results(tmp_path, {"new": 3.0, "old": 1.0}, seeds=2))
    assert (one.verdict, one.why) == ("inconclusive", "fewer than 3 repeats: no verdict")


def test_the_weakest_pair_decides_a_claim_on_each(tmp_path: Path) -> None:
    """Three weak rows make the mean of pairs a gain, although the fourth row is better than all."""
    folder = results(tmp_path, {"all": 2.0, "a": 0.2, "b": 0.2, "c": 2.6})
    pairs = Comparison("5", ("all",) * 3, ("a", "b", "c"), "patient/auc", 0.01, over="mean")
    assert judged(ledger(replace(CLAIM, comparison=pairs)), folder).verdict == "supported"
    one = judged(ledger(replace(CLAIM, comparison=replace(pairs, over="each"))), folder)
    assert one.verdict == "contradicted"
    assert one.effect is not None
    assert one.effect.names[one.effect.weakest] == "all - c"
    assert len(one.effect.pairs) == 3
    assert one.effect.above == 0.0
    easy = replace(pairs, over="each", better=("all",) * 2, worse=("a", "b"))
    both = judged(ledger(replace(CLAIM, comparison=easy)), folder)
    assert both.verdict == "supported"
    assert both.effect is not None
    assert both.effect.p == max(pair.luck.p() for pair in both.effect.pairs if pair.luck)


def test_a_trend_is_the_fitted_line_from_first_to_last(tmp_path: Path) -> None:
    folder = results(tmp_path, {"n1": 1.0, "n2": 1.5, "n4": 2.5})
    test = Comparison("5", ("n1", "n2", "n4"), (), "patient/auc", 0.01, "trend", at=(1, 2, 4))
    one = judged(ledger(replace(CLAIM, comparison=test)), folder)
    assert one.verdict == "supported"
    assert one.effect is not None
    pairs = [Comparison("5", (row,), ("n1",), "patient/auc", 0.01) for row in ("n2", "n4")]
    gains = [judged(ledger(replace(CLAIM, comparison=pair)), folder).effect for pair in pairs]
    values = [0.0, *(gain.estimate.value for gain in gains if gain)]
    assert one.effect.estimate.value == pytest.approx(3 * np.polyfit([1, 2, 4], values, 1)[0])
    assert one.effect.above is None


def test_data_without_the_signal_cannot_be_asked(tmp_path: Path) -> None:
    folder = results(tmp_path, {"new": 3.0, "old": 1.0})
    absent = replace(CLAIM, signal=Signal("surroundings that carry the label", present=False))
    one = judged(ledger(absent), folder)
    assert (one.verdict, one.why, one.effect) == ("cannot be asked here", "surroundings that carry the label", None)
    assert judged(ledger(replace(absent, signal=Signal("it is there", present=True))), folder).verdict == "supported"


@pytest.mark.parametrize(
    ("expects", "strong", "verdict"),
    [
        ("effect", 3.0, "supported"),
        ("effect", 1.0, "cannot be asked here"),
        ("none", 1.0, "supported"),
        ("none", 3.0, "cannot be asked here"),
    ],
)
def test_a_control_that_fails_bars_the_verdict(expects: str, strong: float, verdict: str, tmp_path: Path) -> None:
    folder = results(tmp_path, {"new": 3.0, "old": 1.0, "with": strong, "without": 1.0})
    control = Control("built", "made to help", expects, Comparison("5", ("with",), ("without",), "patient/auc", 0.01))
    claims = replace(ledger(replace(CLAIM, controls=("built",))), controls=(control,))
    one = judged(claims, folder)
    assert one.verdict == verdict
    assert one.controls[0].passed == (verdict == "supported")
    assert verdict == "supported" or one.why == "its control failed: made to help"


def test_a_control_that_has_not_been_run_is_said(tmp_path: Path) -> None:
    folder = results(tmp_path, {"new": 3.0, "old": 1.0})
    control = Control("built", "made to help", "effect", Comparison("9", ("with",), ("old",), "patient/auc", 0.01))
    one = judged(replace(ledger(replace(CLAIM, controls=("built",))), controls=(control,)), folder)
    assert (one.verdict, one.controls[0].passed) == ("supported", None)


def test_without_results_or_predictions(tmp_path: Path) -> None:
    assert judged(ledger(CLAIM), tmp_path).verdict == "not run"
    results(tmp_path, {"new": 3.0})
    assert judged(ledger(CLAIM), tmp_path).verdict == "not run"
    for row in ("new", "old"):
        for seed in range(3):
            write(tmp_path / "5", content(row, seed, metrics={"patient/auc": 0.9}, predictions=None), None)
    assert judged(ledger(CLAIM), tmp_path).effect is None


@pytest.mark.parametrize(
    ("old", "verdict"), [(3.0, "contradicted"), (1.0, "supported"), (1.01, "supported"), (1.048, "inconclusive")]
)
def test_no_worse_allows_the_tolerance(old: float, verdict: str, tmp_path: Path) -> None:
    test = Comparison("5", ("new",), ("old",), "patient/auc", 0.01, "no-worse")
    one = judged(ledger(replace(CLAIM, comparison=test)), results(tmp_path, {"new": 1.0, "old": old}))
    assert one.verdict == verdict


def test_the_audit_and_missing_data_come_first(tmp_path: Path) -> None:
    results(tmp_path, {"new": 3.0, "old": 1.0})
    finding = Finding("accuracy_between", "impossible", "Table 6", "It cannot be.", ("1 > 0",))
    excluded = judged(ledger(replace(CLAIM, audit=("accuracy_between @ Table 6",))), tmp_path, (finding,))
    assert (excluded.verdict, excluded.why, excluded.effect) == ("cannot be (audit)", "It cannot be.", None)
    needed = judged(ledger(replace(CLAIM, needs="their scans")), tmp_path)
    assert (needed.verdict, needed.why) == ("needs original data", "needs their scans")
    with pytest.raises(InputError, match="claim gain: the audit has no finding 'nothing @ Table 6'; it has accuracy"):
        judged(ledger(replace(CLAIM, audit=("nothing @ Table 6",))), tmp_path, (finding,))


def test_unpaired_rows_may_hold_different_cases(tmp_path: Path) -> None:
    for row, skill, first in (("new", 3.0, 0), ("old", 1.0, 500)):
        for seed in range(3):
            cases = frame(skill, seed)
            names = [f"Q{first + i}" for i in range(len(cases))]
            write(tmp_path / "5", content(row, seed), cases.assign(sample_id=names, patient_id=names))
    refused = judged(ledger(CLAIM), tmp_path)
    assert (refused.verdict, refused.effect) == ("cannot be judged", None)
    assert "cannot pair predictions of different cases" in refused.why
    one = judged(ledger(replace(CLAIM, unpaired=True)), tmp_path)
    assert one.verdict == "supported"
    assert one.effect is not None
    interval = one.effect.estimate.interval
    assert interval.low is not None
    assert interval.low < interval.value


def test_the_judging_budget_decides_before_any_other(tmp_path: Path) -> None:
    results(tmp_path, {"new": 3.0, "old": 1.0})
    for row, skill in (("new", 1.0), ("old", 3.0)):
        for seed in range(3):
            write(tmp_path / "5-judge", content(row, seed, preset="judge"), frame(skill, seed))
    one = judged(ledger(CLAIM), tmp_path)
    assert one.effect is not None
    assert (one.verdict, one.effect.preset) == ("contradicted", "judge")
    assert [other.preset for other in one.others] == ["quick"]


def test_the_data_nearest_to_the_papers_decide(tmp_path: Path) -> None:
    results(tmp_path, {"new": 3.0, "old": 1.0})
    original = {**DATA, "name": "nsclc", "tier": "original"}
    for row, skill in (("new", 1.0), ("old", 3.0)):
        for seed in range(3):
            write(tmp_path / "5-nsclc", content(row, seed, data=original), frame(skill, seed))
    one = judged(ledger(CLAIM), tmp_path)
    assert one.effect is not None
    assert (one.verdict, one.effect.data, one.effect.tier) == ("contradicted", "nsclc", "original")
    (other,) = one.others
    assert (other.data, other.estimate.value > 0, other.holm) == ("embedded", True, None)


def test_holm_within_a_paper_can_take_significance_away(tmp_path: Path) -> None:
    results(tmp_path, {"new": 1.28, "old": 1.0})
    alone = judged(ledger(replace(CLAIM, unpaired=True)), tmp_path)
    assert alone.effect is not None
    assert alone.effect.p is not None
    assert (alone.verdict, alone.effect.holm) == ("supported", alone.effect.p)
    crowd = judge_paper(ledger(*(replace(CLAIM, unpaired=True, id=f"c{i}") for i in range(9))), (), tmp_path)
    assert crowd[0].effect is not None
    assert crowd[0].effect.holm == pytest.approx(9 * alone.effect.p)
    assert count_verdicts(crowd) == {"inconclusive": 9}


def test_the_p_value_is_that_of_the_interval(tmp_path: Path) -> None:
    one = judged(ledger(CLAIM), results(tmp_path, {"new": 1.3, "old": 1.0}))
    assert one.effect is not None
    estimate = one.effect.estimate
    assert estimate.luck is not None
    assert estimate.interval.high is not None
    error = (estimate.interval.high - estimate.value) / stats.t.ppf(0.975, estimate.luck.df)
    assert one.effect.p == pytest.approx(2 * stats.t.sf(estimate.value / error, estimate.luck.df))


def test_printed_effects_and_what_the_sample_could_show() -> None:
    claims = read_ledger()["egfr"]
    first = claims.claims[0]
    assert claimed_effects(claims.paper, first) == pytest.approx((0.0114,))
    assert claimed_effects(claims.paper, CLAIM) == ()
    by_id = {one.claim.id: one for one in judge_paper(claims, _findings(), Path("nowhere"))}
    images, patients = by_id["bt-beats-rs-with-ce"].shown
    assert (images[0].n, patients[0].n) == (3205, 56)
    assert 0.0114 < images[1] < patients[1]
    assert by_id["headline-numbers"].shown == ()


def _findings() -> tuple[Finding, ...]:
    from medrepro.reproduce.checks.audit import audit

    return audit(load_paper("egfr")).findings
