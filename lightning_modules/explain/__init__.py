"""Explanations of a classifier's decision, for images and volumes, and numbers that say what they are worth.

In: any ``nn.Module`` with class logits and a batch ``(N, C, *spatial)``; out: maps ``(N, *spatial)`` in
[0, 1]. Needs torch alone (captum and MONAI only for what wraps them) and leaves the network as it was found.
"""

import importlib
from typing import Any

_PLACES = {
    "Deconvolution": "guided",
    "GradCAM": "cam",
    "GradCAMPlusPlus": "cam",
    "GuidedBackprop": "guided",
    "GuidedGradCAM": "guided",
    "best_iou": "trust",
    "deletion_auc": "trust",
    "energy_in_mask": "trust",
    "gaussian_centre": "trust",
    "insertion_auc": "trust",
    "occlusion": "occlude",
    "pointing_game": "trust",
    "randomisation_similarity": "trust",
    "randomised_copy": "trust",
}
__all__ = sorted(_PLACES)


def __getattr__(name: str) -> Any:
    """Import the explanation called ``name`` on first use."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(__all__)}")
    return getattr(importlib.import_module(f"{__name__}.{_PLACES[name]}"), name)


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return __all__
