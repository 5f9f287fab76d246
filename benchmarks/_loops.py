"""Four ways to train the same network on the same images, for throughput.py to time.

In: a :class:`Work`; out: the clock at each epoch's end, so that the time between two of them is a whole epoch with
everything that a user waits for: starting workers, logging, checkpoints. All use Adam and the mixed loss.
"""

import contextlib
import io
import math
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import pytorch_lightning as pl
import torch
from monai.data import CacheDataset
from monai.data import DataLoader as MonaiLoader
from monai.transforms import Compose, EnsureTyped, RandFlipd, RandRotated
from torch import Tensor
from torch.optim import Adam, Optimizer
from torch.utils.data import DataLoader, TensorDataset

from medrepro.datamodules.augment import BatchAugment
from medrepro.datamodules.loader import ArrayDataset, ResumableLoader
from medrepro.datamodules.samplers import RandomBatchSampler
from medrepro.lightning_modules.egfr import EGFRModule
from medrepro.lightning_modules.losses.mixed import MixedLoss
from medrepro.lightning_modules.networks.egfr import Backbone, EGFRNet, Scale
from medrepro.reproduce.plan.cell import Cell, Runtime
from medrepro.reproduce.run.callbacks import AtomicCheckpoint, History
from medrepro.reproduce.run.training import build_trainer

TUTORIAL_WORKERS = 2
LR, WEIGHT_DECAY = 1e-4, 1e-8


@dataclass(frozen=True)
class Work:
    """What is trained: images (N, 1, 64, 64) in [0, 1], labels (N,), and how."""

    images: Tensor
    labels: Tensor
    backbone: Backbone
    scale: Scale
    batch_size: int
    epochs: int
    augmented: bool
    accelerator: Literal["cpu", "gpu"]
    precision: str = "32-true"
    channels_last: bool = True
    compiled: bool = False

    @property
    def device(self) -> torch.device:
        """Where the network is trained."""
        return torch.device("cuda" if self.accelerator == "gpu" else "cpu")


Loop = Callable[[Work], list[float]]


def now(device: torch.device) -> float:
    """Return the clock in seconds once the device has finished its work."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


class EpochClock(pl.Callback):
    """Note when each training epoch ends."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.ends: list[float] = []

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Append the time."""
        del trainer, pl_module
        self.ends.append(now(self.device))


def ours(work: Work) -> list[float]:
    """Train as ``reproduce/egfr.py`` does: its module, loader, trainer, history and checkpoints."""
    train = {"epochs": work.epochs, "precision": work.precision, "select": "last"}
    config = {"module": {}, "data": {}, "train": train}
    module = EGFRModule(work.backbone, work.scale, augmented=work.augmented, channels_last=work.channels_last)
    dataset = ArrayDataset(work.images, work.labels, torch.arange(len(work.labels)))
    clock = EpochClock(work.device)
    with tempfile.TemporaryDirectory() as folder:
        runtime = Runtime(accelerator=work.accelerator)
        cell = Cell("egfr", "throughput", "ours", "", 0, 0, "quick", config, folder, runtime=runtime)
        cell.work_dir.mkdir(parents=True)
        history = History(lambda *_: None, lambda: False)
        trainer = build_trainer(cell, [history, AtomicCheckpoint(cell.work_dir, runtime.checkpoint_every), clock])
        if work.compiled:
            module.network.compile()  # what the steps call; Lightning calls no module
        trainer.fit(module, ResumableLoader(dataset, RandomBatchSampler(len(work.labels), work.batch_size)))
    return clock.ends


def bare(work: Work) -> list[float]:
    """Nothing but the steps: one indexing a batch, NHWC memory, no framework."""
    network = EGFRNet(work.backbone, work.scale).to(work.device).to(memory_format=torch.channels_last)
    augment = BatchAugment(rotation=180.0)
    loss, optimizer = MixedLoss(), Adam(network.parameters(), LR, weight_decay=WEIGHT_DECAY, fused=True)
    images, labels = work.images.to(work.device), work.labels.to(work.device)
    ends = []
    for epoch in range(work.epochs):
        for rows in torch.split(torch.randperm(len(labels), device=work.device), work.batch_size):
            batch = augment(images[rows], rows, epoch) if work.augmented else images[rows]
            optimizer.zero_grad()
            features, logits = network(batch.contiguous(memory_format=torch.channels_last))
            loss(features, logits, labels[rows]).backward()
            optimizer.step()
        ends.append(now(work.device))
    return ends


def naive(work: Work) -> list[float]:
    """The loop of a first tutorial: a loader that stacks samples, PyTorch's own memory order."""
    network = EGFRNet(work.backbone, work.scale).to(work.device)
    augment = BatchAugment(rotation=180.0)
    loss, optimizer = MixedLoss(), Adam(network.parameters(), LR, weight_decay=WEIGHT_DECAY, fused=True)
    dataset = TensorDataset(work.images, work.labels, torch.arange(len(work.labels)))
    loader = DataLoader(dataset, batch_size=work.batch_size, shuffle=True)
    ends = []
    for epoch in range(work.epochs):
        for images, labels, rows in loader:
            images, labels, rows = images.to(work.device), labels.to(work.device), rows.to(work.device)
            if work.augmented:
                images = augment(images, rows, epoch)
            optimizer.zero_grad()
            features, logits = network(images)
            loss(features, logits, labels).backward()
            optimizer.step()
        ends.append(now(work.device))
    return ends


class TutorialModule(pl.LightningModule):
    """A LightningModule as tutorials write it."""

    def __init__(self, work: Work) -> None:
        super().__init__()
        self.network = EGFRNet(work.backbone, work.scale)
        self.loss = MixedLoss()

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """Return and log the loss of images (N, 1, H, W)."""
        del batch_idx
        features, logits = self.network(batch["image"])
        loss: Tensor = self.loss(features, logits, batch["label"])
        self.log("train_loss", loss, prog_bar=True)
        return loss

    def configure_optimizers(self) -> Optimizer:
        """Adam."""
        return Adam(self.parameters(), LR, weight_decay=WEIGHT_DECAY)


def tutorial(work: Work) -> list[float]:
    """The usual pipeline: MONAI's CacheDataset, per-sample transforms, two workers, Lightning's defaults."""
    random = [
        RandFlipd("image", prob=0.5, spatial_axis=0),
        RandFlipd("image", prob=0.5, spatial_axis=1),
        RandRotated("image", range_x=math.pi, prob=1.0, padding_mode="border"),
    ]
    transform = Compose([EnsureTyped(["image"]), *(random if work.augmented else [])])
    items = [{"image": image, "label": int(label)} for image, label in zip(work.images, work.labels, strict=True)]
    dataset = CacheDataset(items, transform, progress=False)
    loader = MonaiLoader(dataset, batch_size=work.batch_size, shuffle=True, num_workers=TUTORIAL_WORKERS)
    clock = EpochClock(work.device)
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        trainer = pl.Trainer(
            max_epochs=work.epochs,
            accelerator=work.accelerator,
            devices=1,
            callbacks=[clock],
            default_root_dir=folder,
        )
        trainer.fit(TutorialModule(work), loader)
    return clock.ends
