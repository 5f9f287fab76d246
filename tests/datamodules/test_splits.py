"""Splits keep patients on one side, classes balanced, and refuse what cannot be honest."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medrepro.datamodules.splits import (
    Split,
    check_classes,
    check_disjoint,
    cohort_split,
    fold_split,
    group_kfold,
    holdout,
    image_split,
    official_split,
)
from medrepro.datamodules.support.errors import InputError


def cohort(patients: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    groups = np.repeat([f"p{i:03d}" for i in range(patients)], rng.integers(1, 8, patients))
    return rng.integers(0, 2, len(groups)), groups


@settings(max_examples=40, deadline=None)
@given(patients=st.integers(20, 60), folds=st.integers(2, 5), seed=st.integers(0, 10**6))
def test_every_sample_lies_in_one_fold_and_every_patient_in_one(patients: int, folds: int, seed: int) -> None:
    labels, groups = cohort(patients, seed)
    parts = group_kfold(labels, groups, folds, seed)
    assert len(parts) == folds
    assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(len(labels)))
    owners = [set(groups[part]) for part in parts]
    assert sum(map(len, owners)) == len(set(groups))


@settings(max_examples=40, deadline=None)
@given(patients=st.integers(40, 80), fold=st.integers(0, 4), seed=st.integers(0, 10**6))
def test_fold_split_partitions_and_is_disjoint(patients: int, fold: int, seed: int) -> None:
    labels, groups = cohort(patients, seed)
    split = fold_split(labels, groups, folds=5, fold=fold, val_fraction=0.1, seed=seed)
    check_disjoint(groups, split.train, split.val, split.test)
    assert np.array_equal(np.sort(np.concatenate([split.train, split.val, split.test])), np.arange(len(labels)))
    assert not split.leaky


def test_folds_of_one_seed_test_every_sample_once() -> None:
    labels, groups = cohort(60, 0)
    tested = [fold_split(labels, groups, 5, fold, 0.1, seed=3).test for fold in range(5)]
    assert np.array_equal(np.sort(np.concatenate(tested)), np.arange(len(labels)))


def test_classes_are_balanced_over_folds() -> None:
    rng = np.random.default_rng(0)
    groups = np.array([f"p{i}" for i in range(1000)])
    labels = (rng.random(1000) < 0.3).astype(np.int64)
    shares = [labels[part].mean() for part in group_kfold(labels, groups, 5, 0)]
    assert max(shares) - min(shares) < 0.01


def test_same_seed_same_split_other_seed_other_split() -> None:
    labels, groups = cohort(60, 1)
    first, again, other = (fold_split(labels, groups, 5, 0, 0.1, seed) for seed in (1, 1, 2))
    assert np.array_equal(first.test, again.test)
    assert not np.array_equal(first.test, other.test)


def test_holdout_of_nothing_keeps_everything() -> None:
    labels, groups = cohort(30, 2)
    kept, held = holdout(labels, groups, 0.0, 0)
    assert len(held) == 0
    assert np.array_equal(kept, np.arange(len(labels)))


def test_cohort_split_tests_exactly_the_cohort() -> None:
    labels, groups = cohort(60, 3)
    is_test = np.isin(groups, np.unique(groups)[:20])
    split = cohort_split(labels, groups, is_test, 0.2, 0)
    assert np.array_equal(split.test, np.flatnonzero(is_test))
    check_disjoint(groups, split.train, split.val, split.test)


def test_image_split_leaks_and_says_so() -> None:
    labels, groups = cohort(60, 4)
    honest = fold_split(labels, groups, 5, 0, 0.1, 0)
    leaky = image_split(honest, 0)
    assert leaky.leaky
    assert [len(leaky.train), len(leaky.val), len(leaky.test)] == [
        len(honest.train),
        len(honest.val),
        len(honest.test),
    ]
    with pytest.raises(InputError, match=r"patients are in both train and test, such as p\d+"):
        check_disjoint(groups, leaky.train, np.empty(0, int), leaky.test)


def test_the_parts_of_the_source_are_taken() -> None:
    labels, groups = cohort(60, 6)
    given = np.where(np.isin(groups, np.unique(groups)[:20]), "test", "train")
    assert official_split(given, labels, groups) is None  # no validation part, and none may be held out
    held_out = official_split(given, labels, groups, 0.2)
    assert held_out is not None
    assert np.array_equal(held_out.test, np.flatnonzero(given == "test"))
    assert 0 < len(held_out.val) < len(held_out.train)
    check_disjoint(groups, held_out.train, held_out.val, held_out.test)
    given[held_out.val] = "val"
    whole = official_split(given, labels, groups)
    assert whole is not None
    for part in ("train", "val", "test"):
        assert np.array_equal(getattr(whole, part), np.flatnonzero(given == part))
    assert official_split(np.append(given, "unsplit"), labels, groups) is None
    assert official_split(np.full(len(labels), ""), labels, groups, 0.2) is None


def test_shared_patient_is_named() -> None:
    groups = np.array(["anna", "anna", "bert", "carl"])
    with pytest.raises(InputError, match="1 patient is in both train and val, such as anna"):
        check_disjoint(groups, train=np.array([0, 2]), val=np.array([1]), test=np.array([3]))


def test_missing_class_is_named() -> None:
    split = Split(train=np.array([0, 1]), val=np.empty(0, int), test=np.array([2, 3]))
    with pytest.raises(InputError, match=r"test part has no sample of class 1 \(malignant\)"):
        check_classes(np.array([0, 1, 0, 0]), split, ("benign", "malignant"))


def test_too_few_patients_for_the_folds() -> None:
    labels, groups = np.array([0, 0, 0, 1]), np.array(["a", "b", "c", "d"])
    with pytest.raises(InputError, match="class 1 has 1 patients, too few for 3 folds"):
        group_kfold(labels, groups, 3, 0)


@pytest.mark.parametrize("fraction", [-0.1, 0.6])
def test_holdout_fraction_out_of_range(fraction: float) -> None:
    with pytest.raises(InputError, match="allowed: 0 to 0.5"):
        holdout(np.array([0, 1]), np.array(["a", "b"]), fraction, 0)


def test_unknown_fold() -> None:
    labels, groups = cohort(30, 5)
    with pytest.raises(InputError, match="fold 5 does not exist; allowed: 0 to 4"):
        fold_split(labels, groups, 5, 5, 0.1, 0)
