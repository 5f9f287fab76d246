"""The datamodule base: what it refuses, what it hands out, and that its loaders resume inside an epoch."""

import numpy as np
import pytest
import torch

from medrepro.datamodules.loader import ResumableLoader
from medrepro.datamodules.splits import Split
from medrepro.datamodules.support.errors import InputError
from tests._toy import ToyData


def positions(loader: ResumableLoader) -> list[list[int]]:
    return [batch["index"].tolist() for batch in loader]


def test_parts_are_disjoint_and_batches_carry_their_positions() -> None:
    data = ToyData()
    data.setup()
    owners = [set(data.records.patients[part]) for part in (data.parts.train, data.parts.val, data.parts.test)]
    assert sum(map(len, owners)) == len(set.union(*owners)) == 30
    for batch in data.train_dataloader():
        assert torch.equal(batch["image"], data.images[batch["index"]])
        assert torch.equal(batch["label"], torch.tensor(data.records.labels)[batch["index"]])
    assert data.images.min() >= 0
    assert data.images.max() <= 1.5


def test_training_covers_its_part_once_and_evaluation_keeps_order() -> None:
    data = ToyData()
    data.setup()
    drawn = [position for batch in positions(data.train_dataloader()) for position in batch]
    assert sorted(drawn) == data.parts.train.tolist()
    shown = [position for batch in positions(data.eval_loader(data.parts.test)) for position in batch]
    assert shown == data.parts.test.tolist()


@pytest.mark.parametrize("workers", [0, 2])
def test_a_loader_resumes_after_what_it_delivered(workers: int) -> None:
    data = ToyData(num_workers=workers)
    data.setup()
    whole = data.train_dataloader()
    whole.sampler.set_epoch(1)
    expected = positions(whole)
    broken = data.train_dataloader()
    broken.sampler.set_epoch(1)
    iterator = iter(broken)
    taken = [next(iterator)["index"].tolist() for _ in range(3)]
    state = broken.state_dict()
    assert state["position"] == 3
    resumed = data.train_dataloader()
    resumed.load_state_dict(state)
    resumed.sampler.set_epoch(1)
    assert taken + positions(resumed) == expected
    assert len(positions(resumed)) == len(expected), "the epoch after a resumed one is whole"


def test_a_patient_on_two_sides_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    data = ToyData()
    monkeypatch.setattr(data, "split", lambda records: Split(np.arange(62), np.arange(62, 80), np.arange(80, 120)))
    with pytest.raises(InputError, match="1 patient is in both train and val, such as p15"):
        data.setup()


def test_a_leaky_split_must_be_asked_for_and_is_marked() -> None:
    data = ToyData(leaky_split=True)
    data.setup()
    assert data.parts.leaky
    assert set(data.records.patients[data.parts.train]) & set(data.records.patients[data.parts.test])


def test_one_class_in_the_test_part_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    data = ToyData()
    even = np.flatnonzero(data.source.labels == 0)
    monkeypatch.setattr(
        data, "split", lambda records: Split(np.setdiff1d(np.arange(120), even[:8]), np.empty(0, int), even[:8])
    )
    with pytest.raises(InputError, match=r"the test part has no sample of class 1 \(square\)"):
        data.setup()


def test_non_finite_pixels_name_the_sample() -> None:
    data = ToyData()
    data.source.images[5, 0, 0, 0] = np.nan
    with pytest.raises(InputError, match="sample 's5' holds NaN or infinite pixels"):
        data.setup()


def test_permuted_labels_move_between_lesions_only() -> None:
    data, honest = ToyData(), ToyData()
    data.shuffle_labels = True
    data.setup()
    honest.setup()
    assert np.array_equal(np.sort(data.records.labels), np.sort(honest.records.labels))
    assert not np.array_equal(data.records.labels, honest.records.labels)
    assert np.array_equal(data.parts.test, honest.parts.test), "the split rests on the true labels"


def test_batch_of_one() -> None:
    with pytest.raises(InputError, match="batch size 1"):
        ToyData(batch_size=1)
