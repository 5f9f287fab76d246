"""One cache folder for all LIDC tests of a run: the nodule table is made once, and nothing of it stays behind."""

import atexit
import functools
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol, cast

import pandas as pd

from medrepro.datamodules.lidc.nodules import NoduleRow, nodules


class Nodule(NoduleRow, Protocol):
    """What tests read of a nodule's row."""

    annotation_ids: str
    diameter_mm: float
    volume_mm3: float
    centroid_z_mm: float
    centroid_y_mm: float
    centroid_x_mm: float


def rows(table: pd.DataFrame) -> Iterator[Nodule]:
    """The rows of the nodule table as named tuples, whose types pandas cannot know."""
    return cast("Iterator[Nodule]", table.itertuples())


@functools.cache
def cache_folder() -> Path:
    """Make the folder, with the nodule table in it."""
    folder = Path(tempfile.mkdtemp(prefix="medrepro-lidc-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    nodules(cache_dir=folder)
    return folder


def fresh_folder(folder: Path) -> Path:
    """Fill an empty ``folder`` with the nodule table only, so that renderings start from nothing."""
    shutil.copy(cache_folder() / "lidc-nodules.npz", folder)
    return folder


@functools.cache
def decided_nodules() -> pd.DataFrame:
    """The 1194 nodules with at least three readers and a mean malignancy other than 3, and their label."""
    table = nodules(min_readers=3, cache_dir=cache_folder())
    table = table[table["malignancy_mean"] != 3]
    return table.assign(label=(table["malignancy_mean"] > 3).astype(int)).reset_index(drop=True)


def short_selection(count: int) -> pd.DataFrame:
    """Evenly chosen decided nodules of at most 20 mm: quick to render, and of all kinds."""
    table = decided_nodules()
    small = table[table["diameter_mm"] <= 20]
    return small.iloc[:: len(small) // count].head(count).reset_index(drop=True)
