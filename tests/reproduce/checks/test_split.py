"""Splits: equal round shares of images with other shares of patients, and splits that are fine."""

from dataclasses import replace

import pytest

from medrepro.reproduce.checks.split import split_plausibility
from medrepro.reproduce.printed.model import Cohort, Paper, Split
from tests.reproduce.checks.tables import paper

SPLIT = Split("train-i", "train-p", "test-i", "test-p", "Tables 2 and 3", 9)


def made(train_images: tuple[int, int], test_images: tuple[int, int], test_patients: tuple[int, int]) -> Paper:
    parts = {"train-i": train_images, "test-i": test_images, "train-p": (40, 115), "test-p": test_patients}
    cohorts = {name: Cohort(name, "", {"mutant": p, "wild": n}, "", 1) for name, (p, n) in parts.items()}
    return replace(paper(), cohorts=cohorts)


def test_shuffled_images_are_recognised() -> None:
    (finding,) = split_plausibility(made((3310, 9525), (825, 2380), (20, 36)), SPLIT).findings
    assert finding.severity == "unclear"
    assert "80 : 20 by images" in finding.summary
    assert "mutant, images: 3310/(3310 + 825) = 80.05 %" in finding.arithmetic
    assert "wild, patients: 115/(115 + 36) = 76.16 %" in finding.arithmetic


@pytest.mark.parametrize(
    ("train", "test", "patients"),
    [
        ((3310, 9525), (825, 2380), (10, 29)),  # patients are divided 80 : 20 as well
        ((3200, 9525), (935, 2380), (20, 36)),  # one class is not
        ((3150, 9070), (985, 2835), (20, 36)),  # 76 : 24, no ratio people choose
    ],
)
def test_other_splits_pass(train: tuple[int, int], test: tuple[int, int], patients: tuple[int, int]) -> None:
    assert split_plausibility(made(train, test, patients), SPLIT).findings == ()
