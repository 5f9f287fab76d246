"""QuadSNetDataModule: parts, thinning, limits, copies across parts, and real data."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medrepro.datamodules.images.duplicates import across_parts, duplicates_sentence
from medrepro.datamodules.quadsnet import QuadSNetDataModule
from medrepro.datamodules.support.errors import InputError
from tests.datamodules._pictures import kermany_tree, picture, save


def balanced_tree(root: Path, count: int = 60) -> Path:
    """Two classes, unsplit, three images a patient."""
    for number in range(count):
        save(root / "ab"[number % 2] / f"p{number // 3}_{number}.png", picture(number, 8, 8))
    return root


def ready(**arguments: Any) -> QuadSNetDataModule:
    data = QuadSNetDataModule(data="folder", **arguments)
    data.setup()
    return data


def test_the_sources_own_parts_are_taken(tmp_path: Path) -> None:
    data = ready(data_root=str(kermany_tree(tmp_path)))
    assert [len(part) for part in (data.parts.train, data.parts.val, data.parts.test)] == [18, 6, 9]
    assert data.class_counts == (6, 12)
    assert data.images.shape == (33, 1, 20, 24)
    assert 0 <= float(data.images.min()) < float(data.images.max()) == 1


def test_without_parts_patients_stay_together_and_the_test_part_is_every_seeds(tmp_path: Path) -> None:
    balanced_tree(tmp_path)
    one, two = (ready(data_root=str(tmp_path), group_pattern=r"(p\d+)_", seed=seed) for seed in (0, 1))
    np.testing.assert_array_equal(one.parts.test, two.parts.test)
    sides = [set(one.records.patients[part]) for part in (one.parts.train, one.parts.val, one.parts.test)]
    assert not sides[0] & sides[2]
    assert not sides[0] & sides[1]
    folds = [ready(data_root=str(tmp_path), fold=fold).parts.test for fold in range(5)]
    assert sorted(np.concatenate(folds).tolist()) == list(range(60))


@pytest.mark.parametrize(("ratio", "rare"), [(1, 21), (2, 10), (10, 2), (100, 1)])
def test_class_1_is_thinned_and_the_test_part_is_not(tmp_path: Path, ratio: int, rare: int) -> None:
    whole = ready(data_root=str(balanced_tree(tmp_path)))
    thin = ready(data_root=str(tmp_path), imbalance=ratio)
    assert whole.class_counts == (21, 22)
    assert thin.class_counts == (21, rare)
    np.testing.assert_array_equal(thin.parts.test, whole.parts.test)
    assert set(thin.parts.train) <= set(whole.parts.train)


def test_thinning_is_nested_and_depends_on_the_seed(tmp_path: Path) -> None:
    root = str(balanced_tree(tmp_path))
    two, four = (set(ready(data_root=root, imbalance=ratio).parts.train) for ratio in (2, 4))
    assert four < two  # less imbalance only adds images: ratios are compared on the same ones
    assert set(ready(data_root=root, imbalance=4, seed=1).parts.train) != four


def test_limits_keep_the_shares_of_the_classes(tmp_path: Path) -> None:
    data = ready(data_root=str(kermany_tree(tmp_path)), train_limit=6)
    assert data.class_counts == (2, 4)
    assert len(data.parts.val) == 2  # a third, as of the training part, and one of each class at least
    assert len(data.parts.test) == 9


def test_copies_across_parts_are_found_after_splitting(tmp_path: Path) -> None:
    kermany_tree(tmp_path)
    save(tmp_path / "val" / "PNEUMONIA" / "copy.bmp", picture(0))
    save(tmp_path / "train" / "PNEUMONIA" / "within.png", picture(1))
    data = ready(data_root=str(tmp_path))
    assert across_parts(data.copies)["parts"].tolist() == ["train+val"]
    assert "1 in train and val" in duplicates_sentence(data.copies)


def test_errors(tmp_path: Path) -> None:
    for number in range(60):
        save(tmp_path / "abc"[number % 3] / f"{number}.png", picture(number, 8, 8))
    with pytest.raises(InputError, match=r"imbalance 1:10 needs two classes; folder has"):
        ready(data_root=str(tmp_path), imbalance=10)
    with pytest.raises(InputError, match="imbalance -1"):
        QuadSNetDataModule(imbalance=-1)


@given(st.integers(1, 200), st.integers(0, 5))
@settings(max_examples=20, deadline=None)
def test_any_ratio_keeps_a_rare_image_and_all_common_ones(ratio: int, seed: int) -> None:
    labels = np.array([0] * 40 + [1] * 50)
    data = QuadSNetDataModule(imbalance=ratio, seed=seed)
    kept = data._thin(np.arange(90), _labelled(labels), [0])
    counts = Counter(labels[kept].tolist())
    assert counts[0] == 40
    assert counts[1] == max(1, round(40 / ratio))


def _labelled(labels: npt.NDArray[np.int64]) -> Any:
    return type("Labelled", (), {"labels": labels})()


REAL = {"covid-ct": (425, 118, 203), "pneumoniamnist": (4708, 524, 624), "mnist": (54000, 6000, 10000)}


@pytest.mark.real_data
@pytest.mark.parametrize("name", REAL)
def test_real_data_have_their_parts(real_data: Path, name: Any) -> None:
    data = QuadSNetDataModule(data=name, data_root=str(real_data), image_size=28)
    data.setup()
    assert tuple(len(part) for part in (data.parts.train, data.parts.val, data.parts.test)) == REAL[name]
    assert len(across_parts(data.copies)) == (8 if name == "pneumoniamnist" else 0)
