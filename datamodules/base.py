"""Base of the papers' datamodules: read records, split them by patient, check, preprocess, load batches.

A paper's datamodule says where its records come from, how they are preprocessed and split, and in what order they
are trained on. The checks (finite pixels, both classes, no shared patient) and the loaders that resume are here.
"""

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from monai.transforms import Compose
from torch import Tensor

from medrepro.datamodules.loader import ArrayDataset, ResumableLoader
from medrepro.datamodules.records import Records
from medrepro.datamodules.samplers import EpochBatchSampler, RandomBatchSampler, ShardSampler
from medrepro.datamodules.splits import Indices, Split, check_classes, check_disjoint, image_split
from medrepro.datamodules.support.errors import InputError


def data_folder(data_root: str | None) -> Path:
    """Return the folder that ``--data-root`` names; the current one without it."""
    return Path(data_root or ".").expanduser()


class ReproDataModule(pl.LightningDataModule):
    """Shared by all papers.

    Args:
        batch_size: global batch: with several devices each takes its share of it.
        eval_batch_size: samples per step outside training.
        num_workers: loader processes; 0 is fastest for arrays in memory on a CPU.
        seed: of the split and of the order of batches.
        leaky_split: ignore patients when splitting. Exists only to measure what that inflates; results say ``leaky``.
        shuffle_labels: permute labels between patients' lesions before training (the leak test's control).
    """

    def __init__(
        self,
        batch_size: int,
        eval_batch_size: int = 256,
        num_workers: int = 0,
        seed: int = 0,
        leaky_split: bool = False,
        shuffle_labels: bool = False,
    ) -> None:
        super().__init__()
        if batch_size < 2:
            raise InputError(f"batch size {batch_size}: batch normalisation and batch losses need at least 2")
        self.batch_size = batch_size
        self.eval_batch_size = eval_batch_size
        self.num_workers = num_workers
        self.seed = seed
        self.leaky_split = leaky_split
        self.shuffle_labels = shuffle_labels
        self.records: Records
        self.parts: Split
        self.images: Tensor
        self.labels: Tensor

    @abstractmethod
    def load_records(self) -> Records:
        """Read the data, from the cache where there is one."""

    @abstractmethod
    def split(self, records: Records) -> Split:
        """Divide the records by patient into training, validation and test."""

    @abstractmethod
    def preprocess(self) -> Compose:
        """Return the deterministic preprocessing, applied once to all images: source units to [0, 1]."""

    def train_sampler(self, rank: int, world_size: int) -> EpochBatchSampler:
        """Return the order of batches over the positions of the training part; a plain shuffle unless overridden."""
        return RandomBatchSampler(len(self.parts.train), self.batch_size, self.seed, rank, world_size)

    def baseline_columns(self) -> Mapping[str, str]:
        """Return the trivial baselines: name -> column of the records' table that predicts alone."""
        return {}

    def prepare_data(self) -> None:
        """Fill the cache, in one process only."""
        self.load_records()

    def setup(self, stage: str | None = None) -> None:
        """Load, split, check, preprocess; a second call does nothing.

        Raises:
            InputError: a patient on two sides, a part without a class, a non-finite pixel.
        """
        del stage
        if hasattr(self, "images"):
            return
        records = self.load_records()
        records.check_finite()
        parts = self.split(records)
        if self.leaky_split:
            parts = parts if parts.leaky else image_split(parts, self.seed)
        else:
            check_disjoint(records.patients, train=parts.train, val=parts.val, test=parts.test)
        self.records = _permute_labels(records, self.seed) if self.shuffle_labels else records
        check_classes(self.records.labels, parts, records.classes)
        self.parts = parts
        self.images = self._images(records)
        self.labels = torch.from_numpy(self.records.labels.copy())

    def _images(self, records: Records) -> Tensor:
        """Preprocess all images at once to float32 ``(N, C, *spatial)``."""
        images: Any = self.preprocess()(np.array(records.images))  # a copy: the cache is mapped read-only
        return torch.as_tensor(np.asarray(images), dtype=torch.float32).contiguous()

    def train_dataloader(self) -> ResumableLoader:
        """Return training batches of this rank; the ranks together make the global batch."""
        return self._loader(self.parts.train, self.train_sampler(*self._rank()))

    def val_dataloader(self) -> ResumableLoader | list[ResumableLoader]:
        """Return validation batches of this rank, un-padded: no sample is counted twice. None held out, none loaded."""
        if len(self.parts.val) == 0:
            return []
        rank, world_size = self._rank()
        return self._loader(self.parts.val, ShardSampler(len(self.parts.val), self.eval_batch_size, rank, world_size))

    def eval_loader(self, index: Indices) -> ResumableLoader:
        """Return the records at ``index``, once each, in that order, on this one process."""
        return self._loader(index, ShardSampler(len(index), self.eval_batch_size))

    def _loader(self, index: Indices, batches: EpochBatchSampler) -> ResumableLoader:
        return ResumableLoader(
            ArrayDataset(self.images, self.labels, torch.from_numpy(index)), batches, self.num_workers
        )

    def _rank(self) -> tuple[int, int]:
        return (self.trainer.global_rank, self.trainer.world_size) if self.trainer is not None else (0, 1)


def _permute_labels(records: Records, seed: int) -> Records:
    """Permute labels between lesions (``nodule_id`` if known, else patients); samples of one lesion keep one label."""
    unit = "nodule_id" if "nodule_id" in records.table.columns else "patient_id"
    table = records.table.copy()
    first = table.groupby(unit, sort=True)["label"].first()
    shuffled = first.to_numpy()[np.random.default_rng([seed, 11]).permutation(len(first))]
    table["label"] = table[unit].map(dict(zip(first.index, shuffled, strict=True))).astype(np.int64)
    return Records(**{**vars(records), "table": table})
