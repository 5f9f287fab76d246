"""What the egfr studies measure beside predictions.

In: a trained module and its data; out: named numbers.
"""

import torch
from torch import Tensor
from torch.nn import functional

from datamodules.base import ReproDataModule
from lightning_modules.base import ReproModule
from lightning_modules.egfr import EGFRModule


@torch.no_grad()
def cosines(module: ReproModule, data: ReproDataModule) -> dict[str, float]:
    """Return the mean cosine between features of test images of one class, and of different classes.

    Raises:
        TypeError: the module has no features to compare.
    """
    if not isinstance(module, EGFRModule):
        raise TypeError(f"cosines need the features of an EGFRModule, not of {type(module).__name__}")
    module.eval()
    loader = data.eval_loader(data.parts.test)
    features = torch.cat([module.network(batch["image"].to(module.device))[0].cpu() for batch in loader])
    labels = data.labels[torch.from_numpy(data.parts.test)]
    return mean_cosines(features, labels)


def mean_cosines(features: Tensor, labels: Tensor) -> dict[str, float]:
    """Return mean cosines over pairs of different samples, of features (N, L) with labels (N,)."""
    unit = functional.normalize(features.double(), dim=1)
    similarity = unit @ unit.T
    same = labels[:, None] == labels[None, :]
    other = ~torch.eye(len(labels), dtype=torch.bool)
    return {
        "cosine/within": float(similarity[same & other].mean()),
        "cosine/between": float(similarity[~same].mean()),
    }
