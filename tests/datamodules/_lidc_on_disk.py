"""Scans of LIDC-IDRI as the archives deliver them, in miniature: real outlines painted onto plain lung."""

from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK

from medrepro.datamodules.lidc.nodules import consensus_mask, nodules
from tests.datamodules._ct_series import Scanner, write_ct

LUNG, NODULE = -850, 40
ORIGIN_YX = (-171.7, -166.0)


def small_scans(count: int) -> list[str]:
    """Return series uids of scans with one small nodule of three readers or more."""
    table = nodules()
    alone = table[~table["series_uid"].duplicated(keep=False)]
    chosen = alone[(alone["n_readers"] >= 3) & alone["diameter_mm"].between(6, 12) & (alone["slice_spacing_mm"] > 1.9)]
    return [str(uid) for uid in chosen["series_uid"].iloc[:count]]


def painted(uid: str) -> tuple[np.ndarray, tuple[float, float, float], tuple[float, float, float]]:
    """Return HU of the slices around the nodule of a scan, their spacing and origin (z, y, x)."""
    table = nodules()
    nodule = table[table["series_uid"] == uid].iloc[0]
    mask, origin, spacing = consensus_mask(str(nodule["nodule_id"]))
    hu = np.full((len(mask) + 4, 512, 512), LUNG, np.int16)
    block = hu[2:-2, origin[1] : origin[1] + mask.shape[1], origin[2] : origin[2] + mask.shape[2]]
    block[mask] = NODULE
    first = float(nodule["centroid_z_mm"]) - float(np.argwhere(mask)[:, 0].mean() + 2) * spacing[0]
    return hu, spacing, (first, *ORIGIN_YX)


def write_dicom(folder: Path, uid: str, scanner: Scanner | None = None) -> list[Path]:
    """Write one scan as DICOM."""
    hu, spacing, origin = painted(uid)
    return write_ct(folder / uid, hu, spacing, origin, scanner, uid=uid)


def write_mhd(folder: Path, uid: str) -> Path:
    """Write one scan as LUNA16 does."""
    hu, spacing, origin = painted(uid)
    itk: Any = SimpleITK
    image = itk.GetImageFromArray(hu)
    image.SetSpacing(spacing[::-1])
    image.SetOrigin(origin[::-1])
    folder.mkdir(parents=True, exist_ok=True)
    itk.WriteImage(image, str(folder / f"{uid}.mhd"))
    return folder / f"{uid}.mhd"


def check_cubes(images: np.ndarray, masks: np.ndarray) -> None:
    """Prove that each cube holds its nodule where its outline says, and lung elsewhere."""
    for image, mask in zip(images, masks, strict=True):
        middle = np.argwhere(mask).mean(axis=0) - (np.array(mask.shape) - 1) / 2
        assert np.abs(middle).max() < 1.0, "the outline's middle is the cube's"
        assert image[mask].mean() > -250, "inside the outline is nodule"
        assert set(np.unique(image[~mask])) <= {-1024, *range(LUNG, NODULE + 1)}
        assert (image[~mask] > -405).mean() < 0.01, "outside it is none"
