"""Standardised radiomics of nodules: first-order statistics and co-occurrence texture as the IBSI defines them.

The features are computed by MIRP (an optional library) and kept in the cache. Shape is left to
:mod:`medrepro.datamodules.features.handcrafted`: MIRP's takes ten times longer than the rest together.
"""

import hashlib
import importlib.util
import logging
import warnings
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from medrepro.datamodules.support.array_store import kept_frame
from medrepro.datamodules.support.cache import cache_root
from medrepro.datamodules.support.errors import InputError

FAMILIES = ("statistics", "cm")  # IBSI reference manual, Secs. 3.3 and 3.6
PREFIXES = ("stat_", "cm_")
GREY_LEVELS = 32  # assumed: a fixed number of bins over each nodule's own range
MISSING = "radiomics features need MIRP, which is not installed: pip install 'medrepro[radiomics]'"


def available() -> bool:
    """Whether MIRP is installed; nothing is imported."""
    return importlib.util.find_spec("mirp") is not None


def radiomics_table(
    images: Sequence[npt.NDArray[np.float64]],
    masks: Sequence[npt.NDArray[np.bool_]],
    cache_dir: str | Path | None = None,
) -> pd.DataFrame:
    """Return one row of IBSI features per image, computed once for these images and kept.

    A feature that is not defined, such as the correlation inside a mask of one grey level, is 0.

    Args:
        images: HU, each ``(H, W)`` with pixels of 1 mm.
        masks: of the same shapes, none empty.
        cache_dir: the cache folder, see `medrepro.datamodules.support.cache.cache_root`.

    Raises:
        InputError: MIRP is not installed, a mask is empty or of another shape, or the cache cannot be written.
    """
    if not available():
        raise InputError(MISSING)
    for number, (image, mask) in enumerate(zip(images, masks, strict=True)):
        if image.shape != mask.shape or not mask.any():
            raise InputError(f"image {number} {image.shape} needs a mask of its own shape that is not empty")
    path = cache_root(cache_dir) / "radiomics" / f"{_identity(images, masks)}.npz"
    return kept_frame(path, lambda: _extract(images, masks))


def _identity(images: Sequence[npt.NDArray[np.float64]], masks: Sequence[npt.NDArray[np.bool_]]) -> str:
    """Hash all that the features depend on."""
    digest = hashlib.sha256(f"{version('mirp')} {FAMILIES} {GREY_LEVELS}".encode())
    for image, mask in zip(images, masks, strict=True):
        digest.update(f"{image.shape}".encode() + image.tobytes() + mask.tobytes())
    return digest.hexdigest()[:32]


def _extract(images: Sequence[npt.NDArray[np.float64]], masks: Sequence[npt.NDArray[np.bool_]]) -> pd.DataFrame:
    """Compute the features of every image, in order."""
    from mirp import extract_features

    rows: list[pd.DataFrame] = []
    level = logging.root.manager.disable
    logging.disable(logging.INFO)  # MIRP reports each image
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # undefined features of one grey level: 0 below
            for image, mask in zip(images, masks, strict=True):
                settings: dict[str, Any] = {
                    "image_modality": "ct", "by_slice": True, "base_feature_families": list(FAMILIES),
                    "base_discretisation_method": "fixed_bin_number", "base_discretisation_n_bins": GREY_LEVELS,
                }  # fmt: skip
                rows += extract_features(image=image, mask=mask, **settings)
    finally:
        logging.disable(level)
    found = pd.concat(rows, ignore_index=True)
    kept = [column for column in found.columns if column.startswith(PREFIXES)]
    return found[kept].astype(np.float64).fillna(0.0)
