"""A module and a datamodule small enough to train in a second, on the real base classes.

Dropout, batch normalisation and augmentation are on, so that a resume that loses any random state is seen.
"""

import numpy as np
import pandas as pd
import torch
from monai.transforms import Compose, ScaleIntensityRange
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import Dataset

from medrepro.datamodules.augment import BatchAugment
from medrepro.datamodules.base import ReproDataModule
from medrepro.datamodules.records import Records
from medrepro.datamodules.splits import Split, fold_split
from medrepro.lightning_modules.base import ReproModule
from medrepro.lightning_modules.losses.mixed import MixedLoss

SIZE = 8


def toy_records(patients: int = 30, seed: int = 0) -> Records:
    rng = np.random.default_rng(seed)
    owner = np.repeat(np.arange(patients), 4)
    label = owner % 2
    images = rng.normal(size=(len(owner), 1, SIZE, SIZE)).astype(np.float32) + label[:, None, None, None]
    table = pd.DataFrame(
        {
            "sample_id": [f"s{i}" for i in range(len(owner))],
            "patient_id": [f"p{i}" for i in owner],
            "nodule_id": [f"n{i}" for i in range(len(owner))],
            "label": label.astype(np.int64),
            "cohort": "toy",
            "size": rng.random(len(owner)) + label,
        }
    )
    return Records(images, table, "toy", "made up", "shape", "none", ("round", "square"))


class Rows(Dataset[Tensor]):
    """A tensor's rows, by a number or by a list of numbers."""

    def __init__(self, values: Tensor) -> None:
        self.values = values

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, index: int | list[int]) -> Tensor:
        return self.values[index]


class ToyData(ReproDataModule):
    def __init__(self, batch_size: int = 8, seed: int = 0, leaky_split: bool = False, num_workers: int = 0) -> None:
        super().__init__(batch_size, eval_batch_size=7, seed=seed, leaky_split=leaky_split, num_workers=num_workers)
        self.source = toy_records()

    def load_records(self) -> Records:
        return self.source

    def split(self, records: Records) -> Split:
        return fold_split(records.labels, records.patients, 5, 0, 0.2, self.seed)

    def preprocess(self) -> Compose:
        return Compose([ScaleIntensityRange(a_min=-4, a_max=5, b_min=0.0, b_max=1.0)])

    def baseline_columns(self) -> dict[str, str]:
        return {"size": "size"}


class ToyModule(ReproModule):
    def __init__(self, seed: int = 0, dropout: float = 0.3, lr: float = 1e-2, augmented: bool = True) -> None:
        augment = BatchAugment(2, rotation=20.0, shift=1.0) if augmented else None
        super().__init__(2, seed=seed, augment=augment)
        self.save_hyperparameters()
        self.features = nn.Sequential(
            nn.Conv2d(1, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(),
            nn.Dropout(dropout), nn.Linear(24, 16), nn.ReLU(),
        )  # fmt: skip
        self.classifier = nn.Linear(16, 2)
        self.loss = MixedLoss()
        self.lr = lr

    def logits(self, images: Tensor) -> Tensor:
        result: Tensor = self.classifier(self.features(images))
        return result

    def batch_loss(self, images: Tensor, labels: Tensor) -> Tensor:
        features = functional.relu(self.features(images))
        result: Tensor = self.loss(features, self.classifier(features), labels)
        return result

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=self.lr)
