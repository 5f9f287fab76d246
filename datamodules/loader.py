"""Load batches from arrays in memory, one indexing per batch, in an order that can be resumed after a kill.

On two CPU cores decoded arrays without workers beat any number of workers, so ``num_workers`` is 0 by default.
"""

from collections.abc import Iterator
from typing import TypedDict

import torch
from monai.data import DataLoader
from torch import Tensor
from torch.utils.data import Dataset

from medrepro.datamodules.samplers import EpochBatchSampler


class Batch(TypedDict):
    """What a module receives: images ``(N, C, *spatial)``, labels ``(N,)``, positions in the records ``(N,)``."""

    image: Tensor
    label: Tensor
    index: Tensor


class ArrayDataset(Dataset[Batch]):
    """One part (training, ...) of images held in memory; a list of positions fetches a whole batch at once.

    Args:
        images: ``(M, C, *spatial)`` of all records, shared by all parts.
        labels: ``(M,)``.
        rows: ``(N,)`` which records belong to this part; position i of the part is record ``rows[i]``.
    """

    def __init__(self, images: Tensor, labels: Tensor, rows: Tensor) -> None:
        self.images = images
        self.labels = labels
        self.rows = rows

    def __len__(self) -> int:
        """Number of samples of the part."""
        return len(self.rows)

    def __getitem__(self, positions: list[int]) -> Batch:
        """Fetch the batch at ``positions`` of the part; its ``index`` are positions in the records."""
        rows = self.rows[positions]
        return {"image": self.images[rows], "label": self.labels[rows], "index": rows}


def as_is(batch: Batch) -> Batch:
    """Collate nothing: the dataset already returned a batch."""
    return batch


class ResumableLoader:
    """MONAI's loader over whole batches, with the state that lets Lightning resume inside an epoch.

    Lightning calls ``set_epoch`` on :attr:`sampler`. The state counts batches *delivered*, so it is right with
    workers too, which draw from the sampler ahead of time.

    Args:
        dataset: fetches a batch by one list of positions.
        batches: which positions, in what order.
        num_workers: loader processes.
    """

    def __init__(self, dataset: ArrayDataset, batches: EpochBatchSampler, num_workers: int = 0) -> None:
        self.sampler = batches
        self.batch_sampler = None  # Lightning reads both attributes of whatever has the first
        self._loader = DataLoader(
            dataset,
            num_workers=num_workers,
            sampler=batches,
            batch_size=None,
            collate_fn=as_is,
            generator=torch.Generator(),  # its own: the base seed would otherwise be drawn from the global one
        )
        self._delivered = 0

    def __len__(self) -> int:
        """Number of batches of a whole epoch."""
        return len(self.sampler)

    def __iter__(self) -> Iterator[Batch]:
        """Yield the batches of the sampler's epoch from its position on."""
        self._delivered = self.sampler.start
        for batch in self._loader:
            self._delivered += 1
            yield batch

    def state_dict(self) -> dict[str, int]:
        """Return the sampler's state with the number of batches delivered in this epoch."""
        return {**self.sampler.state_dict(), "position": self._delivered}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on after the batches that ``state`` says were delivered."""
        self.sampler.load_state_dict(state)
        self._delivered = state["position"]
