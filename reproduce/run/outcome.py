"""What running a cell yields, apart from the trainer: cells that only count need neither torch nor Lightning.

In: plain values and a frame of predictions; out: what ``_experiment.py`` writes as a result.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd


@dataclass(frozen=True)
class Outcome:
    """What a cell has to say, before it becomes a result file.

    Attributes:
        metrics: numbers that cannot be recomputed from predictions (``train/auc``, counts, Dice).
        predictions: one row a test sample: ids, label, ``prob_*``, ``baseline_*`` and covariates; None for tables
            without training.
        history: per-epoch values of each logged metric.
        data: the ``data`` block of the result.
    """

    data: Mapping[str, Any]
    metrics: Mapping[str, float | str] = field(default_factory=dict)
    predictions: pd.DataFrame | None = None
    history: Mapping[str, list[float]] = field(default_factory=dict)
    parameters: int | None = None
    macs: int | None = None
    marks: tuple[str, ...] = ()
