"""Losses: pure torch, exact under DDP. A name is imported when it is asked for.

In: features (N, L), logits (N, C) or masks, and labels; out: a differentiable scalar.
"""

from typing import Any

from medrepro.lightning_modules._lazy import load

_MODULES = {
    "AUCCrossEntropyLoss": "auc_cross_entropy",
    "BatchSimilarityLoss": "batch_similarity",
    "CrossEntropyLoss": "cross_entropy",
    "DiceCrossEntropyLoss": "dice_cross_entropy",
    "LiftedCrossEntropyLoss": "metric_learning",
    "MarginLoss": "margin",
    "MixedLoss": "mixed",
    "PairwiseAUCLoss": "pairwise_auc",
    "TripletCrossEntropyLoss": "metric_learning",
}

__all__ = sorted(_MODULES)


def __getattr__(name: str) -> Any:
    """Import ``name`` on first use."""
    return load(__name__, _MODULES, name)
