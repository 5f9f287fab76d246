"""ResNet-MLB: a 2-D network trained on cross-entropy and the similarity of the samples in a batch (egfr paper).

In: 64 x 64 CT patches and EGFR status (or what stands in for it); out: class probabilities. Sec. 2 and 3.1.2.
"""

from typing import Literal

from pytorch_lightning.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.optim import Adam
from torch.optim.lr_scheduler import CosineAnnealingLR

from medrepro.datamodules.augment import BatchAugment
from medrepro.lightning_modules.base import ReproModule
from medrepro.lightning_modules.losses.metric_learning import LiftedCrossEntropyLoss, TripletCrossEntropyLoss
from medrepro.lightning_modules.losses.mixed import MixedLoss
from medrepro.lightning_modules.networks.egfr import EGFRNet

Backbone = Literal["vgg16", "resnet18", "resnet34", "resnet50", "densenet"]
LossName = Literal["ce", "ctl", "cil", "ml"]
NUM_CLASSES = 2


def table6_loss(name: LossName, beta: float, gamma: float, margin: float) -> nn.Module:
    """Return one of Table 6's four losses, all called ``loss(features, logits, labels)``."""
    if name == "ctl":
        return TripletCrossEntropyLoss(weight=gamma)
    if name == "cil":
        return LiftedCrossEntropyLoss(weight=gamma)
    return MixedLoss(beta, gamma if name == "ml" else 0.0, margin)


class EGFRModule(ReproModule):
    """The paper's model and its competitors.

    Args:
        backbone: one of Table 4's networks.
        scale: ``paper`` has Table 4's parameter counts, ``standard`` is timm's network, ``quick`` a narrow one.
        loss: cross-entropy, with triplet (CTL) or lifted structure (CIL), or the mixed loss (ML).
        beta: weight of the cross-entropy.
        gamma: weight of the batch similarity loss, and of CTL's and CIL's metric loss.
        margin: q of Eq. 8.
        lr: learning rate.
        weight_decay: L2 penalty of Adam.
        schedule: constant learning rate, or cosine decay to 0 over ``epochs``.
        epochs: length of the training, for the schedule.
        augmented: flips and random rotation of training patches.
        channels_last: see :class:`ReproModule`.
        seed: see :class:`ReproModule`.
    """

    def __init__(
        self,
        backbone: Backbone = "resnet34",  # Sec. 3.4: the best
        scale: Literal["paper", "standard", "quick"] = "paper",  # Table 4
        loss: LossName = "ml",  # Sec. 2.2
        beta: float = 1.0,  # Sec. 3.1.2
        gamma: float = 0.5,  # Sec. 3.1.2
        margin: float = 0.5,  # assumed: q is in [0, 1], its value is not printed
        lr: float = 1e-4,  # Sec. 3.1.2
        weight_decay: float = 1e-8,  # Sec. 3.1.2
        schedule: Literal["constant", "cosine"] = "constant",  # Sec. 3.1.2
        epochs: int = 50,  # assumed: not printed
        augmented: bool = True,  # Sec. 3.1.2
        channels_last: bool = True,  # ours: the same numbers, faster
        seed: int = 0,
    ) -> None:
        augment = BatchAugment(spatial_dims=2, flips=(0, 1), rotation=180.0) if augmented else None  # Sec. 3.1.2
        super().__init__(NUM_CLASSES, seed=seed, augment=augment, channels_last=channels_last)
        self.save_hyperparameters()
        self.network = EGFRNet(backbone, scale=scale, num_classes=NUM_CLASSES)
        self.loss = table6_loss(loss, beta, gamma, margin)
        self.lr = lr
        self.weight_decay = weight_decay
        self.schedule = schedule
        self.epochs = epochs

    def logits(self, images: Tensor) -> Tensor:
        """Return logits (N, 2) of patches (N, 1, 64, 64) in [0, 1]."""
        result: Tensor = self.network(images)[1]
        return result

    def batch_loss(self, images: Tensor, labels: Tensor) -> Tensor:
        """Return Eq. 11 of patches (N, 1, 64, 64) with labels (N,)."""
        features, logits = self.network(images)
        result: Tensor = self.loss(features, logits, labels)
        return result

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Adam, Sec. 3.1.2."""
        optimizer = Adam(self.parameters(), lr=self.lr, weight_decay=self.weight_decay, fused=True)
        if self.schedule == "constant":
            return optimizer
        return {"optimizer": optimizer, "lr_scheduler": CosineAnnealingLR(optimizer, self.epochs)}
