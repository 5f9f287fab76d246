"""Order samples into batches: shuffled, balanced over clusters, or in shards for evaluation.

Use a sampler as ``DataLoader(dataset, sampler=batches, batch_size=None)``: Lightning then calls ``set_epoch`` on
it, and a batch is fetched by one indexing. As a ``batch_sampler`` it works too, through its ``.sampler``.

The order is a pure function of (seed, epoch). ``batch_size`` is that of the *global* batch, which the ranks
partition; shards may differ by one sample and are never empty.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Literal, Self

import numpy as np
import numpy.typing as npt
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from torch.utils.data import Sampler

from medrepro.datamodules.support.errors import InputError

Positions = npt.NDArray[np.int64]
Labels = npt.NDArray[np.int64]
COMPONENTS = 50  # assumed: the paper clusters "the CT images" and says no more


class EpochBatchSampler(Sampler[list[int]], ABC):
    """Batches of an epoch, resumable inside it.

    ``state_dict`` is ``{"epoch", "position"}``: position counts the global batches handed out. After
    ``load_state_dict`` the next iteration yields the epoch's remaining batches, on any number of ranks.

    Args:
        samples: N; positions are 0 .. N-1.
        batch_size: samples of a global batch.
        seed: with the epoch, it fixes the order.
        rank: which part of each batch to yield.
        world_size: number of ranks.

    Raises:
        InputError: a rank would get an empty share, or the rank is not one of the ranks.
    """

    smallest_share = 2  # a rank's share of the tail: one sample breaks batch normalisation

    def __init__(self, samples: int, batch_size: int, seed: int = 0, rank: int = 0, world_size: int = 1) -> None:
        if not 0 <= rank < world_size:
            raise InputError(f"rank {rank} is not in 0 .. {world_size - 1}")
        if min(samples, batch_size) < world_size:
            raise InputError(
                f"batches of {batch_size} from {samples} samples leave one of {world_size} devices without "
                "a sample; use a larger batch or fewer devices"
            )
        self.samples = samples
        self.batch_size = batch_size
        self.seed = seed
        self.rank = rank
        self.world_size = world_size
        self.epoch = 0
        self.start = 0  # the batch at which the next iteration begins: 0 unless a state was loaded
        self._position = 0

    @abstractmethod
    def global_batches(self, epoch: int) -> list[Positions]:
        """Return the batches of an epoch before ranks share them: a pure function of (seed, epoch)."""

    def __len__(self) -> int:
        """Return the number of batches of a whole epoch."""
        return len(self._batch_sizes())

    def __iter__(self) -> Iterator[list[int]]:
        """Yield this rank's share of each remaining batch of the epoch; nothing is read before the first."""
        batches = self.global_batches(self.epoch)
        self._position, self.start = self.start, 0
        for batch in batches[self._position :]:
            self._position += 1
            yield batch[self.rank :: self.world_size].tolist()

    def set_epoch(self, epoch: int) -> None:
        """Go to an epoch; a new one starts at its beginning, the current one where it stands."""
        if epoch != self.epoch:
            self.epoch, self.start, self._position = epoch, 0, 0

    def state_dict(self) -> dict[str, int]:
        """Return the epoch and how many of its batches were handed out."""
        return {"epoch": self.epoch, "position": self._position}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Let the next iteration go on from ``state``.

        Raises:
            InputError: the position lies outside the epoch, so the state belongs to other data.
        """
        if not 0 <= state["position"] <= len(self):
            raise InputError(
                f"the state stands at batch {state['position']} of an epoch of {len(self)}: it was saved "
                "with other data or another batch size; start afresh or restore those"
            )
        self.epoch = state["epoch"]
        self.start = self._position = state["position"]

    @property
    def sampler(self) -> Self:
        """This object: where Lightning looks for ``set_epoch`` on a batch sampler."""
        return self

    def _batch_sizes(self) -> list[int]:
        """Sizes of an epoch's batches: full ones, then the tail, or the last of them with it if too small."""
        full, tail = divmod(self.samples, self.batch_size)
        sizes = [self.batch_size] * full
        if full and 0 < tail < self.smallest_share * self.world_size:
            return [*sizes[:-1], self.batch_size + tail]
        return [*sizes, tail] if tail else sizes

    def _cut(self, order: Positions) -> list[Positions]:
        return np.split(order, np.cumsum(self._batch_sizes())[:-1])


class RandomBatchSampler(EpochBatchSampler):
    """Shuffled batches, every sample once per epoch: the egfr paper's "random selection" (RS, Sec. 3.3)."""

    def global_batches(self, epoch: int) -> list[Positions]:
        """Return a permutation of all positions, cut into batches."""
        return self._cut(np.random.default_rng([self.seed, epoch]).permutation(self.samples))


class ShardSampler(EpochBatchSampler):
    """Batches in order for evaluation: the ranks share the samples without padding, none is counted twice.

    Ranks have equally many batches; a tail too small to give each rank a sample joins the batch before it.

    Args:
        samples: N; positions are 0 .. N-1.
        batch_size: samples of *one rank's* batch.
        rank: which part of each batch to yield.
        world_size: number of ranks.
    """

    smallest_share = 1

    def __init__(self, samples: int, batch_size: int, rank: int = 0, world_size: int = 1) -> None:
        super().__init__(samples, batch_size * world_size, 0, rank, world_size)

    def global_batches(self, epoch: int) -> list[Positions]:
        """Return all positions in order, cut into batches; every epoch is alike."""
        del epoch
        return self._cut(np.arange(self.samples))


class ClusterBatchSampler(EpochBatchSampler):
    """Batches that draw from every cluster of every class: the egfr paper's "batch training" (BT, Table 1).

    ``proportional`` (Sec. 3.2, Table 1 step 4): without replacement, every sample once per epoch, and every
    batch within one sample of the groups' proportions. ``equal`` (the other reading of Table 1 step 2):
    the same number from every group; smaller groups repeat, and the epoch ends when the largest is used up.

    Args:
        labels: class of each sample (N,).
        clusters: cluster of each sample within its class (N,).
        batch_size: n_b, at least one per group; a multiple of the number of groups for ``equal``.
        allocation: how a batch's seats are given to groups.
        seed: with the epoch, it fixes the order.
        rank: which part of each batch to yield.
        world_size: number of ranks.

    Raises:
        InputError: labels and clusters differ in length, or the batch size does not suit the groups.
    """

    def __init__(
        self,
        labels: npt.ArrayLike,
        clusters: npt.ArrayLike,
        batch_size: int = 36,  # Sec. 3.1.2
        allocation: Literal["proportional", "equal"] = "proportional",  # Sec. 3.2
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        keys = _paired(np.asarray(labels), np.asarray(clusters))
        super().__init__(len(keys), batch_size, seed, rank, world_size)
        _, group_of, counts = np.unique(keys, axis=0, return_inverse=True, return_counts=True)
        self.groups: list[Positions] = [np.flatnonzero(group_of.ravel() == g) for g in range(len(counts))]
        if batch_size < len(counts):
            raise InputError(f"a batch of {batch_size} cannot hold one sample of each of {len(counts)} groups")
        if allocation == "equal" and batch_size % len(counts):
            raise InputError(
                f"equal shares of {len(counts)} groups need a batch of a multiple of that, not {batch_size}"
            )
        self.allocation = allocation

    def global_batches(self, epoch: int) -> list[Positions]:
        """Return batches with their groups' samples mixed."""
        rng = np.random.default_rng([self.seed, epoch])
        drawn = self._proportional(rng) if self.allocation == "proportional" else self._equal(rng)
        return [rng.permutation(batch) for batch in drawn]

    def __len__(self) -> int:
        """Return the number of batches of a whole epoch."""
        if self.allocation == "proportional":
            return super().__len__()
        return -(-max(map(len, self.groups)) * len(self.groups) // self.batch_size)

    def _proportional(self, rng: np.random.Generator) -> list[Positions]:
        sizes = self._batch_sizes()
        seats = allocate_seats([len(group) for group in self.groups], sizes, self.batch_size, rng)
        ends = np.cumsum(seats, axis=0)[:-1]
        parts = [np.split(rng.permutation(group), ends[:, g]) for g, group in enumerate(self.groups)]
        return [np.concatenate(batch) for batch in zip(*parts, strict=True)]

    def _equal(self, rng: np.random.Generator) -> list[Positions]:
        share = self.batch_size // len(self.groups)
        columns = [_cycled(group, share * len(self), rng).reshape(len(self), share) for group in self.groups]
        return list(np.concatenate(columns, axis=1))


def allocate_seats(
    group_sizes: list[int], batch_sizes: list[int], full: int, rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Return how many samples of each group go to each batch, ``(batches, groups)``.

    Columns sum to the group sizes and rows to the batch sizes; each entry is within one of proportion. The
    last batch, if not ``full``, is allocated first (largest remainder). A full batch then takes
    floor(full x share) of each group, and its seats left go to the groups with most samples left over; ties
    and the batches' order are drawn by ``rng``.
    """
    counts = np.asarray(group_sizes)
    odd = [size for size in batch_sizes if size != full]
    last = [_largest_remainder(counts, size) for size in odd]
    batches = len(batch_sizes) - len(odd)
    floors = counts * full // counts.sum()
    left_over = counts - sum(last, np.zeros_like(counts)) - batches * floors
    rows = []
    for _ in range(batches):
        most = np.lexsort((rng.random(len(counts)), -left_over))[: full - floors.sum()]
        rows.append(floors.copy())
        rows[-1][most] += 1
        left_over[most] -= 1
    return np.array([rows[i] for i in rng.permutation(batches)] + last)


def _largest_remainder(counts: npt.NDArray[np.int64], seats: int) -> npt.NDArray[np.int64]:
    """Share ``seats`` in proportion to ``counts``: floors, then one each to the largest fractions."""
    shares, fractions = np.divmod(counts * seats, counts.sum())
    shares[np.argsort(-fractions, kind="stable")[: seats - shares.sum()]] += 1
    return shares


def _cycled(group: Positions, length: int, rng: np.random.Generator) -> Positions:
    """Return ``length`` draws: the whole group shuffled, then shuffled again, as often as needed."""
    rounds = -(-length // len(group))
    return np.concatenate([rng.permutation(group) for _ in range(rounds)])[:length]


def _paired(labels: Labels, clusters: Labels) -> npt.NDArray[np.int64]:
    if labels.ndim != 1 or labels.shape != clusters.shape:
        raise InputError(f"labels {labels.shape} and clusters {clusters.shape} must be two lists of equal length")
    return np.stack([labels, clusters], axis=1)


def cluster_within_classes(
    images: npt.NDArray[np.generic], labels: Labels, groups: int = 3, seed: int = 0
) -> npt.NDArray[np.int64]:
    """Cluster the images of each class by K-means on the principal components of their pixels.

    The components are those of all images; the clusters are not of equal size, although Table 1 says "several
    equal groups by clustering": K-means, which Sec. 3.2 names, does not make them so.

    Args:
        images: (N, ...) in any units, the same for all.
        labels: (N,) class of each image.
        groups: clusters per class; 3 in the paper (Sec. 3.2).
        seed: of K-means' starts and the randomised decomposition.

    Returns:
        (N,) cluster of each image within its class, 0 .. groups-1.

    Raises:
        InputError: a class has fewer images than clusters.
    """
    classes, counts = np.unique(labels, return_counts=True)
    if counts.min() < groups:
        scarce = classes[counts.argmin()]
        raise InputError(f"class {scarce} has {counts.min()} images, too few for {groups} clusters; use more data")
    pixels = np.asarray(images, dtype=np.float32).reshape(len(images), -1)
    components = PCA(min(COMPONENTS, *pixels.shape), random_state=seed).fit_transform(pixels)
    clusters = np.zeros(len(labels), dtype=np.int64)
    for label in classes:
        members = labels == label
        clusters[members] = KMeans(groups, n_init=10, random_state=seed).fit_predict(components[members])
    return clusters
