"""The one module base: what every paper's training step, validation and prediction have in common.

In: batches from a :class:`~medrepro.datamodules.base.ReproDataModule`; out: a loss a step, metrics an epoch, and class
probabilities. A paper's module adds its network, its loss and its optimiser, and nothing else.
"""

from abc import abstractmethod
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.nn import functional
from torchmetrics import MeanMetric, MetricCollection
from torchmetrics.classification import (
    BinaryAccuracy,
    BinaryAUROC,
    BinaryRecall,
    BinarySpecificity,
    MulticlassAccuracy,
    MulticlassAUROC,
    MulticlassF1Score,
)

from medrepro.datamodules.augment import BatchAugment
from medrepro.datamodules.loader import Batch

SEED_STRIDE = 1_000_003  # a prime: (seed, step, rank) never meet below a million steps


def step_seed(seed: int, step: int, rank: int = 0) -> int:
    """Return the seed of one training step on one rank; the same run, resumed anywhere, draws the same numbers."""
    return (seed * SEED_STRIDE + step) * 1024 + rank


def classification_metrics(num_classes: int) -> MetricCollection:
    """Return AUC, accuracy, sensitivity and specificity (two classes), or macro AUC, accuracy, F1 (more).

    Feed probabilities, never logits: torchmetrics applies a sigmoid to any batch that leaves [0, 1].
    """
    if num_classes == 2:
        return MetricCollection(
            {"auc": BinaryAUROC(), "acc": BinaryAccuracy(), "se": BinaryRecall(), "sp": BinarySpecificity()}
        )
    return MetricCollection(
        {
            "auc": MulticlassAUROC(num_classes),
            "acc": MulticlassAccuracy(num_classes, average="micro"),
            "f1": MulticlassF1Score(num_classes, average="macro"),
        }
    )


class ReproModule(pl.LightningModule):
    """Shared by all papers.

    Args:
        num_classes: K, at least 2.
        seed: of dropout and augmentation; with the step number it determines both.
        augment: random augmentation of training batches, on the device; None for none.
        channels_last: keep 2-D images and convolutions in NHWC memory order (20-45 % faster on CPUs).
    """

    def __init__(
        self, num_classes: int, seed: int = 0, augment: BatchAugment | None = None, channels_last: bool = False
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.seed = seed
        self.augment = augment
        self.memory_format = torch.channels_last if channels_last else torch.contiguous_format
        self.train_loss_mean = MeanMetric()
        self.val_loss_mean = MeanMetric()
        self.val_metrics = classification_metrics(num_classes)

    @abstractmethod
    def logits(self, images: Tensor) -> Tensor:
        """Return class logits (N, K) of images (N, C, *spatial)."""

    @abstractmethod
    def batch_loss(self, images: Tensor, labels: Tensor) -> Tensor:
        """Return the training loss of one batch; exact under DDP (local sum / global count x world size)."""

    def probabilities(self, images: Tensor) -> Tensor:
        """Return class probabilities (N, K) of images (N, C, *spatial), each row summing to 1."""
        return functional.softmax(self.logits(images.contiguous(memory_format=self.memory_format)).float(), dim=1)

    def setup(self, stage: str) -> None:
        """Put convolution weights into the memory order of the images.

        Before DDP wraps the module: its gradient buckets keep the order they saw, and would silently mix up gradients.
        """
        del stage
        if self.memory_format is torch.channels_last:
            nn.Module.to(self, memory_format=self.memory_format)

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Make this step's random draws a function of (seed, global step, rank)."""
        del batch, batch_idx
        torch.manual_seed(step_seed(self.seed, self.global_step, self.global_rank))

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Augment, run and return the loss of one batch of images (N, C, *spatial)."""
        del batch_idx
        images = batch["image"]
        if self.augment is not None:
            images = self.augment(images, batch["index"], step_seed(self.seed, self.global_step))
        loss = self.batch_loss(images.contiguous(memory_format=self.memory_format), batch["label"])
        self.train_loss_mean.update(loss.detach())  # the mean over ranks is the global batch's, by their scaling
        self.log("train/loss", self.train_loss_mean, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Collect cross-entropy and probabilities of one batch; computed once over all ranks at the epoch's end."""
        del batch_idx
        probabilities = self.probabilities(batch["image"])
        loss = functional.nll_loss(probabilities.clamp_min(1e-12).log(), batch["label"])
        self.val_loss_mean.update(loss, weight=len(batch["label"]))
        scores = probabilities[:, 1] if self.num_classes == 2 else probabilities
        self.val_metrics.update(scores, batch["label"])

    def on_validation_epoch_end(self) -> None:
        """Log the validation loss (cross-entropy, whatever was trained on) and metrics over all samples."""
        metrics: dict[str, Any] = {f"val/{name}": value for name, value in self.val_metrics.compute().items()}
        self.log_dict({"val/loss": self.val_loss_mean.compute(), **metrics})
        self.val_loss_mean.reset()
        self.val_metrics.reset()

    def predict_step(self, batch: Batch, batch_idx: int) -> dict[str, Tensor]:
        """Return positions ``index`` (N,) and ``probabilities`` (N, K) of one batch."""
        del batch_idx
        return {"index": batch["index"], "probabilities": self.probabilities(batch["image"])}
