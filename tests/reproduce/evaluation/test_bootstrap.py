"""Bootstrap, paired differences and DeLong's method against plain loops."""

from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from medrepro.datamodules.support.errors import InputError
from medrepro.reproduce.evaluation.bootstrap import (
    Cases,
    Interval,
    aggregate,
    bootstrap,
    check_paired,
    delong,
    delong_p,
    draw_counts,
    interval,
    mean_sd,
    paired_difference,
    replicates,
    replicates_of_folds,
)
from tests._present import present


def cases(seed: int, n: int = 200, patients: int = 40, shift: float = 1.0, first: int = 0) -> Cases:
    """Cases of patients; the same seed of labels whatever the shift."""
    rng = np.random.default_rng(seed)
    who = rng.integers(first, first + patients, n)
    labels = rng.integers(0, 2, n)
    scores = np.round(1 / (1 + np.exp(-(shift * (labels - 0.5) + rng.normal(0, 1, n)))), 2)
    return Cases(np.arange(n).astype(str), who.astype(str), labels, scores)


def with_scores(base: Cases, scores: np.ndarray) -> Cases:
    return Cases(base.ids, base.patients, base.labels, scores)


def width(found: Interval) -> float:
    return present(found.high) - present(found.low)


def test_replicates_are_the_metric_of_repeated_patients() -> None:
    run = cases(0)
    values = replicates("auc", [run], resamples=25)[0]
    patients = np.unique(run.patients)
    counts = draw_counts(len(patients), 25)
    assert values[0] == pytest.approx(roc_auc_score(run.labels, run.scores))
    for value, count in zip(values, counts, strict=True):
        index = np.concatenate(
            [np.repeat(np.flatnonzero(run.patients == p), int(c)) for p, c in zip(patients, count, strict=True)]
        )
        assert value == pytest.approx(roc_auc_score(run.labels[index], run.scores[index]), abs=1e-12)


def test_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    """Mean of independent patients: 95 % intervals hold 0 in 95 % of 200 data sets, within binomial error."""
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(200):
        ids = np.arange(60).astype(str)
        run = Cases(ids, ids, np.zeros(60, dtype=np.int64), rng.normal(0, 1, 60))
        found = bootstrap("mean", [run], resamples=300)
        held += present(found.low) <= 0 <= present(found.high)
    assert 0.90 <= held / 200 <= 0.99


def test_clustered_patients_widen_the_interval() -> None:
    """Copies of a patient's case add no information: the interval must not shrink."""
    single = cases(2, n=40, patients=10_000)
    copied = Cases(
        np.arange(400).astype(str),
        np.tile(single.patients, 10),
        np.tile(single.labels, 10),
        np.tile(single.scores, 10),
    )
    one, many = bootstrap("auc", [single]), bootstrap("auc", [copied])
    assert (one.value, one.low, one.high) == pytest.approx((many.value, many.low, many.high))


def test_seeds_see_the_same_resample() -> None:
    runs = [cases(3, shift=1.0), cases(3, shift=1.4)]
    together = replicates("auc", runs, resamples=50)
    apart = np.concatenate([replicates("auc", [run], resamples=50) for run in runs])
    np.testing.assert_array_equal(together, apart)
    assert bootstrap("auc", runs, 50) == interval(together)


def test_folds_are_resampled_together() -> None:
    folds = [cases(4, first=0), cases(5, first=1000)]
    values = replicates("accuracy", folds, resamples=30)
    counts = draw_counts(80, 30)
    patients = np.unique(np.concatenate([fold.patients for fold in folds]))
    right = (folds[1].scores >= 0.5) == folds[1].labels
    weights = counts[:, np.searchsorted(patients, folds[1].patients)]
    np.testing.assert_allclose(values[1], (weights * right).sum(1) / weights.sum(1))


def one_group_a_class(seed: int, folds: int = 10, classes: int = 8, images: int = 5) -> list[Cases]:
    """Folds that hold one group of every class, right about two times in three."""
    generator = np.random.default_rng(seed)
    runs = []
    for fold in range(folds):
        labels = np.repeat(np.arange(classes), images)
        scores = generator.random((len(labels), classes)) + 0.75 * np.eye(classes)[labels]
        names = np.array([f"{fold}-{i}" for i in range(len(labels))])
        runs.append(Cases(names, np.array([f"{fold}-{c}" for c in labels]), labels, scores))
    return runs


@pytest.mark.parametrize("statistic", ["f1", "ppv", "npv"])
def test_intervals_of_small_folds_hold_their_mean(statistic: str) -> None:
    for seed in range(5):
        runs = one_group_a_class(seed)
        found = interval(replicates_of_folds(statistic, runs, [0] * len(runs), 400))
        assert found.low is not None
        assert found.high is not None
        assert found.low < found.value < found.high
        assert found.value == pytest.approx(np.mean([bootstrap(statistic, [run], 0).value for run in runs]))


def test_f1_of_small_folds_varies_as_over_new_data() -> None:
    means = [np.mean(replicates("f1", one_group_a_class(seed), 0)) for seed in range(60)]
    runs = one_group_a_class(100)
    found = interval(replicates_of_folds("f1", runs, [0] * len(runs)))
    assert found.low is not None
    assert found.high is not None
    assert (found.high - found.low) / 3.92 == pytest.approx(np.std(means), rel=0.35)


def test_runs_that_are_no_folds_are_resampled_as_they_are() -> None:
    runs = one_group_a_class(0, folds=2)
    np.testing.assert_array_equal(replicates_of_folds("f1", runs, [0, 1], 20), replicates("f1", runs, 20))
    np.testing.assert_array_equal(replicates_of_folds("auc", runs, [0, 0], 20), replicates("auc", runs, 20))


def test_paired_difference_is_narrower_than_unpaired() -> None:
    first = cases(6, shift=1.5)
    second = with_scores(first, np.clip(first.scores + np.random.default_rng(7).normal(0, 0.05, 200), 0, 1))
    paired = paired_difference("auc", [first], [second])
    one, two = bootstrap("auc", [first]), bootstrap("auc", [second])
    assert paired.value == pytest.approx(one.value - two.value)
    assert width(paired) < 0.5 * width(one)


def test_difference_of_equal_scores_is_exactly_zero() -> None:
    run = cases(8)
    assert paired_difference("auc", [run], [run]) == Interval(0.0, 0.0, 0.0)


def test_unpaired_cases_are_refused() -> None:
    run = cases(9)
    other = Cases(run.ids, run.patients, 1 - run.labels, run.scores)
    with pytest.raises(InputError, match="cannot pair predictions of different cases"):
        paired_difference("auc", [run], [other])
    with pytest.raises(InputError, match=r"\(200 and 150\)"):
        check_paired(run, cases(9, n=150))


def test_one_patient_has_a_value_and_no_interval() -> None:
    run = cases(10, patients=1)
    found = bootstrap("auc", [run])
    assert (found.low, found.high) == (None, None)
    assert found.value == pytest.approx(roc_auc_score(run.labels, run.scores))
    assert not found.excludes(0)


def test_one_class_has_neither() -> None:
    run = cases(11)
    found = bootstrap("auc", [Cases(run.ids, run.patients, np.ones(200, dtype=np.int64), run.scores)])
    assert np.isnan(found.value)
    assert found.low is None


def test_resamples_of_one_class_are_left_out_until_they_are_half() -> None:
    """Two positive patients of ten: some resamples hold none. One of three patients: too many do."""
    ids = np.arange(10).astype(str)
    labels = np.array([1, 1, 0, 0, 0, 0, 0, 0, 0, 0])
    run = Cases(ids, ids, labels, np.linspace(0, 1, 10))
    values = replicates("auc", [run], 500)
    undefined = float(np.isnan(values[0, 1:]).mean())
    assert 0.05 < undefined < 0.3
    found = bootstrap("auc", [run], 500)
    low, high = np.nanquantile(values[0, 1:], [0.025, 0.975])
    assert (found.low, found.high) == (low, high)
    assert interval(np.array([[0.7, np.nan, np.nan, 0.8]])) == Interval(0.7)


def test_the_same_arguments_draw_the_same_resamples() -> None:
    first = draw_counts(9, 5, seed=3)
    draw_counts.cache_clear()
    np.testing.assert_array_equal(first, draw_counts(9, 5, seed=3))
    assert (first[0] == 1).all()
    assert (first.sum(axis=1) == 9).all()
    assert not np.array_equal(first, draw_counts(9, 5, seed=4))
    with pytest.raises(ValueError, match="read-only"):
        first[0, 0] = 2


def test_mean_and_sd() -> None:
    assert mean_sd([0.8]) == (0.8, None)
    mean, sd = mean_sd([0.8, 0.9, 1.0])
    assert (mean, sd) == pytest.approx((0.9, 0.1))


def test_aggregate_joins_by_mean_or_max_with_any_positive_label() -> None:
    groups = np.array(["b", "a", "b", "a", "c"])
    labels, scores = np.array([0, 0, 1, 0, 0]), np.array([0.2, 0.4, 0.6, 0.8, 0.1])
    names, joined, means = aggregate(groups, labels, scores)
    assert names.tolist() == ["a", "b", "c"]
    assert joined.tolist() == [0, 1, 0]
    np.testing.assert_allclose(means, [0.6, 0.4, 0.1])
    np.testing.assert_array_equal(aggregate(groups, labels, scores, "max")[2], [0.8, 0.6, 0.1])


@given(st.integers(1, 60), st.floats(-5, 5), st.sampled_from(["mean", "max"]))
def test_equal_members_give_exactly_their_value(size: int, value: float, how: Literal["mean", "max"]) -> None:
    """A constant baseline stays tied between groups of every size: 0.35 * 7 / 7 is not 0.35 in floating point."""
    scores = np.full((size, 2), value)
    joined = aggregate(np.zeros(size).astype(str), np.zeros(size, dtype=np.int64), scores, how)[2]
    assert (joined == value).all()


def by_definition(labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """DeLong, DeLong and Clarke-Pearson 1988, Eqs. 3-6, with two loops."""
    lines, positives, negatives = [], np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)
    for line in scores:
        psi = np.array(
            [[1.0 if line[i] > line[j] else 0.5 if line[i] == line[j] else 0.0 for j in negatives] for i in positives]
        )
        lines.append(psi)
    v10 = np.array([psi.mean(axis=1) for psi in lines])
    v01 = np.array([psi.mean(axis=0) for psi in lines])
    aucs = v10.mean(axis=1)
    size = len(scores)
    s10, s01 = np.zeros((size, size)), np.zeros((size, size))
    for r in range(size):
        for s in range(size):
            s10[r, s] = ((v10[r] - aucs[r]) * (v10[s] - aucs[s])).sum() / (len(positives) - 1)
            s01[r, s] = ((v01[r] - aucs[r]) * (v01[s] - aucs[s])).sum() / (len(negatives) - 1)
    return aucs, s10 / len(positives) + s01 / len(negatives)


@pytest.mark.parametrize("seed", range(5))
def test_delong_equals_its_definition(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = np.r_[np.ones(17), np.zeros(31)].astype(np.int64)
    scores = np.round(rng.normal(0, 1, (3, 48)) + 0.8 * labels, 1)  # ties
    found = delong(labels, scores)
    aucs, covariance = by_definition(labels, scores)
    np.testing.assert_allclose(found.aucs, aucs, rtol=1e-12)
    np.testing.assert_allclose(found.covariance, covariance, rtol=1e-10)
    np.testing.assert_allclose(found.aucs, [roc_auc_score(labels, line) for line in scores])


def published_midranks(values: np.ndarray) -> np.ndarray:
    """Sun and Xu 2014, the midrank algorithm as printed: walk over runs of equal values of the sorted vector."""
    order = np.argsort(values)
    sorted_values = np.append(values[order], np.inf)
    ranks = np.zeros(len(values))
    i = 0
    while i < len(values):
        j = i
        while sorted_values[j] == sorted_values[i]:
            j += 1
        ranks[i:j] = 0.5 * (i + j - 1) + 1
        i = j
    out = np.empty(len(values))
    out[order] = ranks
    return out


def test_delong_equals_the_published_fast_algorithm() -> None:
    rng = np.random.default_rng(12)
    labels = np.r_[np.ones(60), np.zeros(140)].astype(np.int64)
    scores = np.round(rng.normal(0, 1, (2, 200)) + labels, 1)
    m, n = 60, 140
    tx = np.array([published_midranks(line[:m]) for line in scores])
    ty = np.array([published_midranks(line[m:]) for line in scores])
    tz = np.array([published_midranks(line) for line in scores])
    aucs = tz[:, :m].sum(axis=1) / m / n - (m + 1.0) / 2.0 / n
    covariance = np.cov((tz[:, :m] - tx) / n) / m + np.cov(1.0 - (tz[:, m:] - ty) / m) / n
    found = delong(labels, scores)
    np.testing.assert_allclose(found.aucs, aucs, rtol=1e-12)
    np.testing.assert_allclose(found.covariance, covariance, rtol=1e-10)


def test_delong_agrees_with_the_bootstrap_of_independent_patients() -> None:
    run = cases(13, n=400, patients=10**9, shift=1.0)
    other = with_scores(run, np.random.default_rng(14).random(400))
    exact = delong(run.labels, np.stack([run.scores, other.scores])).contrast((1, -1))
    drawn = paired_difference("auc", [run], [other])
    assert exact.value == pytest.approx(drawn.value)
    assert width(exact) == pytest.approx(width(drawn), rel=0.1)


def test_delong_p_is_uniform_where_there_is_no_difference() -> None:
    rng = np.random.default_rng(15)
    small = 0
    for _ in range(300):
        labels = np.r_[np.ones(40), np.zeros(40)].astype(np.int64)
        scores = rng.normal(0, 1, (2, 80)) + 0.8 * labels
        small += delong(labels, scores).p_value((1, -1)) < 0.05
    assert 0.02 <= small / 300 <= 0.09


def test_delong_degenerate_cases() -> None:
    labels = np.array([1, 1, 0, 0])
    same = delong(labels, np.array([[0.9, 0.8, 0.2, 0.1]] * 2))
    assert same.p_value((1, -1)) == 1.0
    assert delong(labels, np.array([[0.9, 0.8, 0.2, 0.1], [0.1, 0.2, 0.8, 0.9]])).p_value((1, -1)) == 0.0
    with pytest.raises(InputError, match="0 positive and 4 negative"):
        delong(np.zeros(4, dtype=np.int64), np.ones((1, 4)))
    lone = delong(np.array([1, 0, 0, 0]), np.array([[0.9, 0.1, 0.2, 0.95]]))
    assert np.isnan(lone.covariance).all()
    assert lone.contrast((1,)) == Interval(float(lone.aucs[0]))


def test_delong_p_of_averaged_runs() -> None:
    ids = np.arange(80).astype(str)
    rng = np.random.default_rng(16)
    labels = rng.integers(0, 2, 80)
    scores = rng.normal(0, 1, (4, 80)) + labels * np.array([[1.5], [1.4], [0.5], [0.4]])
    runs = [Cases(ids, ids, labels, line) for line in scores]
    shuffled = rng.permutation(80)
    runs[1] = Cases(ids[shuffled], ids[shuffled], labels[shuffled], scores[1][shuffled])  # order must not matter
    expected = delong(labels, scores).p_value((0.5, 0.5, -0.5, -0.5))
    assert delong_p(runs[:2], runs[2:]) == pytest.approx(expected)


def test_delong_p_only_where_it_applies() -> None:
    several = cases(17)  # many cases a patient
    assert delong_p([several], [several]) is None
    ids = np.arange(20).astype(str)
    labels = np.arange(20) % 2
    run = Cases(ids, ids, labels, np.linspace(0, 1, 20))
    fold = Cases(np.char.add(ids, "x"), np.char.add(ids, "x"), labels, run.scores)
    assert delong_p([run, fold], [run, fold]) is None
    three = Cases(ids, ids, np.arange(20) % 3, np.eye(3)[np.arange(20) % 3])
    assert delong_p([three], [three]) is None
    lone = Cases(ids, ids, np.r_[1, np.zeros(19)].astype(np.int64), run.scores)
    assert delong_p([lone], [with_scores(lone, run.scores[::-1])]) is None
