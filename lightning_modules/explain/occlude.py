"""Occlusion: how much of a class's probability a hidden patch takes away.

In: a network and a batch ``(N, C, *spatial)``; out: maps ``(N, *spatial)`` in [0, 1]. The sliding occlusion
is MONAI's, wrapped. Reference: Zeiler and Fergus, ECCV 2014.
"""

import warnings

import torch
from monai.visualize.occlusion_sensitivity import OcclusionSensitivity
from torch import Tensor, nn

from medrepro.lightning_modules.explain.network import Target, borrowed, choose_target, class_logits, to_unit


def occlusion(
    network: nn.Module,
    x: Tensor,
    target: Target = None,
    mask_size: int = 8,
    overlap: float = 0.5,
    batch_size: int = 64,
) -> Tensor:
    """Map the fall of the class's probability when a patch is replaced by the image's mean.

    Args:
        network: returns logits ``(N, classes)``.
        x: batch ``(N, C, *spatial)``.
        target: one class for all, one each ``(N,)``, or None for the predicted one.
        mask_size: side of the patch in voxels.
        overlap: of neighbouring patches, in [0, 1).
        batch_size: occluded copies a forward pass.

    Returns:
        ``max(0, p(x) - p(occluded))`` as ``(N, *spatial)``, scaled to maximum 1.
    """
    # MONAI would choose sigmoid or softmax by the image's channels, not by the logits': ours is given.
    slide = OcclusionSensitivity(
        network,
        mask_size,
        n_batch=batch_size,
        verbose=False,
        mode="mean_img",
        overlap=overlap,
        activate=lambda logits: logits.softmax(dim=1),
    )
    with borrowed(network), torch.no_grad(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Using a non-tuple sequence")  # MONAI 1.6's own indexing
        x = x.detach().clone()
        probabilities = class_logits(network, x).softmax(dim=1)
        chosen = choose_target(probabilities, target)
        falls = []
        for sample, before, label in zip(x, probabilities, chosen, strict=True):
            hidden = torch.as_tensor(slide(sample[None])[0]).as_subclass(Tensor)[0, int(label)]
            falls.append((before[label] - hidden).clamp_min(0))
        return to_unit(torch.stack(falls))
