"""List images in arrays: npz in four layouts, and MNIST's IDX files. Nothing pickled is ever loaded."""

import functools
import gzip
import math
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from medrepro.datamodules.images.entry import UNSPLIT, Entry, from_array
from medrepro.datamodules.images.files import group_of, split_name
from medrepro.datamodules.splits import PARTS
from medrepro.datamodules.support.errors import InputError

Array = npt.NDArray[np.generic]
LAYOUTS = [  # split, name of the images, name of the labels: MedMNIST's, Keras's, and one part
    *((part, f"{part}_images", f"{part}_labels") for part in PARTS),
    *((part, f"x_{part}", f"y_{part}") for part in PARTS),
    (UNSPLIT, "x", "y"),
]
ALLOWED = "{split}_images and {split}_labels; x_{split} and y_{split}; x and y; images, label and split"
IDX_PREFIXES = {"train": "train", "test": "t10k"}
IDX_UBYTE = 0x08


def npz_entries(archive: Path, group_pattern: str | None = None) -> list[Entry]:
    """List the images of an npz.

    Layouts: MedMNIST's ``train_images``, ``train_labels``, ``val_...``, ``test_...``; Keras's ``x_train``,
    ``y_train``, ...; plain ``x``, ``y``; and flat ``images``, ``label``, ``split`` with optional ``filename``
    (ids) and ``group`` (patients).

    Raises:
        InputError: not an npz, an unknown layout, or counts that do not agree.
    """
    try:
        with np.load(archive, allow_pickle=False) as content:
            arrays = {name: content[name] for name in content.files}
    except (OSError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"{archive} cannot be read as an npz of plain arrays: {error}") from error
    if {"images", "label", "split"} <= arrays.keys():
        return _flat(arrays, archive.name, group_pattern)
    entries: list[Entry] = []
    for split, images, labels in LAYOUTS:
        if images in arrays and labels in arrays:
            entries += array_entries(arrays[images], arrays[labels], split, archive.name)
    if not entries:
        raise InputError(f"{archive.name}: unknown layout ({', '.join(arrays)}); allowed: {ALLOWED}")
    return entries


def _flat(arrays: dict[str, Array], source: str, group_pattern: str | None) -> list[Entry]:
    """List the images of the flat layout, where the split is an array like the labels."""
    images, given = arrays["images"], [str(name) for name in arrays["split"]]
    labels = [str(label) for label in arrays["label"].reshape(-1)]
    ids = [str(name) for name in arrays.get("filename", np.array([f"{i:06d}" for i in range(len(images))]))]
    groups = [str(name) for name in arrays["group"]] if "group" in arrays else [group_of(i, group_pattern) for i in ids]
    _same_length(source, images=images, label=labels, split=given, filename=ids, group=groups)
    return [
        Entry(f"{part}/{label}/{name}", label, split_name(part, source), group, functools.partial(from_array, image))
        for image, name, label, part, group in zip(images, ids, labels, given, groups, strict=True)
    ]


def array_entries(images: Array, labels: Array, split: str, source: str) -> list[Entry]:
    """List stacked images ``(N, H, W)`` or ``(N, H, W, C)`` with labels ``(N,)`` or ``(N, 1)``.

    Raises:
        InputError: several labels per image, or counts that do not agree.
    """
    if labels.ndim > 2 or (labels.ndim == 2 and labels.shape[1] != 1):
        raise InputError(f"{source}: labels of shape {labels.shape}; one class per image is needed, not several labels")
    classes = [str(label) for label in labels.reshape(-1)]
    _same_length(source, images=images, labels=classes)
    return [
        Entry(f"{split or 'all'}/{position:06d}", label, split, "", functools.partial(from_array, image))
        for position, (image, label) in enumerate(zip(images, classes, strict=True))
    ]


def _same_length(source: str, **columns: Array | Sequence[str]) -> None:
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        found = ", ".join(f"{count} {name}" for name, count in lengths.items())
        raise InputError(f"{source}: {found}; the counts must be equal")


def is_idx_folder(folder: Path) -> bool:
    """Return whether a folder holds MNIST's test or training images."""
    return any(_idx_file(folder, prefix, "images-idx3") for prefix in IDX_PREFIXES.values())


def idx_entries(folder: Path) -> list[Entry]:
    """List the images of MNIST's files ``{train,t10k}-{images-idx3,labels-idx1}-ubyte``, plain or gzipped.

    Raises:
        InputError: images without labels, or a damaged file.
    """
    entries: list[Entry] = []
    for split, prefix in IDX_PREFIXES.items():
        images, labels = _idx_file(folder, prefix, "images-idx3"), _idx_file(folder, prefix, "labels-idx1")
        if images is None:
            continue  # a folder may hold the test files alone
        if labels is None:
            raise InputError(f"{folder}: {images.name} has no labels beside it; add {prefix}-labels-idx1-ubyte")
        entries += array_entries(read_idx(images), read_idx(labels), split, folder.name)
    return entries


def _idx_file(folder: Path, prefix: str, what: str) -> Path | None:
    plain = folder / f"{prefix}-{what}-ubyte"
    return next((path for path in (plain, plain.with_name(f"{plain.name}.gz")) if path.is_file()), None)


def read_idx(path: Path) -> npt.NDArray[np.uint8]:
    """Read an IDX file of unsigned bytes: magic number, big-endian sizes, data; gunzipped if it is ``.gz``.

    torchvision's reader takes no ``.gz`` and checks by assertion alone.

    Raises:
        InputError: not IDX, another type than bytes, or more or less data than the sizes say.
    """
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path} cannot be unpacked: {error}; get it again") from error
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] != IDX_UBYTE:
        raise InputError(f"{path} is no IDX file of unsigned bytes: it starts with {content[:4].hex(' ')}")
    header = 4 + 4 * content[3]
    shape = tuple(int.from_bytes(content[start : start + 4], "big") for start in range(4, header, 4))
    if len(content) - header != math.prod(shape):
        raise InputError(f"{path} holds {len(content)} bytes, its header says {header} and {shape}; get it again")
    return np.frombuffer(content, dtype=np.uint8, offset=header).reshape(shape)
