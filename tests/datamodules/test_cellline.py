from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from medrepro.datamodules.cellline import ADAPTED, PARENTAL, TASKS, CellLineDataModule, Extractor, to_grey
from medrepro.datamodules.support.errors import InputError

SMALL: dict[str, Any] = {"image_size": 16, "share": 0.05, "width": 32, "flasks": 5, "folds": 4, "draws": 2}


def make(**changes: Any) -> CellLineDataModule:
    data = CellLineDataModule(**{**SMALL, **changes})
    data.setup()
    return data


def test_tasks_are_those_of_the_tables() -> None:
    assert len(TASKS) == 9
    assert len(PARENTAL) == len(ADAPTED) == 4
    pair = make(task="efo-27", augment="none")
    assert pair.records.classes == ("EFO-27", "EFO-27rCDDP2000")
    assert set(pair.records.labels) == {0, 1}
    whole = make(augment="none")
    lines = whole.records.table["line"].isin(["EFO-27", "EFO-27rCDDP2000"]).to_numpy()
    np.testing.assert_array_equal(pair.records.images, whole.records.images[lines])


def test_folds_keep_flasks_whole_and_test_every_image_once() -> None:
    tested = []
    for fold in range(4):
        data = make(augment="none", fold=fold)
        sides = [set(data.records.patients[part]) for part in (data.parts.train, data.parts.val, data.parts.test)]
        assert not sides[0] & sides[1]
        assert not sides[0] & sides[2]
        assert not sides[1] & sides[2]
        tested.append(data.parts.test)
    assert sorted(np.concatenate(tested)) == list(range(len(data.records)))


def test_image_folds_leak_flasks_test_every_image_once_and_say_so() -> None:
    parts = [make(augment="none", fold=fold, leaky_split=True).parts for fold in range(4)]
    assert all(part.leaky for part in parts)
    assert sorted(np.concatenate([part.test for part in parts])) == list(range(len(make(augment="none").records)))
    data = make(augment="none", leaky_split=True)
    assert set(data.records.patients[data.parts.train]) & set(data.records.patients[data.parts.test])


def test_augmented_copies_are_trained_on_and_never_tested() -> None:
    data = make(augment="constant")
    count = len(data.records)
    assert len(data.images) == len(data.labels) == 3 * count
    assert sorted(data.train_rows()) == sorted(row + copy * count for row in data.parts.train for copy in range(3))
    assert torch.equal(data.labels[:count], data.labels[2 * count :])
    seen = torch.cat([batch["index"] for batch in data.train_dataloader()])
    assert sorted(seen.tolist()) == sorted(data.train_rows().tolist())
    tested = torch.cat([batch["index"] for batch in data.eval_loader(data.parts.test)])
    assert int(tested.max()) < count
    assert torch.equal(data.images[:count], make(augment="none").images)
    assert (data.images[count : 2 * count] != data.images[:count]).any()


def test_a_fraction_of_the_training_images_leaves_the_test_alone() -> None:
    whole, part = make(augment="none"), make(augment="none", train_fraction=0.4)
    assert set(part.parts.train) < set(whole.parts.train)
    for label in range(8):
        all_of_class = (whole.records.labels[whole.parts.train] == label).sum()
        assert (part.records.labels[part.parts.train] == label).sum() == max(1, round(0.4 * all_of_class))
    np.testing.assert_array_equal(part.parts.test, whole.parts.test)


def test_features_of_a_frozen_backbone_take_the_place_of_images(tmp_path: Path) -> None:
    def extract(images: Tensor) -> Tensor:
        return images.mean(dim=(2, 3))

    data = CellLineDataModule(**SMALL, augment="nearest", cache_dir=str(tmp_path))
    data.use_features(Extractor(extract, {"name": "means"}, 3))
    data.setup()
    images = make(augment="nearest").images
    assert data.images.shape == (len(images), 3)
    torch.testing.assert_close(data.images, extract(images), atol=1e-5, rtol=0)


def test_grey_is_luminance() -> None:
    image = np.zeros((1, 3, 1, 3), dtype=np.uint8)
    image[0, 0, 0, 0] = image[0, 1, 0, 1] = image[0, 2, 0, 2] = 255
    assert to_grey(image)[0, 0, 0].tolist() == [76, 150, 29]
    assert make(grey=True, augment="none").images.shape[1] == 1


def test_source_lines_are_another_task() -> None:
    first = CellLineDataModule(**{**SMALL, "share": 0.02}, data="source").load_records()
    second = CellLineDataModule(**{**SMALL, "share": 0.02}, data="source", source_set=1).load_records()
    target = CellLineDataModule(**SMALL).load_records()
    assert not set(first.classes) & set(target.classes)
    assert (first.images != second.images).any()


def test_an_official_split_is_kept(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (40, 20, 20), dtype=np.uint8)
    split = np.array(["train"] * 24 + ["val"] * 6 + ["test"] * 10)
    np.savez(tmp_path / "set.npz", images=images, label=np.arange(40) % 2, split=split)
    data = CellLineDataModule(data="folder", data_root=str(tmp_path), image_size=16, augment="none")
    data.setup()
    assert [len(data.parts.train), len(data.parts.val), len(data.parts.test)] == [24, 6, 10]


def test_wrong_input_says_what_is_allowed() -> None:
    with pytest.raises(InputError, match=r"task 'nine'; allowed: all, parental, adapted"):
        CellLineDataModule(task="nine")
    with pytest.raises(InputError, match=r"train fraction 0\.0, draws 4"):
        CellLineDataModule(train_fraction=0.0)
    with pytest.raises(InputError, match=r"data source has no class 'COLO-704'; it has source-1"):
        CellLineDataModule(**{**SMALL, "share": 0.02}, data="source", task="parental").load_records()
    with pytest.raises(InputError, match=r"too few for 10 folds"):
        make(folds=10, augment="none")
