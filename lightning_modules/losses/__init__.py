"""Losses: pure torch, exact under DDP. A name is imported when it is asked for.

In: features (N, L), logits (N, C) or masks, and labels; out: a differentiable scalar.
"""

import importlib
from typing import Any

_MODULES = {
    "AUCCrossEntropyLoss": "auc_cross_entropy",
    "BatchSimilarityLoss": "batch_similarity",
    "CrossEntropyLoss": "cross_entropy",
    "LiftedCrossEntropyLoss": "metric_learning",
    "MarginLoss": "margin",
    "MixedLoss": "mixed",
    "PairwiseAUCLoss": "pairwise_auc",
    "TripletCrossEntropyLoss": "metric_learning",
}

__all__ = sorted(_MODULES)


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever type the module gives it
    """Import the module that defines ``name`` on first use."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(__all__)}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
