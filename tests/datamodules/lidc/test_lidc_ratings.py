"""Levels by median: rounding halves to even, the uncertain dropped, Table 1's counts from the real annotations."""

import numpy as np
import pandas as pd

from medrepro.datamodules.lidc.cohorts import rated_nodules, rating_levels
from medrepro.datamodules.lidc.selection import Cohort


def test_halves_go_to_the_even_level() -> None:
    medians = [1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0]
    table = pd.DataFrame({"malignancy_median": medians})
    assert rating_levels(table).tolist() == [1, 2, 2, 2, 3, 4, 4, 4, 5]


def test_levels_1_2_are_benign_4_5_malignant_and_3_is_gone() -> None:
    table = rated_nodules()
    assert table.groupby("level")["label"].unique().apply(list).to_dict() == {1: [0], 2: [0], 4: [1], 5: [1]}
    counts = table["level"].value_counts()
    published = {1: 325, 2: 831, 4: 436, 5: 120}
    measured = {1: 324, 2: 826, 4: 430, 5: 115}
    assert all(abs(int(counts[level]) - count) <= 3 for level, count in measured.items())
    assert all(abs(int(counts[level]) - count) <= 6 for level, count in published.items())


def test_a_limit_keeps_whole_patients() -> None:
    every, few = rated_nodules(), rated_nodules(cohort=Cohort(limit_patients=5))
    chosen = np.unique(few["patient_id"])
    assert len(chosen) == 5
    assert len(few) == every["patient_id"].isin(chosen).sum()
