"""Verdicts on made results: each kind, Holm's correction, stale and better data."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from medrepro.datamodules.support.errors import InputError
from medrepro.reproduce.checks.findings import Finding
from medrepro.reproduce.evaluation.judge import Judged, count_verdicts, holm, judge_paper, printed_effect
from medrepro.reproduce.plan.table import Level
from medrepro.reproduce.printed.claims import Claim, Comparison, PaperClaims, Sample, read_ledger
from medrepro.reproduce.printed.load import load_paper
from tests.reproduce._fakes import DATA, content, write

LEVELS = (Level("image"), Level("patient", "patient_id", "max"))
CLAIM = Claim(
    id="gain", quote="", where="", says="it helps", better=(), worse=(),
    comparison=Comparison("5", ("new",), ("old",), "patient/auc", 0.01),
    audit=(), needs="", unpaired=False, samples=("all",), line=1,
)  # fmt: skip


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


def judged(claims: PaperClaims, folder: Path, findings: tuple[Finding, ...] = (), code: str | None = None) -> Judged:
    (one,) = judge_paper(claims, findings, folder, code)
    return one


@pytest.mark.parametrize(
    ("skills", "verdict", "why"),
    [
        ({"new": 3.0, "old": 1.0}, "supported", "every run agrees"),
        ({"new": 1.0, "old": 3.0}, "not supported", "the interval lies below 0.01"),
        ({"new": 1.505, "old": 1.5}, "not supported", "the interval lies below 0.01"),
        ({"new": 1.04, "old": 1.0}, "inconclusive", "smaller than 0.01"),
    ],
)
def test_results_decide(skills: dict[str, float], verdict: str, why: str, tmp_path: Path) -> None:
    one = judged(ledger(CLAIM), results(tmp_path, skills))
    assert (one.verdict, why in one.why) == (verdict, True)
    assert one.effect is not None
    assert (one.effect.data, one.effect.tier, one.effect.stale) == ("embedded", "embedded", "")


def test_to_beat_a_row_that_has_not_learnt_supports_nothing(tmp_path: Path) -> None:
    folder = results(tmp_path, {"new": 3.0, "old": 0.02})
    assert CLAIM.comparison is not None
    floored = replace(CLAIM, comparison=replace(CLAIM.comparison, floor=0.55))
    assert judged(ledger(CLAIM), folder).verdict == "supported"
    one = judged(ledger(floored), folder)
    assert (one.verdict, one.why) == ("inconclusive", "a worse row did not learn in every run: that is the budget")
    learnt = results(tmp_path / "learnt", {"new": 3.0, "old": 1.0})
    assert judged(ledger(floored), learnt).verdict == "supported"


def test_too_few_runs_decide_nothing(tmp_path: Path) -> None:
    one = judged(ledger(CLAIM), results(tmp_path, {"new": 3.0, "old": 1.0}, seeds=2))
    assert (one.verdict, one.why) == ("inconclusive", "fewer than 3 runs a side")


def test_without_results_or_predictions(tmp_path: Path) -> None:
    assert judged(ledger(CLAIM), tmp_path).verdict == "not run"
    results(tmp_path, {"new": 3.0})
    assert judged(ledger(CLAIM), tmp_path).verdict == "not run"
    for row in ("new", "old"):
        for seed in range(3):
            write(tmp_path / "5", content(row, seed, metrics={"patient/auc": 0.9}, predictions=None), None)
    assert judged(ledger(CLAIM), tmp_path).effect is None


@pytest.mark.parametrize(
    ("old", "verdict"), [(3.0, "not supported"), (1.0, "supported"), (1.03, "supported"), (1.048, "inconclusive")]
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


def test_stale_results_are_used_only_where_there_are_no_others_and_said_so(tmp_path: Path) -> None:
    results(tmp_path, {"new": 3.0, "old": 1.0})
    stale = judged(ledger(CLAIM), tmp_path, code="b" * 64)
    assert stale.effect is not None
    assert stale.effect.stale == "other code"
    fresh = judged(ledger(CLAIM), tmp_path, code="a" * 64)
    assert fresh.effect is not None
    assert fresh.effect.stale == ""


def test_the_data_nearest_to_the_papers_decide(tmp_path: Path) -> None:
    results(tmp_path, {"new": 3.0, "old": 1.0})
    original = {**DATA, "name": "nsclc", "tier": "original"}
    for row, skill in (("new", 1.0), ("old", 3.0)):
        for seed in range(3):
            write(tmp_path / "5-nsclc", content(row, seed, data=original), frame(skill, seed))
    one = judged(ledger(CLAIM), tmp_path)
    assert one.effect is not None
    assert (one.verdict, one.effect.data, one.effect.tier) == ("not supported", "nsclc", "original")
    (other,) = one.others
    assert (other.data, other.estimate.value > 0, other.holm) == ("embedded", True, None)


def test_holm_within_a_paper_can_take_significance_away(tmp_path: Path) -> None:
    results(tmp_path, {"new": 1.22, "old": 1.0})
    claim = replace(CLAIM, unpaired=True)
    alone = judged(ledger(claim), tmp_path)
    assert alone.effect is not None
    assert alone.effect.p is not None
    assert (alone.verdict, alone.effect.holm) == ("supported", alone.effect.p)
    crowd = judge_paper(ledger(*(replace(claim, id=f"c{i}") for i in range(5))), (), tmp_path, None)
    assert crowd[0].effect is not None
    assert crowd[0].effect.holm == pytest.approx(5 * alone.effect.p)
    assert count_verdicts(crowd) == {"inconclusive": 5}
    assert crowd[0].why == "not significant after Holm's correction"


def test_holm_against_a_plain_loop() -> None:
    rng = np.random.default_rng(4)
    for _ in range(200):
        p = rng.random(6) ** 3
        corrected = holm({str(i): float(v) for i, v in enumerate(p)})
        order = np.argsort(p)
        for place, i in enumerate(order):
            expected = max(min(1.0, (6 - j) * p[order[j]]) for j in range(place + 1))
            assert corrected[str(i)] == pytest.approx(expected)
    assert holm({}) == {}


def test_the_p_value_is_that_of_the_interval(tmp_path: Path) -> None:
    one = judged(ledger(CLAIM), results(tmp_path, {"new": 1.3, "old": 1.0}))
    assert one.effect is not None
    interval = one.effect.estimate.interval
    assert interval.low is not None
    assert interval.high is not None
    error = (interval.high - interval.low) / (2 * stats.norm.ppf(0.975))
    assert one.effect.p == pytest.approx(2 * stats.norm.sf(interval.value / error), rel=1e-4)


def test_printed_effects_and_what_the_sample_could_show() -> None:
    claims = read_ledger()["egfr"]
    first = claims.claims[0]
    assert printed_effect(claims, first) == pytest.approx(0.0114)
    assert printed_effect(claims, CLAIM) is None
    by_id = {one.claim.id: one for one in judge_paper(claims, _findings(), Path("nowhere"), None)}
    images, patients = by_id["bt-beats-rs-with-ce"].shown
    assert (images[0].n, patients[0].n) == (3205, 56)
    assert 0.0114 < images[1] < patients[1]
    assert by_id["headline-numbers"].shown == ()


def _findings() -> tuple[Finding, ...]:
    from medrepro.reproduce.checks.audit import audit

    return audit(load_paper("egfr")).findings
