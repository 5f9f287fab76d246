"""Data of the multiscale paper: central crops of nodules at three fields of view, in [0, 1] (Eq. 14).

The three scales of one seed and fold share their split, because the ensemble needs the same nodules in each part.
"""

from collections.abc import Mapping
from typing import Literal

from monai.transforms import CenterSpatialCrop, Compose, ScaleIntensityRange

from medrepro.datamodules.base import ReproDataModule, data_folder
from medrepro.datamodules.lidc import MATCHED, RENDERED
from medrepro.datamodules.lidc.cohorts import rated_nodules
from medrepro.datamodules.lidc.selection import Cohort
from medrepro.datamodules.lidc.volumes import HU_WINDOW, embedded_volumes, nodulemnist_volumes, scan_volumes
from medrepro.datamodules.prepare.format import is_prepared
from medrepro.datamodules.prepare.records import prepared_nodules
from medrepro.datamodules.records import Records
from medrepro.datamodules.splits import Split, fold_split, official_split
from medrepro.datamodules.support.errors import InputError

GREY_RANGE = (0, 255)
TASK = "malignancy, median rating above or below 3"
EVAL_BATCH = 32  # an over-complete branch holds 8 times the crop

DataName = Literal["embedded", "embedded-matched", "lidc", "nodulemnist3d"]
Scale = Literal[32, 48, 64]


class MultiScaleDataModule(ReproDataModule):
    """Crops of one scale for the multi-scale paper.

    Args:
        data: ``embedded``: rendered LIDC nodules with their real ratings; ``embedded-matched``: pairs of a malignant
            and a benign one of one size; ``lidc``: the scans themselves, as DICOM or prepared
            (:mod:`medrepro.datamodules.prepare`); ``nodulemnist3d``: real cubes, 1 mm only.
        data_root: folder of the real data.
        cache_dir: where the rendered cubes are kept.
        scale: side of the crop in mm.
        voxel_mm: side of a voxel; 2 mm keeps the fields of view at 1/8 of the cost.
        cube_mm: side of the rendered cube that the crops are cut from.
        masks: add the readers' consensus mask as a second channel (for segmentation).
        batch_size: over all devices together.
        folds: parts of the cross-validation.
        fold: which of them is the test part.
        val_fraction: share of the training patients held out for choosing the ensemble's weights.
        prevalence: of the embedded data: share of malignant nodules, by leaving some out (a fixed draw); 0 for all.
        limit_patients: only the first so many patients; 0 for all.
        num_workers: loader processes.
        seed: of split and order; the rendering's seed is fixed.
        leaky_split: see :class:`ReproDataModule`.
        shuffle_labels: see :class:`ReproDataModule`.

    Raises:
        InputError: the crop is larger than the cube or not a whole number of voxels.
    """

    def __init__(
        self,
        data: DataName = "embedded",
        data_root: str | None = None,
        cache_dir: str | None = None,
        scale: Scale = 64,  # Sec. 4.1: crops of 32, 48 and 64 of one 64^3 cube
        voxel_mm: float = 1.0,  # assumed: the paper crops scanner voxels
        cube_mm: int = 64,  # Sec. 4.1
        masks: bool = False,
        batch_size: int = 120,  # Table 3 (parameters)
        folds: int = 5,  # assumed: the paper names no split
        fold: int = 0,
        val_fraction: float = 0.2,  # assumed
        prevalence: float = 0.0,
        limit_patients: int = 0,
        num_workers: int = 0,
        seed: int = 0,
        leaky_split: bool = False,
        shuffle_labels: bool = False,
    ) -> None:
        if prevalence and data not in RENDERED:
            raise InputError(f"--data {data} takes no prevalence; --data embedded does")
        super().__init__(batch_size, EVAL_BATCH, num_workers, seed, leaky_split, shuffle_labels)
        if scale > cube_mm or (scale / voxel_mm) % 2:
            raise InputError(
                f"a crop of {scale} mm in voxels of {voxel_mm} mm from a cube of {cube_mm} mm: "
                "the crop must fit the cube and be an even number of voxels"
            )
        if data not in RENDERED and (masks or limit_patients):
            raise InputError(f"--data {data} has no masks and is not limited; use --data embedded for either")
        if data == "nodulemnist3d" and voxel_mm != 1.0:
            raise InputError(f"--data {data} has voxels of 1 mm, not {voxel_mm} mm")
        self.data, self.data_root, self.cache_dir = data, data_root, cache_dir
        self.scale, self.voxel_mm, self.cube_mm, self.masks = scale, voxel_mm, cube_mm, masks
        self.folds, self.fold, self.val_fraction = folds, fold, val_fraction
        self.cohort = Cohort(data == MATCHED, prevalence, limit_patients)

    def load_records(self) -> Records:
        """Read or render the cubes."""
        if self.data in RENDERED:
            return embedded_volumes(self.cube_mm, self.voxel_mm, self.masks, self.cache_dir, self.cohort)
        root = data_folder(self.data_root)
        if self.data == "nodulemnist3d":
            return nodulemnist_volumes(root)
        if is_prepared(root):
            side = round(self.cube_mm / self.voxel_mm)
            return prepared_nodules(root, rated_nodules(self.cache_dir), side, self.voxel_mm, "lidc", TASK)
        return scan_volumes(root, self.cube_mm, self.voxel_mm, self.cache_dir)

    def split(self, records: Records) -> Split:
        """The official parts where the data have them; else grouped folds, which depend on the seed alone."""
        labels, patients = records.labels, records.patients
        official = official_split(records.table["cohort"], labels, patients)
        return official or fold_split(labels, patients, self.folds, self.fold, self.val_fraction, self.seed)

    def preprocess(self) -> Compose:
        """Central crop, then Eq. 14: [-1000, 400] HU to [0, 1]."""
        side = round(self.scale / self.voxel_mm)
        low, high = GREY_RANGE if self.data == "nodulemnist3d" else HU_WINDOW
        # the array is (N, C, D, H, W); MONAI takes its first axis for channels, so C counts as spatial and is kept
        crop = CenterSpatialCrop(roi_size=(-1, side, side, side))
        return Compose([crop, ScaleIntensityRange(a_min=low, a_max=high, b_min=0.0, b_max=1.0, clip=True)])

    def baseline_columns(self) -> Mapping[str, str]:
        """Diameter alone, where the source knows it."""
        return {"diameter": "diameter_mm"} if "diameter_mm" in self.records.table.columns else {}
