"""Data of the egfr paper: 64 x 64 CT patches through lung lesions, in [0, 1].

Training batches come in random order (RS) or in the paper's proportions of six clusters (BT, Sec. 2.3).
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from monai.transforms import Compose, ScaleIntensityRange

from medrepro.datamodules.base import ReproDataModule, data_folder
from medrepro.datamodules.ct.published_slices import lidc_nodule_slices, nsclc_slices
from medrepro.datamodules.lidc import MATCHED, RENDERED
from medrepro.datamodules.lidc.cohorts import embedded_slices
from medrepro.datamodules.lidc.selection import Cohort
from medrepro.datamodules.prepare.records import prepared_slices
from medrepro.datamodules.records import Records
from medrepro.datamodules.samplers import ClusterBatchSampler, EpochBatchSampler, cluster_within_classes
from medrepro.datamodules.splits import Indices, Split, cohort_split, fold_split
from medrepro.datamodules.support.errors import InputError

HU_WINDOW = (-1000.0, 400.0)  # assumed: the paper prints no window
GREY_RANGE = (0.0, 255.0)

DataName = Literal["embedded", "embedded-matched", "lidc-nodules", "nsclc-slices", "nsclc"]


def hu_window() -> Compose:
    """HU to [0, 1], clipped at the window's ends."""
    low, high = HU_WINDOW
    return Compose([ScaleIntensityRange(a_min=low, a_max=high, b_min=0.0, b_max=1.0, clip=True)])


def grey_window() -> Compose:
    """8-bit grey values, windowed by their source, to [0, 1]."""
    low, high = GREY_RANGE
    return Compose([ScaleIntensityRange(a_min=low, a_max=high, b_min=0.0, b_max=1.0)])


def thinned(table: pd.DataFrame, index: Indices, most: int) -> Indices:
    """Return at most ``most`` rows of ``index`` for each nodule, evenly spaced; all of them if ``most`` is 0."""
    if most == 0 or "nodule_id" not in table.columns:
        return index
    part = table.iloc[index]["nodule_id"]
    rank, size = part.groupby(part).cumcount().to_numpy(), part.groupby(part).transform("size").to_numpy()
    # the slice is kept if it is the first of its stretch, when the nodule is cut into `most` stretches
    first: npt.NDArray[np.bool_] = (rank == 0) | (rank * most // size != (rank - 1) * most // size)
    return np.asarray(index[first])


class EGFRDataModule(ReproDataModule):
    """Patches for ResNet-MLB.

    Args:
        data: ``embedded``: slices through rendered LIDC nodules, malignancy standing in for EGFR status;
            ``embedded-matched``: the same of pairs of a malignant and a benign nodule of one size;
            ``lidc-nodules``: 5043 real CT slices of LIDC nodules; ``nsclc-slices``: real EGFR status,
            no lesion position; ``nsclc``: real EGFR status, slices through the tumour, as
            :mod:`medrepro.datamodules.prepare` writes them.
        data_root: folder of the real data.
        cache_dir: where the rendered slices are kept.
        batch_size: n_b, over all devices together.
        batches: ``rs`` random selection, ``bt`` the paper's batch training.
        allocation: how ``bt`` fills a batch: in proportion to the groups' sizes, or equally.
        groups: K-means groups inside each class.
        folds: parts of the cross-validation, where the data have no cohorts of their own.
        fold: which of them is the test part.
        val_fraction: share of the training patients held out for choosing epochs.
        slices_per_nodule: at most so many training slices of each nodule, evenly spaced; 0 for all. Neighbours at 1 mm
            are nearly alike, so a quick run loses little; test slices are never thinned.
        prevalence: of the embedded data: share of malignant nodules, by leaving some out (a fixed draw); 0 for all.
        limit_patients: only the first so many patients of each side (the smoke preset); 0 for all.
        num_workers: loader processes.
        seed: of split, clusters and order; the rendering's seed is fixed, so all seeds see the same images.
        leaky_split: see :class:`ReproDataModule`.
        shuffle_labels: see :class:`ReproDataModule`.
    """

    def __init__(
        self,
        data: DataName = "embedded",
        data_root: str | None = None,
        cache_dir: str | None = None,
        batch_size: int = 36,  # Sec. 3.1.2
        batches: Literal["rs", "bt"] = "bt",  # Sec. 2.3
        allocation: Literal["proportional", "equal"] = "proportional",  # Sec. 2.3, Table 1
        groups: int = 3,  # Sec. 3.2
        folds: int = 5,  # assumed: only for data without cohorts
        fold: int = 0,
        val_fraction: float = 0.1,  # assumed: the paper chooses on its test cohort
        slices_per_nodule: int = 0,
        prevalence: float = 0.0,
        limit_patients: int = 0,
        num_workers: int = 0,
        seed: int = 0,
        leaky_split: bool = False,
        shuffle_labels: bool = False,
    ) -> None:
        if prevalence and data not in RENDERED:
            raise InputError(f"--data {data} takes no prevalence; --data embedded does")
        super().__init__(
            batch_size, num_workers=num_workers, seed=seed, leaky_split=leaky_split, shuffle_labels=shuffle_labels
        )
        self.data, self.data_root, self.cache_dir = data, data_root, cache_dir
        self.batches, self.allocation, self.groups = batches, allocation, groups
        self.folds, self.fold, self.val_fraction = folds, fold, val_fraction
        self.slices_per_nodule = slices_per_nodule
        self.cohort = Cohort(data == MATCHED, prevalence, limit_patients)

    def load_records(self) -> Records:
        """Read the slices of the chosen source."""
        if self.data in RENDERED:
            return embedded_slices(self.cache_dir, self.cohort)
        readers = {"lidc-nodules": lidc_nodule_slices, "nsclc-slices": nsclc_slices, "nsclc": prepared_slices}
        return readers[self.data](data_folder(self.data_root))

    def split(self, records: Records) -> Split:
        """Two cohorts as the paper has two hospitals, where the data have them; else grouped folds."""
        labels, patients = records.labels, records.patients
        if len(set(records.table["cohort"])) > 1:
            is_test = (records.table["cohort"] == "test").to_numpy()
            whole = cohort_split(labels, patients, is_test, self.val_fraction, self.seed)
        else:
            whole = fold_split(labels, patients, self.folds, self.fold, self.val_fraction, self.seed)
        return replace(whole, train=thinned(records.table, whole.train, self.slices_per_nodule))

    def preprocess(self) -> Compose:
        """Window to [0, 1]."""
        return hu_window() if self.data in (*RENDERED, "nsclc") else grey_window()

    def train_sampler(self, rank: int, world_size: int) -> EpochBatchSampler:
        """Random selection (RS), or batches in the proportions of the clusters (BT)."""
        if self.batches == "rs":
            return super().train_sampler(rank, world_size)
        index = self.parts.train
        labels = self.records.labels[index]
        clusters = cluster_within_classes(self.images[index].numpy(), labels, self.groups, self.seed)
        return ClusterBatchSampler(
            labels, clusters, self.batch_size, self.allocation, seed=self.seed, rank=rank, world_size=world_size
        )

    def baseline_columns(self) -> Mapping[str, str]:
        """Diameter and pixel count where the source knows them."""
        known = {"diameter": "diameter_mm", "pixel-count": "mask_pixels"}
        return {name: column for name, column in known.items() if column in self.records.table.columns}
