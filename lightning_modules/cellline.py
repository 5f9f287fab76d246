"""Cell-line authentication by transfer learning: a backbone, frozen or not, and a head (cellline paper).

In: RGB images in [0, 1], or the features that a frozen backbone gave for them; out: class probabilities.
"""

from collections.abc import Sequence
from typing import Literal

from torch import Tensor
from torch.optim import Adam, Optimizer

from medrepro.lightning_modules.base import ReproModule
from medrepro.lightning_modules.losses.cross_entropy import CrossEntropyLoss
from medrepro.lightning_modules.networks.transfer import Freeze, TransferHead, TransferNet


class CellLineModule(ReproModule):
    """The paper's transfer learning, and training from scratch.

    Args:
        num_classes: lines to tell apart.
        backbone: the paper's ``inception_resnet_v2`` or ``mobilenetv1_100``, or any timm name.
        weights: ``none`` (random), ``imagenet`` or a file, see `build_backbone`.
        hidden: widths of fully connected layers before the output.
        freeze: ``backbone`` trains the head only; ``none`` everything; a number freezes that many units.
        inputs: ``images`` for the whole network; ``features`` for its head alone, on features computed
            before.
        num_features: width of those features; not used with ``images``.
        in_channels: 3 for RGB, 1 for grey.
        lr: Adam's learning rate of the head.
        lr_backbone: and of what is trained below it.
        seed: see :class:`ReproModule`.
    """

    def __init__(
        self,
        num_classes: int = 8,  # Table 5
        backbone: str = "inception_resnet_v2",  # Table 3: the better of two
        weights: str = "none",  # the paper: ImageNet; random must be what somebody asked for
        hidden: Sequence[int] = (),  # one fully connected layer, "Optimal model hyper-parameters tuning results"
        freeze: Freeze = "backbone",  # "the fully connected layers are the ones which gets trained"
        inputs: Literal["images", "features"] = "images",
        num_features: int = 0,
        in_channels: int = 3,
        lr: float = 1e-3,  # assumed: not printed
        lr_backbone: float = 1e-4,  # assumed: not printed
        seed: int = 0,
    ) -> None:
        super().__init__(num_classes, seed=seed, channels_last=inputs == "images")
        self.save_hyperparameters()
        self.network: TransferNet | TransferHead = (
            TransferHead(num_features, num_classes, hidden)
            if inputs == "features"
            else TransferNet(backbone, num_classes, weights, hidden, freeze, in_channels)
        )
        self.loss = CrossEntropyLoss()
        self.lr = lr
        self.lr_backbone = lr_backbone

    @property
    def head(self) -> TransferHead:
        """The fully connected layers, whatever is below them."""
        return self.network if isinstance(self.network, TransferHead) else self.network.head

    def logits(self, images: Tensor) -> Tensor:
        """Return logits (N, K) of images (N, C, H, W) in [0, 1], or of features (N, F)."""
        result: Tensor = self.network(images)
        return result

    def batch_loss(self, images: Tensor, labels: Tensor) -> Tensor:
        """Return the cross-entropy of images (N, C, H, W) or features (N, F) with labels (N,)."""
        result: Tensor = self.loss(self.logits(images), labels)
        return result

    def configure_optimizers(self) -> Optimizer:
        """Adam (assumed), slower for the backbone than for the head."""
        head = list(self.head.parameters())
        known = {id(parameter) for parameter in head}
        below = [p for p in self.network.parameters() if p.requires_grad and id(p) not in known]
        groups = [{"params": head, "lr": self.lr}, {"params": below, "lr": self.lr_backbone}]
        return Adam([group for group in groups if group["params"]], fused=True)
