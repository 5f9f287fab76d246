"""The LUNA16 population: the published counts come out of the real annotations."""

from pathlib import Path

import pytest

from medrepro.datamodules.lidc.cohorts import labelled_luna16, luna16_nodules, population


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
    few = labelled_luna16(limit_patients=5)
    assert few["patient_id"].nunique() == 5


@pytest.mark.real_data
def test_luna16_s_own_scans_hold_its_1186_nodules(real_data: Path) -> None:
    from medrepro.reproduce.papers.segradcam.counts import in_luna16

    counts = population(in_luna16(luna16_nodules(), str(real_data / "lidc_tables")))
    assert counts == {"all": 1186, "malignant": 451, "benign": 559, "undecided": 176}
