"""The LUNA16 population of the segradcam paper: which LIDC nodules count, and their labels.

In: the nodule table; out: its selection, and the counts that the paper's ancestors print.
"""

import numpy as np
import pandas as pd

from datamodules.lidc import nodules

MIN_READERS = 3  # Sec. 3.1.1: three of four radiologists
MAX_THICKNESS_MM = 2.5  # LUNA16's own rule; Sec. 3.1.1 says 3
UNDECIDED = 3.0  # dropped: only this rule gives the published 450 and 554; Sec. 5 says ">= 3"


def luna16_nodules(cache_dir: str | None = None) -> pd.DataFrame:
    """Return every nodule of at least three readers in scans of at most 2.5 mm, of any malignancy."""
    table = nodules(MIN_READERS, MAX_THICKNESS_MM, cache_dir=cache_dir)
    return table.reset_index(drop=True)


def labelled_luna16(cache_dir: str | None = None, limit_patients: int = 0) -> pd.DataFrame:
    """Return the nodules with a class: ``label`` 1 for a mean rating above 3, 0 below; a mean of 3 is dropped.

    ``limit_patients`` keeps the first so many patients, 0 all.
    """
    table = luna16_nodules(cache_dir)
    table = table[table["malignancy_mean"] != UNDECIDED]
    table = table.assign(label=(table["malignancy_mean"] > UNDECIDED).astype(np.int64))
    if limit_patients:
        table = table[pd.factorize(table["patient_id"], sort=True)[0] < limit_patients]
    return table.reset_index(drop=True)


def population(table: pd.DataFrame) -> dict[str, int]:
    """Return how many nodules of ``table`` there are in all, and how many malignant, benign and undecided."""
    mean = table["malignancy_mean"]
    return {
        "all": len(table),
        "malignant": int((mean > UNDECIDED).sum()),
        "benign": int((mean < UNDECIDED).sum()),
        "undecided": int((mean == UNDECIDED).sum()),
    }
