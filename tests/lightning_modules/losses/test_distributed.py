"""DDP: value and gradient of every batch loss on 2 and 3 ranks equal one process on the global batch (1e-10)."""

from collections.abc import Callable

import pytest
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from medrepro.lightning_modules.losses import distributed
from medrepro.lightning_modules.losses.batch_similarity import BatchSimilarityLoss
from medrepro.lightning_modules.losses.cross_entropy import CrossEntropyLoss
from medrepro.lightning_modules.losses.metric_learning import LiftedCrossEntropyLoss, TripletCrossEntropyLoss
from medrepro.lightning_modules.losses.mixed import MixedLoss
from tests._gloo import Run

LOSSES: dict[str, Callable[[], nn.Module]] = {
    "similarity": lambda: BatchSimilarityLoss(0.8),
    "mixed": MixedLoss,
    "cross-entropy": CrossEntropyLoss,
    "weighted cross-entropy": lambda: CrossEntropyLoss([0.25, 2.0]),
    "CTL": TripletCrossEntropyLoss,
    "CIL": LiftedCrossEntropyLoss,
    "generalized CIL": lambda: LiftedCrossEntropyLoss(generalized=True),
}

# labels of each rank's shard
SHARDS = {
    "equal": [[0, 1, 1], [1, 0, 0]],
    "unequal": [[0, 1, 1, 0, 1], [1, 0]],
    "a one-class rank": [[0, 0, 0], [1, 1, 0, 1]],
    "each rank one class": [[0, 0], [1, 1, 1]],
    "one class in all": [[1, 1], [1]],
    "one sample a rank": [[0], [1]],
    "three unequal": [[0, 1, 1, 1], [0], [1, 0]],
    "three, two of one class": [[1, 1], [0, 0, 0], [1, 0, 1, 0]],
}


class _Model(nn.Module):
    """Features behind a ReLU, and logits; the seed fixes the weights on every rank."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.encoder = nn.Linear(6, 5).double()
        self.classifier = nn.Linear(5, 2).double()

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features = torch.relu(self.encoder(images))
        return features, self.classifier(features)


def _loss(name: str, features: Tensor, logits: Tensor, labels: Tensor) -> Tensor:
    loss = LOSSES[name]()
    inputs: tuple[Tensor, ...] = (features, logits)
    if isinstance(loss, BatchSimilarityLoss):
        inputs = (features,)
    if isinstance(loss, CrossEntropyLoss):
        inputs = (logits,)
    value: Tensor = loss(*inputs, labels)
    return value


def _data(shards: list[list[int]]) -> list[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(len(shards))
    return [
        (torch.randn(len(labels), 6, generator=generator, dtype=torch.float64), torch.tensor(labels))
        for labels in shards
    ]


def _train_step(name: str, model: nn.Module, images: Tensor, labels: Tensor) -> tuple[float, list[Tensor]]:
    features, logits = model(images)
    loss = _loss(name, features, logits, labels)
    loss.backward()
    return loss.item(), [torch.zeros_like(p) if p.grad is None else p.grad for p in model.parameters()]


def _on_rank(name: str, shards: list[list[int]]) -> tuple[float, list[Tensor]]:
    images, labels = _data(shards)[dist.get_rank()]
    model = DistributedDataParallel(_Model(), find_unused_parameters=name == "similarity")
    return _train_step(name, model, images, labels)


@pytest.mark.parametrize("shards", SHARDS.values(), ids=SHARDS)
@pytest.mark.parametrize("name", LOSSES)
def test_value_and_gradient_equal_one_process(gloo: Run, name: str, shards: list[list[int]]) -> None:
    assert (len(LOSSES), len(SHARDS)) == (7, 8)
    images, labels = (torch.cat(parts) for parts in zip(*_data(shards), strict=True))
    value, gradients = _train_step(name, _Model(), images, labels)
    ranks = gloo(len(shards), _on_rank, name, shards)
    assert sum(value for value, _ in ranks) / len(ranks) == pytest.approx(value, abs=1e-10)
    for _, found in ranks:
        for one, other in zip(found, gradients, strict=True):
            torch.testing.assert_close(one, other, rtol=0, atol=1e-10)


def _naive_on_rank(shards: list[list[int]]) -> list[Tensor]:
    """What a mean of rank means gives: the mistake that these losses avoid."""
    images, labels = _data(shards)[dist.get_rank()]
    model = DistributedDataParallel(_Model())
    nn.functional.cross_entropy(model(images)[1], labels).backward()
    return [p.grad for p in model.parameters() if p.grad is not None]


def test_a_mean_of_rank_means_would_be_seen(gloo: Run) -> None:
    shards = SHARDS["unequal"]
    images, labels = (torch.cat(parts) for parts in zip(*_data(shards), strict=True))
    _, gradients = _train_step("cross-entropy", _Model(), images, labels)
    naive = gloo(2, _naive_on_rank, shards)[0]
    assert max(float((a - b).abs().max()) for a, b in zip(naive, gradients, strict=True)) > 1e-3


def _evaluate_on_rank() -> float:
    """Only rank 0 has a batch: a collective would wait for ever."""
    if dist.get_rank() > 0:
        return 0.0
    images, labels = _data([[0, 1, 1, 0]])[0]
    loss = MixedLoss().eval()
    value: Tensor = loss(*_Model()(images), labels)
    return value.item()


def test_evaluation_needs_no_other_rank(gloo: Run) -> None:
    images, labels = _data([[0, 1, 1, 0]])[0]
    assert gloo(2, _evaluate_on_rank)[0] == MixedLoss()(*_Model()(images), labels).item()


def _parts_on_rank() -> dict[str, object]:
    rank = dist.get_rank()
    rows = torch.full((rank + 1, 2), float(rank), requires_grad=True)
    sizes = distributed.shard_sizes(rows)
    gathered = distributed.gather_rows(rows, sizes)
    (gathered * torch.arange(len(gathered)).unsqueeze(1)).sum().backward()
    scalar = torch.tensor(float(rank + 1), requires_grad=True)
    total = distributed.all_reduce_sum(scalar)
    (total**2 * (rank + 1)).backward()
    return {
        "sizes": sizes,
        "first": distributed.first_row(sizes),
        "gathered": gathered.detach(),
        "row gradient": rows.grad,
        "total": total.item(),
        "scalar gradient": scalar.grad,
        "count": distributed.global_count(torch.tensor([rank, 1])).tolist(),
        "mean": distributed.global_mean(torch.tensor(float(rank)), torch.tensor(rank + 1)).item(),
        "empty": distributed.global_mean(torch.tensor(0.0), torch.tensor(0)).item(),
    }


def test_parts_on_three_ranks(gloo: Run) -> None:
    ranks = gloo(3, _parts_on_rank)
    for rank, found in enumerate(ranks):
        assert found["sizes"] == [1, 2, 3]
        assert found["first"] == [0, 1, 3][rank]
        assert found["gathered"][:, 0].tolist() == [0, 1, 1, 2, 2, 2]
        begin = [0, 1, 3][rank]
        assert found["row gradient"][:, 1].tolist() == [3.0 * i for i in range(begin, begin + rank + 1)]
        assert found["total"] == 6
        assert found["scalar gradient"] == 2 * 6 * (1 + 2 + 3)
        assert found["count"] == [3, 3]
        assert found["mean"] == pytest.approx(rank / 6 * 3)
        assert found["empty"] == 0


def test_without_a_process_group_nothing_changes() -> None:
    rows = torch.randn(3, 2)
    assert distributed.world_size() == 1
    assert distributed.shard_sizes(rows) == [3]
    assert distributed.first_row([3]) == 0
    assert distributed.gather_rows(rows, [3]) is rows
    assert distributed.all_reduce_sum(rows) is rows
    assert distributed.global_mean(torch.tensor(6.0), torch.tensor(4)).item() == 1.5
