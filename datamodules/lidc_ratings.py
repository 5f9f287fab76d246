"""LIDC nodules by the median of their readers' malignancy ratings, as seed 001's Table 1 counts them.

In: the nodule table; out: levels 1..5, and the nodules that are clearly benign or malignant.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd

from datamodules.lidc import nodules

UNCERTAIN = 3  # Table 1; dropped: the printed rates imply it (556 malignant, 1156 benign)


def rating_levels(table: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Return each nodule's level 1..5: the median of its readers' ratings, halves to the even level."""
    levels: npt.NDArray[np.int64] = np.round(table["malignancy_median"].to_numpy()).astype(np.int64)
    return levels


def rated_nodules(cache_dir: str | None = None, limit_patients: int = 0) -> pd.DataFrame:
    """Return the nodules of levels 1-2 (``label`` 0) and 4-5 (1); ``limit_patients`` keeps the first so many, 0 all."""
    table = nodules(cache_dir=cache_dir)
    levels = rating_levels(table)
    table = table.assign(level=levels, label=(levels > UNCERTAIN).astype(np.int64))
    table = table[levels != UNCERTAIN]
    if limit_patients:
        table = table[pd.factorize(table["patient_id"], sort=True)[0] < limit_patients]
    result: pd.DataFrame = table.reset_index(drop=True)
    return result
