"""The LUNA16 population: the published counts come out of the real annotations."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from medrepro.datamodules.lidc.cohorts import (
    labelled_luna16,
    labelled_nodules,
    luna16_nodules,
    population,
    rated_nodules,
)
from medrepro.datamodules.lidc.selection import MATCH_MM, Cohort, size_matched, with_prevalence
from medrepro.datamodules.support.errors import InputError


def test_counts_beside_the_published_ones() -> None:
    counts = population(luna16_nodules())
    for name, ours in {"all": 1192, "malignant": 453, "benign": 562, "undecided": 177}.items():
        assert abs(counts[name] - ours) <= 3, name
    assert counts["all"] == counts["malignant"] + counts["benign"] + counts["undecided"]


def test_labels_follow_the_mean_rating_and_three_is_dropped() -> None:
    table = labelled_luna16()
    assert (table["label"] == (table["malignancy_mean"] > 3)).all()
    assert not (table["malignancy_mean"] == 3).any()
    assert table["n_readers"].min() >= 3
    assert table["slice_thickness_mm"].max() <= 2.5
    few = labelled_luna16(cohort=Cohort(limit_patients=5))
    assert few["patient_id"].nunique() == 5


@pytest.mark.parametrize(("cohort", "pairs"), [(labelled_luna16, 175), (labelled_nodules, 198), (rated_nodules, 228)])
def test_size_says_nothing_of_matched_pairs(cohort: Callable[..., pd.DataFrame], pairs: int) -> None:
    table = cohort(cohort=Cohort(matched=True))
    assert table["label"].sum() * 2 == len(table)
    assert abs(len(table) // 2 - pairs) <= 3
    assert abs(roc_auc_score(table["label"], table["diameter_mm"]) - 0.5) < 0.01
    assert roc_auc_score(table["label"], table["spiculation"]) > 0.62  # other signs of malignancy stay
    assert cohort()["nodule_id"].isin(table["nodule_id"]).sum() == len(table)


def test_pairs_stay_within_a_hospital() -> None:
    table = labelled_nodules(cohort=Cohort(matched=True))
    assert (table.groupby("cohort")["label"].mean() == 0.5).all()
    few = labelled_nodules(cohort=Cohort(matched=True, limit_patients=3))
    assert (few.groupby("cohort")["patient_id"].nunique() == 3).all()


@given(share=st.floats(0.03, 0.9), seed=st.integers(0, 3))
@settings(max_examples=40, deadline=None)
def test_a_prevalence_is_met_within_each_cohort(share: float, seed: int) -> None:
    labels = [1] * 40 + [0] * 60
    table = pd.DataFrame({"label": labels * 2, "cohort": ["a"] * 100 + ["b"] * 100, "number": range(200)})
    drawn = with_prevalence(table, share, seed)
    assert drawn["number"].is_monotonic_increasing
    for _, part in drawn.groupby("cohort"):
        count = part["label"].sum()
        assert count == 40 or (part["label"] == 0).sum() == 60  # one class is whole
        assert abs(count - share * len(part)) <= 1
    assert drawn.equals(with_prevalence(table, share, seed))


@pytest.mark.parametrize(("share", "reason"), [(0.0, "between 0 and 1"), (1.0, "between 0 and 1"), (1e-4, "leaves no")])
def test_a_prevalence_that_cannot_be_is_refused(share: float, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        with_prevalence(labelled_luna16(), share)


def _most_pairs(malignant: list[float], benign: list[float]) -> int:
    """Walk both sorted lists: the greedy matching on a line is the largest one."""
    pairs, left, right = 0, sorted(malignant), sorted(benign)
    while left and right:
        if abs(left[0] - right[0]) <= MATCH_MM:
            pairs, left, right = pairs + 1, left[1:], right[1:]
        elif left[0] < right[0]:
            left = left[1:]
        else:
            right = right[1:]
    return pairs


_DIAMETERS = st.lists(st.integers(12, 120).map(lambda quarter: quarter / 4), min_size=1, max_size=12)


@settings(max_examples=60, deadline=None)
@given(_DIAMETERS, _DIAMETERS)
def test_matching_finds_as_many_pairs_as_there_can_be(malignant: list[float], benign: list[float]) -> None:
    labels = [1] * len(malignant) + [0] * len(benign)
    table = pd.DataFrame({"label": labels, "diameter_mm": malignant + benign})
    most = _most_pairs(malignant, benign)
    if most == 0:
        with pytest.raises(InputError, match="allow a larger one"):
            size_matched(table)
        return
    found = size_matched(table)
    big, small = (np.sort(found.loc[found["label"] == label, "diameter_mm"]) for label in (1, 0))
    assert len(big) == len(small) == most
    assert (np.abs(big - small) <= MATCH_MM).all()  # sorted, a valid pairing on a line stays valid


@pytest.mark.real_data
def test_luna16_s_own_scans_hold_its_1186_nodules(real_data: Path) -> None:
    from medrepro.reproduce.papers.segradcam.counts import in_luna16

    counts = population(in_luna16(luna16_nodules(), str(real_data / "lidc_tables")))
    assert counts == {"all": 1186, "malignant": 451, "benign": 559, "undecided": 176}
