"""Measure how far apart two results of one cell are: bit-equal, by how much, or not comparable."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from medrepro.reproduce.evaluation.results import Result

COMPARED = ("data", "marks", "metrics", "ci", "baselines", "history", "parameters", "macs")
CLOCK = "/seconds"  # ends the names of metrics that time the machine


def differences(old: Any, new: Any, where: str) -> Iterator[tuple[float, str]]:
    """Yield absolute differences of the numbers in two JSON values; infinite where something else differs."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in [key for key in {**old, **new} if not key.endswith(CLOCK)]:
            if key in old and key in new:
                yield from differences(old[key], new[key], f"{where} {key}")
            else:
                yield math.inf, f"{where} {key} {'is new' if key in new else 'does not come out'}"
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for one, other in zip(old, new, strict=True):
            yield from differences(one, other, where)
    elif isinstance(old, int | float) and isinstance(new, int | float):
        yield _apart(np.array([old]), np.array([new])), where
    elif old != new:
        yield math.inf, f"{where}: {old!r} became {new!r}"


def _apart(old: np.ndarray[Any, Any], new: np.ndarray[Any, Any]) -> float:
    """Return the largest absolute difference (0 for two NaN) of arrays (N,)."""
    same = (old == new) | (np.isnan(old) & np.isnan(new))
    apart = np.where(same, 0.0, np.abs(old.astype(np.float64) - new.astype(np.float64)))
    return float(np.nan_to_num(apart, nan=math.inf).max(initial=0.0))


def frame_differences(old: pd.DataFrame | None, new: pd.DataFrame | None) -> Iterator[tuple[float, str]]:
    """Yield the largest absolute difference of each column of two tables of predictions."""
    if old is None or new is None or len(old) != len(new) or list(old) != list(new):
        if old is not new:
            yield math.inf, "predictions: other columns or samples"
        return
    for column in old:
        one, other = old[column], new[column]
        numeric = pd.api.types.is_numeric_dtype(one) and pd.api.types.is_numeric_dtype(other)
        apart = _apart(one.to_numpy(), other.to_numpy()) if numeric else 0.0 if one.equals(other) else math.inf
        yield apart, f"predictions {column}"


def compare(old: Result, new: Result) -> tuple[float, str]:
    """Return the largest difference between a result and its replay, and where it lies."""
    frames = [None if one.predictions is None else one.predictions.frame for one in (old, new)]
    found = [*frame_differences(*frames)]
    for block in COMPARED:
        found += differences(old.content.get(block), new.content.get(block), block)
    return max(found, key=lambda pair: pair[0])


def within_intervals(old: Result, new: Result) -> bool:
    """Return whether a replay whose predictions differ leaves every metric within its 95 % interval.

    Training amplifies rounding: a processor with other vector instructions predicts slightly otherwise.
    """
    if old.predictions is None or new.predictions is None or old.predictions.frame.equals(new.predictions.frame):
        return False
    intervals, metrics = old.content["ci"], new.content["metrics"]
    inside = [low <= metrics.get(name, math.nan) <= high for name, (low, high, *_) in intervals.items()]
    return bool(inside) and all(inside)
