"""Data of the cellline paper: square images of cell lines in [0, 1], folds by flask, augmented copies to train on.

Given a frozen backbone, the datamodule hands out its cached features instead of images. Augmented copies are drawn
once, so that their features can be cached too.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
import torch
from monai.transforms import Compose, ScaleIntensityRange
from torch import Tensor

from medrepro.datamodules.augment import CellAugment
from medrepro.datamodules.base import ReproDataModule, data_folder
from medrepro.datamodules.features.frozen import cached_features
from medrepro.datamodules.images.breakhis import read_breakhis
from medrepro.datamodules.images.livecell import read_livecell
from medrepro.datamodules.images.reader import About, only_archive, read_images
from medrepro.datamodules.images.rendered_cells import LINES, render_lines, source_lines
from medrepro.datamodules.images.resizing import ResizeMode, resize_images
from medrepro.datamodules.loader import ResumableLoader
from medrepro.datamodules.records import Records
from medrepro.datamodules.samplers import EpochBatchSampler, RandomBatchSampler
from medrepro.datamodules.splits import Indices, Split, fold_split, official_split
from medrepro.datamodules.support.errors import InputError

GROUP_PATTERN: Final = r"^(.+?)(?:__[^/]*)?(?:\.\w+)?$"  # class/group of class/group__name.png, else class/name
DataName = Literal["embedded", "source", "folder", "livecell", "breakhis"]
PARENTAL: Final = tuple(line.name for line in LINES if not line.parent)
ADAPTED: Final = tuple(line.name for line in LINES if line.parent)
TASKS: Final[dict[str, tuple[str, ...]]] = {  # "Authentication stages", Tables 4, 5, 6 and 10
    "all": (),
    "parental": PARENTAL,
    "adapted": ADAPTED,
    **{line.parent.lower(): (line.parent, line.name) for line in LINES if line.parent},
    "efo-parental": ("EFO-21", "EFO-27"),
    "efo-adapted": ("EFO-21rCDDP2000", "EFO-27rCDDP2000"),
}


@dataclass(frozen=True)
class Source:
    """Everything that decides which images are read: the datamodule's arguments of the same names."""

    data: DataName
    data_root: str | None
    task: str
    image_size: int
    resize: ResizeMode
    grey: bool
    share: float
    flasks: int
    width: int
    source_set: int
    group_pattern: str


@dataclass(frozen=True)
class Extractor:
    """A frozen backbone: images ``(B, C, H, W)`` in [0, 1] to features ``(B, width)``, and what it depends on."""

    extract: Callable[[Tensor], Tensor]
    depends_on: Mapping[str, str | int | float]
    width: int


class CellLineDataModule(ReproDataModule):
    """Images or features of cell lines.

    Args:
        data: ``embedded``: eight rendered lines, synthetic; ``source``: other rendered lines, to pretrain on;
            ``folder``, ``livecell``, ``breakhis``: files below ``data_root``.
        data_root: folder of the real data.
        cache_dir: where features are kept.
        task: which classes: ``all``, ``parental``, ``adapted``, a parent's name for the pair with its
            subline, ``efo-parental`` or ``efo-adapted``.
        image_size: side of the square input.
        resize: how images are made square.
        grey: one channel, the luminance, instead of RGB.
        augment: no augmented copies, or width-shifted ones filled with the nearest pixel or black.
        draws: augmented copies of each training image.
        train_fraction: share of the training images that is used (Table 7).
        batch_size: global batch.
        folds: parts of the cross-validation.
        fold: which of them is the test part.
        share: of Table 1's number of images that is rendered.
        flasks: per line, in the rendered data.
        width: pixels in a row of a rendered image.
        source_set: which set of other lines ``source`` draws.
        group_pattern: names the flask in ``class/file`` of ``folder``.
        seed: of split, augmentation and order; rendering is fixed, so all seeds see the same images.
        leaky_split: image-level folds, the paper's: images of one flask on both sides.
        num_workers: loader processes.
        shuffle_labels: see :class:`ReproDataModule`.
    """

    def __init__(
        self,
        data: DataName = "embedded",
        data_root: str | None = None,
        cache_dir: str | None = None,
        task: str = "all",
        image_size: int = 299,  # "Resizing and cropping": InceptionResNetV2; MobileNet has 224
        resize: ResizeMode = "squash",  # "resizing only without cropping performed better"
        grey: bool = False,
        augment: Literal["none", "nearest", "constant"] = "nearest",  # "Pilot classification": strategy V
        draws: int = 4,  # assumed: the paper augments while training
        train_fraction: float = 1.0,
        batch_size: int = 16,  # "batch size of 16 was chosen"
        folds: int = 10,  # "tenfold cross validation"
        fold: int = 0,
        share: float = 1.0,
        flasks: int = 10,
        width: int = 256,
        source_set: int = 0,
        group_pattern: str = GROUP_PATTERN,
        seed: int = 0,
        leaky_split: bool = False,
        num_workers: int = 0,
        shuffle_labels: bool = False,
    ) -> None:
        super().__init__(
            batch_size, num_workers=num_workers, seed=seed, leaky_split=leaky_split, shuffle_labels=shuffle_labels
        )
        if task not in TASKS:
            raise InputError(f"task {task!r}; allowed: {', '.join(TASKS)}")
        if not 0 < train_fraction <= 1 or draws < 0:
            raise InputError(f"train fraction {train_fraction}, draws {draws}; allowed: (0, 1], 0 or more")
        self.source = Source(
            data, data_root, task, image_size, resize, grey, share, flasks, width, source_set, group_pattern
        )
        self.cache_dir = cache_dir
        self.augment = CellAugment(fill=augment) if augment != "none" else None
        self.draws = draws if augment != "none" else 0
        self.train_fraction = train_fraction
        self.folds = folds
        self.fold = fold
        self.extractor: Extractor | None = None

    def load_records(self) -> Records:
        """Read the images of the chosen source, resized; kept in memory for the next cell of this process."""
        return _read(self.source)

    def split(self, records: Records) -> Split:
        """The source's own split where it has one, else ten folds by flask (by image if leaky, as the paper's)."""
        labels, groups = records.labels, records.patients
        given = records.table["split"] if "split" in records.table.columns else np.full(len(records), "")
        split = official_split(given, labels, groups, 1 / 9, self.seed)
        if split is None and self.leaky_split:
            ids = records.table["sample_id"].to_numpy(dtype=np.str_)
            split = replace(self._folds(labels, ids), leaky=True)
        split = split or self._folds(labels, groups)
        return replace(split, train=_thin(split.train, labels, self.train_fraction, self.seed))

    def _folds(self, labels: npt.NDArray[np.int64], groups: npt.NDArray[np.str_]) -> Split:
        """One fold to test, one of the others to validate, the rest to train ("nine folds", Table 4)."""
        return _fold(labels.tobytes(), tuple(groups), self.folds, self.fold, self.seed)

    def preprocess(self) -> Compose:
        """8 bit to [0, 1]; images are square already, and the network subtracts their channel means."""
        return Compose([ScaleIntensityRange(a_min=0, a_max=255, b_min=0.0, b_max=1.0)])

    def use_features(self, extractor: Extractor) -> None:
        """Hand out features of this backbone instead of images; before :meth:`setup`."""
        self.extractor = extractor

    def setup(self, stage: str | None = None) -> None:
        """Load, split, check, preprocess, and put the labels of augmented copies behind the originals'."""
        fresh = not hasattr(self, "images")
        super().setup(stage)
        if fresh:
            self.labels = self.labels.repeat(1 + self.draws)

    def _images(self, records: Records) -> Tensor:
        """Return originals, then every augmented copy: row k N + i is draw k of image i."""
        originals: npt.NDArray[np.uint8] = np.asarray(records.images, dtype=np.uint8)
        copies = [_copy(self.source, self.augment, self.seed, k + 1) for k in range(self.draws)] if self.augment else []
        return torch.cat([self._one_set(images, records) for images in (originals, *copies)])

    def _one_set(self, images: npt.NDArray[np.uint8], records: Records) -> Tensor:
        if self.extractor is None:
            return super()._images(replace(records, images=images))
        chosen = self.extractor
        return torch.from_numpy(
            cached_features(chosen.extract, images, chosen.depends_on, chosen.width, self.cache_dir)
        )

    def train_rows(self) -> Indices:
        """Return the rows of `images` that are trained on: the training part and its augmented copies."""
        count = len(self.records)
        return np.concatenate([self.parts.train + copy * count for copy in range(1 + self.draws)])

    def train_sampler(self, rank: int, world_size: int) -> EpochBatchSampler:
        """Shuffle the originals and copies that `train_rows` lists."""
        return RandomBatchSampler(len(self.train_rows()), self.batch_size, self.seed, rank, world_size)

    def train_dataloader(self) -> ResumableLoader:
        """Return training batches of originals and copies; validation and test see originals only."""
        return self._loader(self.train_rows(), self.train_sampler(*self._rank()))


@lru_cache(maxsize=4)
def _read(source: Source) -> Records:
    """Read one source; the last few stay in memory, because every fold asks for the same."""
    records = _raw(source)
    if TASKS[source.task]:
        records = _only(records, TASKS[source.task])
    return replace(records, images=to_grey(records.images)) if source.grey else records


@lru_cache(maxsize=16)
def _copy(source: Source, augment: CellAugment, seed: int, draw: int) -> npt.NDArray[np.uint8]:
    """Return one augmented copy of all images of a source; like the images, it serves every fold."""
    return augment(np.asarray(_read(source).images, dtype=np.uint8), seed, draw)


@lru_cache(maxsize=64)
def _fold(labels: bytes, groups: tuple[str, ...], folds: int, fold: int, seed: int) -> Split:
    """Return one fold's parts; nine strategies ask for the same, and a head trains faster than scikit-learn folds."""
    values = np.frombuffer(labels, dtype=np.int64)
    return fold_split(values, np.array(groups), folds, fold, 1 / max(2, folds - 1), seed)


def _raw(source: Source) -> Records:
    if source.data in ("embedded", "source"):
        return _rendered(source)
    root = data_folder(source.data_root)
    if source.data == "folder":
        return _folder(root, source)
    reader = {"livecell": read_livecell, "breakhis": read_breakhis}[source.data]
    return reader(root, source.image_size, source.resize)


def _folder(root: Path, source: Source) -> Records:
    """Read the user's images: a folder per class, or the only CSV, tar or npz in ``root``."""
    place = only_archive(root)
    about = About("folder", f"images of {place.name}", licence="the owner's")
    pattern = None if place.suffix == ".csv" else source.group_pattern  # a CSV has a column of groups
    records = read_images(place, about, source.image_size, 3, pattern, resize=source.resize)
    return replace(records, table=records.table.assign(cohort=root.name))


def _rendered(source: Source) -> Records:
    """Render the eight lines, or the other lines (never the target's) that a backbone is pretrained on."""
    if source.data == "embedded":
        records = render_lines(LINES, source.share, flasks=source.flasks, width=source.width)
    else:
        lines = source_lines(seed=source.source_set)
        records = render_lines(lines, source.share, source.source_set + 1, source.flasks, source.width)
        records = replace(records, name="source", task="rendered source line", surrogate_for=None)
    images = np.asarray(records.images, dtype=np.uint8)
    return replace(records, images=resize_images(images, source.image_size, source.resize))


def _only(records: Records, names: tuple[str, ...]) -> Records:
    """Keep the named classes and number them again, in that order.

    Raises:
        InputError: a class is not there.
    """
    missing = [name for name in names if name not in records.classes]
    if missing:
        raise InputError(f"data {records.name} has no class {missing[0]!r}; it has {', '.join(records.classes)}")
    kept = records.subset(np.flatnonzero([records.classes[label] in names for label in records.labels]))
    labels = [names.index(records.classes[label]) for label in kept.labels]
    return replace(kept, table=kept.table.assign(label=labels), classes=names)


def to_grey(images: npt.NDArray[np.generic]) -> npt.NDArray[np.uint8]:
    """Return RGB 8-bit ``(N, 3, H, W)`` as grey ``(N, 1, H, W)``, by the weights of ITU-R BT.601."""
    grey = np.tensordot(images.astype(np.float32), np.array([0.299, 0.587, 0.114], np.float32), axes=(1, 0))
    return np.rint(grey).astype(np.uint8)[:, None]


def _thin(index: Indices, labels: npt.NDArray[np.int64], fraction: float, seed: int) -> Indices:
    """Keep a share of each class's images, at least one (Table 7)."""
    if fraction == 1.0:
        return index
    rng = np.random.default_rng([seed, 13])
    kept = [rng.permutation(index[labels[index] == label]) for label in np.unique(labels[index])]
    return np.sort(np.concatenate([rows[: max(1, round(fraction * len(rows)))] for rows in kept]))
