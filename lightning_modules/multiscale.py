"""The multi-scale paper's training: a scale, a network, a loss; and the ablation's segmentation.

In: crops of nodules in [0, 1]; out: class probabilities, or masks. Secs. 3.2 and 4 of seed 001. The ensemble of
three such modules (Eq. 4) has no weights to train but three numbers: ``reproduce/papers/multiscale/ensemble.py``.
"""

from typing import Any, Literal

import torch
from monai.metrics import compute_dice, compute_iou
from torch import Tensor, nn
from torch.optim import Adam
from torch.optim.lr_scheduler import CosineAnnealingLR, StepLR

from medrepro.datamodules.augment import BatchAugment
from medrepro.datamodules.loader import Batch
from medrepro.lightning_modules.base import ReproModule
from medrepro.lightning_modules.losses.auc_cross_entropy import ALPHA, AUCCrossEntropyLoss
from medrepro.lightning_modules.losses.dice_cross_entropy import DiceCrossEntropyLoss
from medrepro.lightning_modules.networks.das import DualBranchNet
from medrepro.lightning_modules.networks.ifm import IFM, IFMSegmenter
from medrepro.lightning_modules.networks.kiunet3d import KiUClassifier, KiUNet3D
from medrepro.lightning_modules.networks.light10 import Light10
from medrepro.lightning_modules.networks.unet3d import UNet3D, UNetClassifier

NetworkName = Literal["light10", "kiu-net", "das", "zi-net-oa", "zi-net-dt", "ifm", "u-net"]
SegmenterName = Literal["u-net", "kiu-net", "zi-net-oa", "zi-net-dt", "ifm"]
Schedule = Literal["step", "cosine"]
NUM_CLASSES = 2
STEP_EPOCHS, STEP_FACTOR = 30, 0.1  # Sec. 4.5: lr x 0.1 every 30 epochs
SHIFT = 2.0  # assumed: the paper translates, it does not say how far; voxels


def build_classifier(name: NetworkName, width: float = 1.0) -> nn.Module:
    """Return a network with one logit; ``width`` multiplies every number of channels (1: the documented counts)."""
    widths = tuple(round(width * channels) for channels in (16, 32, 64, 128))
    branch = round(width * 8)
    builders: dict[str, Any] = {
        "light10": lambda: Light10(widths),
        "kiu-net": lambda: KiUClassifier(branch, widths),
        "das": lambda: DualBranchNet(widths),
        "zi-net-oa": lambda: IFM(branch, widths, channels=("oa",)),
        "zi-net-dt": lambda: IFM(branch, widths, channels=("dt",)),
        "ifm": lambda: IFM(branch, widths),
        "u-net": lambda: UNetClassifier((branch, 2 * branch, 4 * branch, 8 * branch), widths),
    }
    network: nn.Module = builders[name]()
    return network


def build_segmenter(name: SegmenterName, width: float = 1.0) -> nn.Module:
    """Return a network with a logit a voxel; ``width`` as for :func:`build_classifier`."""
    widths = tuple(round(width * channels) for channels in (16, 32, 64, 128))
    branch = round(width * 8)
    builders: dict[str, Any] = {
        "u-net": lambda: UNet3D((branch, 2 * branch, 4 * branch, 8 * branch)),
        "kiu-net": lambda: KiUNet3D(2 * branch),
        "zi-net-oa": lambda: IFMSegmenter(branch, widths, channels=("oa",)),
        "zi-net-dt": lambda: IFMSegmenter(branch, widths, channels=("dt",)),
        "ifm": lambda: IFMSegmenter(branch, widths),
    }
    network: nn.Module = builders[name]()
    return network


def adam(module: nn.Module, lr: float, schedule: Schedule, epochs: int) -> dict[str, Any]:
    """Return Lightning's optimiser block: Adam with the paper's steps, or cosine decay over a short training."""
    optimizer = Adam(module.parameters(), lr=lr)
    if schedule == "cosine":
        return {"optimizer": optimizer, "lr_scheduler": CosineAnnealingLR(optimizer, epochs)}
    return {"optimizer": optimizer, "lr_scheduler": StepLR(optimizer, STEP_EPOCHS, STEP_FACTOR)}


def flips_and_shifts(on: bool) -> BatchAugment | None:
    """Return the paper's augmentation: mirror along each axis, translate."""
    return BatchAugment(spatial_dims=3, flips=(0, 1, 2), shift=SHIFT) if on else None  # Sec. 4.1


class MultiScaleModule(ReproModule):
    """One member of the ensemble: benign or malignant, from one scale.

    Args:
        network: which network; ``light10`` is MSCS-DeepLN's, ``ifm`` the paper's.
        scale: side of the crop in mm, which sets alpha unless it is given.
        loss: cross-entropy, or cross-entropy with the AUC term.
        alpha: weight of the AUC term; None takes the paper's for the scale.
        power: lambda of Eq. 12.
        width: factor on every number of channels.
        lr: learning rate.
        schedule: the paper's steps, or cosine decay to 0 over ``epochs``.
        epochs: length of the training, for the schedule.
        augmented: flips and translations of training crops.
        seed: see :class:`ReproModule`.
    """

    def __init__(
        self,
        network: NetworkName = "ifm",  # Sec. 3.2.5
        scale: Literal[32, 48, 64] = 64,  # Sec. 3.2.2
        loss: Literal["ce", "auc-ce"] = "auc-ce",  # Eq. 13
        alpha: float | None = None,  # Sec. 3.2.4: 0.5, 0.75, 1 at 32, 48, 64
        power: float = 2.0,  # assumed: not printed
        width: float = 1.0,
        lr: float = 1e-3,  # Table 3 (parameters)
        schedule: Schedule = "step",  # Sec. 4.5
        epochs: int = 120,  # Sec. 4.5; Table 3 says 30
        augmented: bool = True,  # Sec. 4.1
        seed: int = 0,
    ) -> None:
        super().__init__(NUM_CLASSES, seed=seed, augment=flips_and_shifts(augmented))
        self.save_hyperparameters()
        self.network = build_classifier(network, width)
        weight = ALPHA[scale] if alpha is None else alpha
        self.loss = AUCCrossEntropyLoss(weight if loss == "auc-ce" else 0.0, power)
        self.lr, self.schedule, self.epochs = lr, schedule, epochs

    def logits(self, images: Tensor) -> Tensor:
        """Return logits (N, 2) of crops (N, 1, R, R, R) in [0, 1]; benign's is 0, so softmax is the sigmoid."""
        malignant: Tensor = self.network(images)
        return torch.cat([torch.zeros_like(malignant), malignant], dim=1)

    def batch_loss(self, images: Tensor, labels: Tensor) -> Tensor:
        """Return Eq. 13 of crops (N, 1, R, R, R) with labels (N,)."""
        loss: Tensor = self.loss(self.network(images).squeeze(1), labels)
        return loss

    def configure_optimizers(self) -> Any:
        """Adam, Table 3 (parameters)."""
        return adam(self, self.lr, self.schedule, self.epochs)


class MultiScaleSegmenter(ReproModule):
    """The ablation: where is the nodule? Images carry their mask as a second channel, so both are augmented alike.

    Args:
        network: which network.
        loss: Dice and cross-entropy, or cross-entropy alone (the paper's row CEL, assumed).
        width: factor on every number of channels.
        lr: learning rate.
        schedule: the paper's steps, or cosine decay to 0 over ``epochs``.
        epochs: length of the training, for the schedule.
        augmented: flips and translations of training crops.
        seed: see :class:`ReproModule`.
    """

    def __init__(
        self,
        network: SegmenterName = "ifm",  # Sec. 4.6
        loss: Literal["dice-ce", "ce"] = "dice-ce",  # assumed
        width: float = 1.0,
        lr: float = 1e-3,  # Table 3 (parameters)
        schedule: Schedule = "step",  # Sec. 4.5
        epochs: int = 120,  # Sec. 4.5
        augmented: bool = True,  # Sec. 4.1
        seed: int = 0,
    ) -> None:
        super().__init__(NUM_CLASSES, seed=seed, augment=flips_and_shifts(augmented))
        self.save_hyperparameters()
        self.network = build_segmenter(network, width)
        self.loss = DiceCrossEntropyLoss(1.0 if loss == "dice-ce" else 0.0)
        self.lr, self.schedule, self.epochs = lr, schedule, epochs

    def logits(self, images: Tensor) -> Tensor:
        """Return logits (N, 1, R, R, R) of crops (N, 1 or 2, R, R, R); a mask in channel 1 is not looked at."""
        logits: Tensor = self.network(images[:, :1])
        return logits

    def batch_loss(self, images: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of crops with masks (N, 2, R, R, R); the class ``labels`` (N,) play no part."""
        del labels
        loss: Tensor = self.loss(self.logits(images), truth(images))
        return loss

    def overlap(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return Dice (N,) and Jaccard (N,) of each case of crops with masks (N, 2, R, R, R)."""
        found, real = (self.logits(images) > 0).float(), truth(images)
        dice, jaccard = compute_dice(found, real), compute_iou(found, real)
        return dice.squeeze(1), jaccard.squeeze(1)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Collect the loss of one batch."""
        del batch_idx
        loss = self.batch_loss(batch["image"], batch["label"])
        self.val_loss_mean.update(loss, weight=len(batch["label"]))

    def on_validation_epoch_end(self) -> None:
        """Log the validation loss over all samples."""
        self.log("val/loss", self.val_loss_mean.compute())
        self.val_loss_mean.reset()

    def configure_optimizers(self) -> Any:
        """Adam, Table 3 (parameters)."""
        return adam(self, self.lr, self.schedule, self.epochs)


def truth(images: Tensor) -> Tensor:
    """Return the masks (N, 1, D, H, W) of crops with masks (N, 2, D, H, W), sharp again after a translation."""
    return (images[:, 1:] > 0.5).to(images.dtype)
