"""Each paper's module and datamodule on a few seeded samples, and one epoch of them on one or several ranks.

In: a key and a number of devices; out: losses, weights, validation metrics and what was validated, as plain values. In
the gloo pool every rank calls :func:`fit`; Lightning finds the process group that is there.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pytorch_lightning as pl
import torch
import torch.distributed as dist
from pytorch_lightning.callbacks import Callback
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from medrepro.datamodules.base import ReproDataModule
from medrepro.datamodules.cellline import CellLineDataModule
from medrepro.datamodules.egfr import EGFRDataModule
from medrepro.datamodules.multiscale import MultiScaleDataModule
from medrepro.datamodules.quadsnet import QuadSNetDataModule
from medrepro.datamodules.records import Records
from medrepro.datamodules.segradcam import SEGradCAMDataModule
from medrepro.lightning_modules.base import ReproModule
from medrepro.lightning_modules.cellline import CellLineModule
from medrepro.lightning_modules.egfr import EGFRModule
from medrepro.lightning_modules.multiscale import MultiScaleModule
from medrepro.lightning_modules.quadsnet import QuadSNetModule
from medrepro.lightning_modules.segradcam import SEGradCAMModule
from medrepro.reproduce.plan.cell import Cell, Runtime
from medrepro.reproduce.run.training import build_trainer
from tests.reproduce._fit import FrozenNorm

BATCH = 9  # over two ranks: 5 and 4
SAMPLES_EACH = 9  # as many as a batch: no batch is cut short, which two ranks would share out otherwise


def samples(shape: tuple[int, ...], low: float, high: float, patients: int = 14) -> Records:
    """Noise in [low, high] whose brightness leans towards the class; every patient has nine samples of one class."""
    rng = np.random.default_rng(7)
    owner = np.repeat(np.arange(patients), SAMPLES_EACH)
    label = (owner % 2).astype(np.int64)
    lean = 0.2 * label.reshape(-1, *[1] * len(shape))
    images = low + (high - low) * (0.8 * rng.random((len(owner), *shape)) + lean)
    table = pd.DataFrame(
        {
            "sample_id": [f"s{i}" for i in range(len(owner))],
            "patient_id": [f"p{i}" for i in owner],
            "nodule_id": [f"n{i}" for i in range(len(owner))],
            "label": label,
            "cohort": "made up",
            "split": "",
        }
    )
    images = images.astype(np.float32) if low < 0 else images.astype(np.uint8)
    return Records(images, table, "five", "made up", "brightness", "none", ("dark", "bright"))


class EGFRData(EGFRDataModule):
    def load_records(self) -> Records:
        return samples((1, 16, 16), -1000, 400)


class MultiScaleData(MultiScaleDataModule):
    def load_records(self) -> Records:
        return samples((1, 8, 8, 8), -1000, 400)


class CellLineData(CellLineDataModule):
    def load_records(self) -> Records:
        return samples((3, 32, 32), 0, 255)


class SEGradCAMData(SEGradCAMDataModule):
    def load_records(self) -> Records:
        return samples((1, 32, 32, 32), -1200, 600)


class QuadSNetData(QuadSNetDataModule):
    def load_records(self) -> Records:
        return samples((1, 16, 16), 0, 255)


PAPERS: dict[str, tuple[Callable[[], ReproModule], Callable[[], ReproDataModule]]] = {
    "egfr": (
        lambda: EGFRModule("resnet18", scale="quick"),  # the mixed loss on the paper's clustered batches
        lambda: EGFRData(batch_size=BATCH, val_fraction=0.2),
    ),
    "multiscale": (
        lambda: MultiScaleModule("ifm", 32, width=0.25, lr=1e-4),  # the AUC loss
        lambda: MultiScaleData(scale=32, voxel_mm=4.0, cube_mm=32, batch_size=BATCH),
    ),
    "cellline": (
        lambda: CellLineModule(2, backbone="test_resnet", freeze="none", lr_backbone=1e-5),
        lambda: CellLineData(augment="none", image_size=32, folds=5, batch_size=BATCH),
    ),
    "segradcam": (
        lambda: SEGradCAMModule(design="bottleneck", widths=[4, 4, 8, 8], early_pool=True),
        lambda: SEGradCAMData(folds=5, val_fraction=0.2, batch_size=BATCH),
    ),
    "quadsnet": (
        lambda: QuadSNetModule(1, 2, widths=[4, 4, 8, 8], class_counts=[25, 29]),  # the weighted margin
        lambda: QuadSNetData(val_fraction=0.2, batch_size=BATCH),
    ),
}


@dataclass
class Fitted:
    """What one rank saw."""

    losses: list[float] = field(default_factory=list)
    batches: list[list[int]] = field(default_factory=list)
    validated: list[int] = field(default_factory=list)
    metrics: dict[str, float] = field(default_factory=dict)
    weights: dict[str, np.ndarray[Any, Any]] = field(default_factory=dict)
    held_out: list[int] = field(default_factory=list)


class Watch(Callback):
    """Write down what each step trained on and each validation step looked at."""

    def __init__(self, seen: Fitted) -> None:
        self.seen = seen

    def on_train_batch_end(self, trainer: pl.Trainer, module: pl.LightningModule, *given: Any) -> None:
        outputs, batch, _ = given
        self.seen.losses.append(float(outputs["loss"]))
        self.seen.batches.append(batch["index"].tolist())

    def on_validation_batch_end(self, trainer: pl.Trainer, module: pl.LightningModule, *given: Any) -> None:
        self.seen.validated += given[1]["index"].tolist()


def fit(key: str, devices: int, folder: str) -> Fitted:
    """Train one epoch of a paper with Lightning on ``devices`` ranks, of which this process is one."""
    make, make_data = PAPERS[key]
    config = {"module": {}, "data": {}, "train": {"epochs": 1, "precision": "64-true", "select": "last"}}
    cell = Cell(key, "five", "five", "five", 0, 0, "smoke", config, folder, runtime=Runtime(devices=devices))
    cell.work_dir.mkdir(parents=True, exist_ok=True)
    pl.seed_everything(0, verbose=False)
    module, data, seen = make(), make_data(), Fitted()
    data.setup()
    settle(module, data)
    data.eval_batch_size = 2  # several batches a rank, the last one uneven
    with _one_of(devices):
        trainer = build_trainer(cell, [FrozenNorm(), Watch(seen)])
        trainer.fit(module, data)
    seen.metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
    seen.weights = {name: value.detach().numpy().copy() for name, value in module.state_dict().items()}
    seen.held_out = data.parts.val.tolist()
    return seen


@torch.no_grad()
def settle(module: ReproModule, data: ReproDataModule) -> None:
    """Take BatchNorm's statistics from the training part, to be kept as they are, and leave dropout out.

    With the statistics of a new network hardly anything would reach its output, and rounding would rank the samples.
    """
    rows = torch.from_numpy(data.parts.train)
    for layer in module.modules():
        if isinstance(layer, _BatchNorm):
            layer.momentum = 1.0
        elif isinstance(layer, _DropoutNd):
            layer.p = 0.0
    module.train()
    module.logits(data.images[rows].contiguous(memory_format=module.memory_format))


@contextmanager
def _one_of(devices: int) -> Iterator[None]:
    """Tell Lightning which rank this process is, as a launcher would."""
    before = dict(os.environ)
    if devices > 1:
        os.environ |= {"LOCAL_RANK": str(dist.get_rank()), "NODE_RANK": "0", "WORLD_SIZE": str(devices)}
    threads = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        os.environ.clear()
        os.environ |= before
