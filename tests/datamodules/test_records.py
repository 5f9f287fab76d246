"""Records refuse tables that do not describe their images."""

import numpy as np
import pandas as pd
import pytest

from medrepro.datamodules.records import Records
from medrepro.datamodules.support.errors import InputError


def make(images: np.ndarray | None = None, **columns: object) -> Records:
    table = pd.DataFrame(
        {"sample_id": ["a", "b", "c"], "patient_id": ["p", "p", "q"], "label": [0, 1, 1], "cohort": "all"} | columns
    )
    pixels = np.arange(3 * 16, dtype=np.float32).reshape(3, 1, 4, 4) if images is None else images
    return Records(pixels, table, "toy", "made up", "shape", "none", ("round", "square"))


def test_labels_patients_and_length() -> None:
    records = make()
    assert len(records) == 3
    assert records.labels.tolist() == [0, 1, 1]
    assert records.patients.tolist() == ["p", "p", "q"]


def test_subset_keeps_rows_and_pixels_together() -> None:
    records = make()
    part = records.subset(np.array([2, 0]))
    assert part.table["sample_id"].tolist() == ["c", "a"]
    assert np.array_equal(part.images, records.images[[2, 0]])


def test_fingerprint_sees_pixels_labels_and_order() -> None:
    one = make()
    changed = one.images.copy()
    changed[1, 0, 0, 0] += 1
    prints = {
        one.sha256,
        make(changed).sha256,
        make(label=[1, 0, 1]).sha256,
        one.subset(np.array([1, 0, 2])).sha256,
    }
    assert len(prints) == 4
    assert make().sha256 == one.sha256


def test_missing_column() -> None:
    with pytest.raises(InputError, match="the table lacks patient_id"):
        Records(
            np.zeros((1, 1, 2, 2)),
            pd.DataFrame({"sample_id": ["a"], "label": [0], "cohort": "x"}),
            "toy",
            "",
            "",
            "",
            ("x",),
        )


def test_lengths_differ() -> None:
    with pytest.raises(InputError, match="2 images but 3 rows"):
        make(np.zeros((2, 1, 4, 4)))


def test_duplicate_id() -> None:
    with pytest.raises(InputError, match="'a' occurs more than once"):
        make(sample_id=["a", "a", "c"])


@pytest.mark.parametrize("labels", [[0, 1, 2], [-1, 0, 1], [0.5, 1.0, 0.0]])
def test_unknown_label(labels: list[float]) -> None:
    with pytest.raises(InputError, match=r"allowed: integers 0\.\.1 \(round, square\)"):
        make(label=labels)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_non_finite_pixel_names_its_sample(bad: float) -> None:
    images = np.zeros((3, 1, 4, 4), dtype=np.float32)
    images[2, 0, 1, 1] = bad
    with pytest.raises(InputError, match="sample 'c' holds NaN or infinite pixels"):
        make(images).check_finite()


def test_finite_and_integer_pixels_pass() -> None:
    make().check_finite()
    make(np.zeros((3, 1, 4, 4), dtype=np.int16)).check_finite()


def test_empty() -> None:
    empty = pd.DataFrame({"sample_id": [], "patient_id": [], "label": [], "cohort": []})
    with pytest.raises(InputError, match="no samples"):
        Records(np.zeros((0, 1, 2, 2)), empty, "toy", "", "", "", ("x",))
