"""SE-Grad-CAM++: a 3-D squeeze-and-excitation classifier of nodules, and Table 4's comparators (segradcam paper).

In: cubes of 32^3 voxels in [0, 1]; out: class probabilities. Sec. 3.1.6 and 5.1 of seed 003. Its explanations are
``medrepro.lightning_modules.explain``: they need no training and take any of these networks.
"""

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.optim import SGD
from torch.optim.lr_scheduler import CosineAnnealingLR, MultiStepLR

from medrepro.datamodules.augment import BatchAugment
from medrepro.lightning_modules.base import ReproModule
from medrepro.lightning_modules.explain.cam import GradCAM, GradCAMPlusPlus
from medrepro.lightning_modules.explain.guided import Deconvolution, GuidedBackprop, GuidedGradCAM
from medrepro.lightning_modules.explain.occlude import occlusion
from medrepro.lightning_modules.explain.trust import Explainer, gaussian_centre
from medrepro.lightning_modules.losses.cross_entropy import CrossEntropyLoss
from medrepro.lightning_modules.networks.autoencoder3d import Autoencoder3D
from medrepro.lightning_modules.networks.dense_binary_tree3d import DenseBinaryTree3D
from medrepro.lightning_modules.networks.dual_path3d import DualPathNet3D
from medrepro.lightning_modules.networks.multicrop3d import MultiCropNet3D
from medrepro.lightning_modules.networks.senet3d import Activation, Design, SENet3D
from medrepro.lightning_modules.networks.three_plane import ThreePlaneResNet

Comparator = Literal["three-plane", "dual-path", "autoencoder", "multi-crop", "binary-tree"]
Method = Literal[
    "gaussian-centre", "grad-cam", "grad-cam++", "guided-backprop", "deconvolution", "guided-grad-cam++", "occlusion"
]
NUM_CLASSES = 2
CENTRE_SIGMA = 4.0  # assumed: voxels, an eighth of the cube
OCCLUDED = 8  # assumed: voxels, a quarter of the cube
MILESTONES, STEP_FACTOR = (60, 120), 0.1  # Sec. 5.1; the printed third value repeats the second


def comparator(name: Comparator, width: int | None) -> nn.Module:
    """Return a comparator of Table 4; ``width`` None takes the one that matches SENet3D's parameters."""
    kinds: dict[str, Any] = {
        "three-plane": ThreePlaneResNet,
        "dual-path": DualPathNet3D,
        "autoencoder": Autoencoder3D,
        "multi-crop": MultiCropNet3D,
        "binary-tree": DenseBinaryTree3D,
    }
    network: nn.Module = kinds[name]() if width is None else kinds[name](width)
    return network


def explainer(network: nn.Module, method: Method, layer: str = "stage4") -> Explainer:
    """Return ``explain(cubes (N, 1, D, H, W), classes (N,)) -> maps (N, D, H, W)`` in [0, 1] of one method.

    Args:
        network: returns logits (N, 2).
        method: a name of Sec. 3.1.4-3.1.5, occlusion, or the centred Gaussian that explains nothing.
        layer: of the network, for the class activation maps.
    """
    kinds: dict[str, Any] = {
        "grad-cam": lambda: GradCAM(network, layer),
        "grad-cam++": lambda: GradCAMPlusPlus(network, layer),
        "guided-backprop": lambda: GuidedBackprop(network),
        "deconvolution": lambda: Deconvolution(network),
        "guided-grad-cam++": lambda: GuidedGradCAM(network, layer),
        "occlusion": lambda: (
            lambda x, target: occlusion(network, x, target, OCCLUDED)
        ),  # overlapping: no cut in the middle
        "gaussian-centre": lambda: lambda x, _: gaussian_centre(x.shape[2:], CENTRE_SIGMA).expand(len(x), -1, -1, -1),
    }
    chosen: Explainer = kinds[method]()
    return chosen


class SEGradCAMModule(ReproModule):
    """Benign or malignant, from one cube.

    Args:
        network: ``senet``, or a comparator of Table 4.
        design: of SENet3D.
        widths: of SENet3D's stages; None takes the design's own.
        reduction: of the squeeze: channels for each of its hidden units.
        activation: inside the squeeze; ``relu`` is the SE-ResNeXt comparator.
        squeeze_excitation: False leaves the gates out.
        groups: of the ``resnext`` design.
        early_pool: see :class:`SENet3D`.
        width: of a comparator; None takes its own.
        pretrain_epochs: the autoencoder learns to reconstruct for so many epochs before it learns to classify.
        lr: learning rate.
        momentum: of SGD.
        weight_decay: L2 penalty.
        schedule: the paper's steps, or cosine decay to 0 over ``epochs``.
        epochs: length of the training, for the schedule.
        augmented: flips and 90-degree rotations of training cubes.
        seed: see :class:`ReproModule`.
    """

    def __init__(
        self,
        network: Literal["senet"] | Comparator = "senet",
        design: Design = "resnext",  # assumed: nearest to the cited ancestor
        widths: Sequence[int] | None = None,  # assumed: not printed
        reduction: int = 16,  # assumed: Hu et al.'s
        activation: Activation = "mish",  # Sec. 3.1.3
        squeeze_excitation: bool = True,
        groups: int = 32,  # assumed: ResNeXt's
        early_pool: bool = False,
        width: int | None = None,
        pretrain_epochs: int = 0,
        lr: float = 1e-3,  # Sec. 5.1; the 0.30 of Sec. 4 contradicts it
        momentum: float = 0.9,  # Sec. 5.1
        weight_decay: float = 1e-3,  # assumed: the sentence is garbled ("more than 1,000 times")
        schedule: Literal["steps", "cosine"] = "steps",  # Sec. 5.1
        epochs: int = 150,  # Sec. 5.1
        augmented: bool = True,  # Sec. 5.1
        seed: int = 0,
    ) -> None:
        turns = BatchAugment(spatial_dims=3, flips=(0, 1, 2), quarter_turns=True) if augmented else None  # Sec. 5.1
        super().__init__(NUM_CLASSES, seed=seed, augment=turns)
        self.save_hyperparameters()
        if network == "senet":
            self.network: nn.Module = SENet3D(
                design,
                widths,
                reduction,
                activation=activation,
                squeeze_excitation=squeeze_excitation,
                groups=groups,
                early_pool=early_pool,
            )
        else:
            self.network = comparator(network, width)
        self.loss = CrossEntropyLoss()  # Sec. 3.1.6
        self.pretrain_epochs = pretrain_epochs
        self.lr, self.momentum, self.weight_decay = lr, momentum, weight_decay
        self.schedule, self.epochs = schedule, epochs

    def logits(self, images: Tensor) -> Tensor:
        """Return logits (N, 2) of cubes (N, 1, 32, 32, 32) in [0, 1]."""
        logits: Tensor = self.network(images)
        return logits

    def batch_loss(self, images: Tensor, labels: Tensor) -> Tensor:
        """Return the cross-entropy of cubes (N, 1, 32, 32, 32) with labels (N,), or the autoencoder's first loss."""
        if isinstance(self.network, Autoencoder3D):
            return self._autoencoder_loss(self.network, images, labels)
        loss: Tensor = self.loss(self.network(images), labels)
        return loss

    def _autoencoder_loss(self, network: Autoencoder3D, images: Tensor, labels: Tensor) -> Tensor:
        """Reconstruction first, classification then; the idle half takes part with weight 0, as DDP demands."""
        learns_to_see = self.current_epoch < self.pretrain_epochs
        loss: Tensor = network.reconstruction_loss(images) if learns_to_see else self.loss(network(images), labels)
        idle = network.classifier if learns_to_see else network.decoder
        return loss + 0 * torch.stack([parameter.sum() for parameter in idle.parameters()]).sum()

    def configure_optimizers(self) -> Any:
        """SGD, Sec. 5.1."""
        optimizer = SGD(self.parameters(), self.lr, self.momentum, weight_decay=self.weight_decay)
        if self.schedule == "cosine":
            return {"optimizer": optimizer, "lr_scheduler": CosineAnnealingLR(optimizer, self.epochs)}
        return {"optimizer": optimizer, "lr_scheduler": MultiStepLR(optimizer, MILESTONES, STEP_FACTOR)}
