"""The promises of the samplers: every sample once, proportions, ranks, epochs, resuming, errors."""

from collections import Counter
from collections.abc import Iterable
from itertools import chain

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.data import DataLoader

from medrepro.datamodules.samplers import ClusterBatchSampler, EpochBatchSampler, RandomBatchSampler, ShardSampler
from medrepro.datamodules.support.errors import InputError
from tests._toy import Rows


def _groups(sizes: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Labels and clusters of two classes whose groups have these sizes, in shuffled order."""
    group = np.repeat(np.arange(len(sizes)), sizes)
    np.random.default_rng(0).shuffle(group)
    half = (len(sizes) + 1) // 2
    return group // half, group % half


def _flat(batches: Iterable[list[int]]) -> list[int]:
    return list(chain.from_iterable(batches))


def _sizes(rng: np.random.Generator) -> list[int]:
    """2 to 8 group sizes over three orders of magnitude: equal, skewed and tiny groups all occur."""
    sizes: list[int] = np.exp(rng.uniform(0, 6, rng.integers(2, 9))).astype(int).tolist()
    return sizes


def test_every_sample_once_and_proportions_within_one_for_1500_random_group_sizes() -> None:
    rng = np.random.default_rng(2023)
    checked = 0
    for trial in range(1500):
        sizes = _sizes(rng)
        labels, clusters = _groups(sizes)
        batch_size = int(rng.integers(len(sizes), 60))
        sampler = ClusterBatchSampler(labels, clusters, batch_size, seed=trial)
        batches = sampler.global_batches(epoch=trial % 3)
        assert sorted(np.concatenate(batches).tolist()) == list(range(sum(sizes)))
        assert len(batches) == len(sampler)
        group_of = np.empty(sum(sizes), dtype=int)
        for number, group in enumerate(sampler.groups):
            group_of[group] = number
        share = np.bincount(group_of) / sum(sizes)
        for batch in batches:
            taken = np.bincount(group_of[batch], minlength=len(share))
            assert np.abs(taken - share * len(batch)).max() <= 1 + 1e-9
            checked += len(batch) == batch_size
        assert [len(batch) for batch in batches[:-1]] == [batch_size] * (len(batches) - 1)
    assert checked > 10_000


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_ranks_partition_the_global_batch(data: st.DataObject) -> None:
    world_size = data.draw(st.integers(1, 4))
    samples = data.draw(st.integers(world_size, 200))
    batch_size = data.draw(st.integers(world_size, 40))
    epoch = data.draw(st.integers(0, 5))
    shards = [RandomBatchSampler(samples, batch_size, 3, rank, world_size) for rank in range(world_size)]
    for shard in shards:
        shard.set_epoch(epoch)
    whole = shards[0].global_batches(epoch)
    assert {len(shard) for shard in shards} == {len(whole)}
    for batch, *parts in zip(whole, *shards, strict=True):
        assert sorted(_flat(parts)) == sorted(batch.tolist())
        assert max(map(len, parts)) - min(map(len, parts)) <= 1
        assert min(map(len, parts)) >= 1


@pytest.mark.parametrize(("samples", "expected"), [(10, [4, 4, 2]), (9, [4, 5]), (8, [4, 4]), (3, [3]), (1, [1])])
def test_a_tail_of_one_joins_the_batch_before(samples: int, expected: list[int]) -> None:
    assert [len(batch) for batch in RandomBatchSampler(samples, 4)] == expected


def test_cluster_tails_leave_two_samples_a_rank() -> None:
    labels, clusters = _groups([9, 8, 7, 6])
    shards = [list(ClusterBatchSampler(labels, clusters, 9, rank=rank, world_size=2)) for rank in (0, 1)]
    assert [[len(a), len(b)] for a, b in zip(*shards, strict=True)] == [[5, 4], [5, 4], [6, 6]]


def test_equal_allocation_gives_every_group_the_same_and_ends_with_the_largest() -> None:
    labels, clusters = _groups([3, 10, 5, 25, 1, 6])
    sampler = ClusterBatchSampler(labels, clusters, 12, allocation="equal", seed=1)
    batches = list(sampler)
    assert len(batches) == len(sampler) == 13
    for batch in batches:
        assert [np.isin(batch, group).sum() for group in sampler.groups] == [2] * 6
    drawn = Counter(_flat(batches))
    assert set(drawn) == set(range(50))
    for group in sampler.groups:
        times = [drawn[i] for i in group]
        assert max(times) - min(times) <= 1


def _three_samplers() -> list[EpochBatchSampler]:
    labels, clusters = _groups([11, 12, 9, 14, 8, 21])
    return [
        RandomBatchSampler(75, 9, seed=5),
        ClusterBatchSampler(labels, clusters, 12, seed=5),
        ClusterBatchSampler(labels, clusters, 12, "equal", seed=5),
    ]


@pytest.mark.parametrize("kind", range(3))
def test_order_is_a_function_of_seed_and_epoch(kind: int) -> None:
    sampler, twin = _three_samplers()[kind], _three_samplers()[kind]
    first = list(sampler)
    assert list(sampler) == first == list(twin)
    sampler.set_epoch(1)
    assert list(sampler) != first
    sampler.set_epoch(0)
    assert list(sampler) == first
    twin.seed = 6
    assert list(twin) != first


@pytest.mark.parametrize("kind", range(3))
@pytest.mark.parametrize("position", [0, 1, 4])
def test_a_loaded_state_yields_the_remaining_batches(kind: int, position: int) -> None:
    sampler, twin = _three_samplers()[kind], _three_samplers()[kind]
    sampler.set_epoch(3)
    order = iter(sampler)
    for _ in range(position):
        next(order)
    state = sampler.state_dict()
    assert state == {"epoch": 3, "position": position}
    prepared = iter(twin)  # Lightning makes the iterator first and loads, or sets the epoch, afterwards
    twin.load_state_dict(state)
    twin.set_epoch(3)
    assert list(prepared) == list(order)
    whole = list(twin)
    assert len(whole) == len(twin)
    twin.set_epoch(4)
    assert list(twin) != whole


def test_a_state_of_a_finished_epoch_leaves_nothing_of_it_and_all_of_the_next() -> None:
    sampler, twin = RandomBatchSampler(20, 4), RandomBatchSampler(20, 4)
    list(sampler)
    twin.load_state_dict(sampler.state_dict())
    assert list(twin) == []
    twin.load_state_dict(sampler.state_dict())
    twin.set_epoch(1)
    assert len(list(twin)) == 5


def test_an_abandoned_iteration_starts_over() -> None:
    sampler = RandomBatchSampler(20, 4)
    assert next(iter(sampler)) == next(iter(sampler))


def test_a_state_holds_for_another_number_of_ranks() -> None:
    alone = RandomBatchSampler(50, 10, seed=2)
    order = iter(alone)
    next(order)
    shards = [RandomBatchSampler(50, 10, 2, rank, 2) for rank in (0, 1)]
    for shard in shards:
        shard.load_state_dict(alone.state_dict())
    for batch, *parts in zip(order, *shards, strict=True):
        assert sorted(batch) == sorted(_flat(parts))


@pytest.mark.parametrize(
    ("samples", "batch_size", "world_size"), [(9, 4, 1), (9, 4, 2), (17, 4, 2), (5, 1, 3), (3, 9, 3)]
)
def test_shards_hold_every_sample_once_unpadded(samples: int, batch_size: int, world_size: int) -> None:
    shards = [list(ShardSampler(samples, batch_size, rank, world_size)) for rank in range(world_size)]
    assert sorted(_flat(map(_flat, shards))) == list(range(samples))
    assert len({len(shard) for shard in shards}) == 1
    assert all(batch for shard in shards for batch in shard)


def test_one_process_evaluates_in_order() -> None:
    assert list(ShardSampler(5, 2)) == [[0, 1], [2, 3], [4]]


def test_loads_by_one_indexing_and_as_batch_sampler() -> None:
    data = Rows(torch.arange(10) * 10)
    sampler = RandomBatchSampler(10, 4)
    loader = DataLoader(data, sampler=sampler, batch_size=None, collate_fn=_as_is)
    whole = [batch.tolist() for batch in loader]
    collated = [batch.tolist() for batch in DataLoader(data, batch_sampler=sampler)]
    assert whole == collated == [[10 * i for i in batch] for batch in sampler]
    assert sampler.sampler is sampler


def _as_is(batch: torch.Tensor) -> torch.Tensor:
    return batch


class _Recorder(pl.LightningModule):
    """Learns nothing; remembers which samples came in which epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.seen: list[list[int]] = []

    def training_step(self, batch: torch.Tensor, batch_idx: int) -> torch.Tensor:
        if batch_idx == 0:
            self.seen.append([])
        self.seen[-1].extend(batch.tolist())
        return self.weight * 0

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


@pytest.mark.parametrize("as_batch_sampler", [False, True])
def test_lightning_sets_the_epoch(as_batch_sampler: bool, tmp_path: object) -> None:
    labels, clusters = _groups([4, 5, 6, 7])
    sampler = ClusterBatchSampler(labels, clusters, 6, seed=8)
    data = Rows(torch.arange(22))
    loader = (
        DataLoader(data, batch_sampler=sampler)
        if as_batch_sampler
        else DataLoader(data, sampler=sampler, batch_size=None, collate_fn=_as_is)
    )
    module = _Recorder()
    trainer = pl.Trainer(
        max_epochs=3,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=str(tmp_path),
        use_distributed_sampler=False,
    )
    trainer.fit(module, loader)
    assert module.seen == [np.concatenate(sampler.global_batches(epoch)).tolist() for epoch in range(3)]
    assert module.seen[0] != module.seen[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"samples": 10, "batch_size": 4, "rank": 2, "world_size": 2}, "rank 2 is not in 0 .. 1"),
        ({"samples": 10, "batch_size": 1, "world_size": 2}, "leave one of 2 devices without a sample"),
        ({"samples": 1, "batch_size": 8, "world_size": 2}, "leave one of 2 devices without a sample"),
        ({"samples": 0, "batch_size": 8}, "from 0 samples"),
    ],
)
def test_refuses_empty_shares(arguments: dict[str, int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        RandomBatchSampler(**arguments)


def test_refuses_unsuitable_groups() -> None:
    labels, clusters = _groups([5, 5, 5, 5, 5, 5])
    with pytest.raises(InputError, match="a batch of 5 cannot hold one sample of each of 6 groups"):
        ClusterBatchSampler(labels, clusters, 5)
    with pytest.raises(InputError, match="equal shares of 6 groups need a batch of a multiple of that, not 16"):
        ClusterBatchSampler(labels, clusters, 16, "equal")
    with pytest.raises(InputError, match=r"labels \(30,\) and clusters \(29,\)"):
        ClusterBatchSampler(labels, clusters[1:], 12)


def test_refuses_a_state_of_other_data() -> None:
    with pytest.raises(InputError, match="stands at batch 9 of an epoch of 5"):
        RandomBatchSampler(20, 4).load_state_dict({"epoch": 0, "position": 9})
