"""Read 2-D images, grey or colour, of any size, from a folder, a tar of one, a CSV, an npz or IDX files.

The Records hold 8-bit pixels, the source's own split and groups where it has them, and a content hash per image. One
error lists every image that cannot be read.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from medrepro.datamodules.images.archives import idx_entries, is_idx_folder, npz_entries
from medrepro.datamodules.images.entry import UNSPLIT, Entry, Pixels, content_hash, open_image, with_channels
from medrepro.datamodules.images.files import csv_entries, folder_entries, tar_entries
from medrepro.datamodules.images.resizing import ResizeMode, to_square
from medrepro.datamodules.records import Records, Tier
from medrepro.datamodules.support.errors import InputError

READERS = {".csv": csv_entries, ".tar": tar_entries, ".npz": npz_entries}
Channels = Literal[1, 3] | None
Resize = ResizeMode | Literal["bilinear"]


@dataclass(frozen=True)
class About:
    """What a result says about a data set: see the attributes of ``Records`` of the same names."""

    name: str
    kind: str = "images of the user"
    task: str = "class"
    licence: str = "not stated"
    surrogate_for: str | None = None
    tier: Tier = "stand-in"


def read_images(
    source: Path,
    about: About,
    image_size: int | None = None,
    channels: Channels = None,
    group_pattern: str | None = None,
    class_names: Sequence[str] = (),
    resize: Resize = "bilinear",
) -> Records:
    """Read any of the layouts.

    Args:
        source: a folder ``split/class/file`` or ``class/file`` (or a ``.tar`` of one), a ``.csv`` with the
            columns path, label and perhaps split and group, an ``.npz``, or a folder of IDX files.
        about: what results will say about these data.
        image_size: side in px of the square images; None keeps the size, which must then be one for all.
        channels: 1 for grey, 3 for colour; None is 3 if any image is coloured, else 1.
        group_pattern: regular expression; its one group, searched in a file's path or name, names the patient.
        class_names: names of the labels 0..K-1 where the source has numbers only.
        resize: how images are made square, see :func:`~medrepro.datamodules.images.resizing.to_square`.

    Returns:
        Records of uint8 images ``(N, C, H, W)`` in 0..255 with the extra columns ``split``, ``content_hash``,
        ``width``, ``height`` (px, as found). Without a given split or group, equal pictures are one patient.

    Raises:
        FileNotFoundError: there is nothing at ``source``.
        InputError: an unknown layout, a single class, unreadable images (all listed), or different sizes without
            ``image_size``.
    """
    entries = list_entries(source, group_pattern)
    classes = {entry.label for entry in entries}
    if len(classes) == 1:
        raise InputError(f"{source}: all images are of class {classes.pop()!r}; two or more are needed, as class/file")
    return read_entries(entries, about, image_size, channels, class_names, resize)


def only_archive(folder: Path) -> Path:
    """Return the only ``.csv``, ``.tar`` or ``.npz`` that lies in a folder, else the folder itself."""
    archives = [path for path in folder.glob("*") if path.suffix in READERS]
    return archives[0] if len(archives) == 1 else folder


def list_entries(source: Path, group_pattern: str | None = None) -> list[Entry]:
    """List the images at ``source`` without reading them; the arguments are those of :func:`read_images`."""
    if not source.exists():
        raise FileNotFoundError(f"no image data at {source}: give an existing folder, .tar, .csv or .npz")
    if source.is_dir():
        return idx_entries(source) if is_idx_folder(source) else folder_entries(source, group_pattern)
    if source.suffix not in READERS:
        raise InputError(f"{source.name}: not a known kind of image data; allowed: a folder, {', '.join(READERS)}")
    return READERS[source.suffix](source, group_pattern)


def read_entries(
    entries: Sequence[Entry],
    about: About,
    image_size: int | None = None,
    channels: Channels = None,
    class_names: Sequence[str] = (),
    resize: Resize = "bilinear",
) -> Records:
    """Read listed images into Records; arguments, result and errors are those of :func:`read_images`."""
    if not entries:
        raise InputError(f"data {about.name}: no images found; allowed layouts: split/class/file and class/file")
    names = sorted({entry.label for entry in entries}, key=_natural)
    shown = tuple(class_names) or tuple(names)
    if len(shown) < len(names):
        raise InputError(f"data {about.name}: {len(names)} classes found ({', '.join(names[:10])}), {len(shown)} named")
    pixels, found = _read(entries, image_size, resize)
    groups = [  # a sample of a source without groups is its own patient, or, before splitting, all of its copies are
        entry.group or (entry.sample_id if entry.split else digest)
        for entry, digest in zip(entries, found["content_hash"], strict=True)
    ]
    table = pd.DataFrame(
        {
            "sample_id": [entry.sample_id for entry in entries],
            "patient_id": groups,
            "label": np.array([names.index(entry.label) for entry in entries], dtype=np.int64),
            "cohort": about.name,
            "split": [entry.split for entry in entries],
        }
    )
    return Records(_stacked(pixels, channels, about.name), table.join(found), classes=shown, **vars(about))


def read_paths(paths: Sequence[Path], size: int, mode: ResizeMode) -> npt.NDArray[np.uint8]:
    """Read image files to ``(N, 3, size, size)`` 8 bit.

    Raises:
        InputError: lists the images that cannot be read or are too small for the mode.
    """
    entries = [Entry(str(path), "", UNSPLIT, "", partial(open_image, path)) for path in paths]
    return _stacked(_read(entries, size, mode)[0], 3, "")


def _read(entries: Sequence[Entry], size: int | None, resize: Resize) -> tuple[list[Pixels], pd.DataFrame]:
    """Decode every image and resize it at once, so that memory never holds two large ones."""
    kept: list[Pixels] = []
    found: list[tuple[str, int, int]] = []
    unreadable = []
    for entry in entries:
        try:
            pixels = entry.pixels()
            kept.append(pixels if size is None else to_square(pixels, size, resize))
            found.append((content_hash(pixels), *pixels.shape[:2]))
        except (OSError, ValueError) as error:
            unreadable.append(f"{entry.sample_id}: {error}")
    if unreadable:
        listed = "\n  ".join(unreadable)
        raise InputError(
            f"{len(unreadable)} of {len(entries)} images cannot be read; correct or remove them:\n  {listed}"
        )
    return kept, pd.DataFrame(found, columns=["content_hash", "height", "width"])


def _natural(name: str) -> tuple[int, str]:
    """Return the sort key that puts class 2 before class 10, and names in alphabetical order."""
    return (int(name), "") if name.isdecimal() else (0, name)


def _stacked(images: list[Pixels], channels: Channels, name: str) -> npt.NDArray[np.uint8]:
    """Return all images as one array ``(N, C, H, W)``, and empty the list, so that memory holds each of them once."""
    sizes = {pixels.shape[:2] for pixels in images}
    if len(sizes) > 1:
        raise InputError(
            f"data {name}: {len(sizes)} image sizes from {min(sizes)} to {max(sizes)} (rows, columns); "
            "give one side in px by --image-size"
        )
    depth = channels or (3 if any(pixels.ndim == 3 for pixels in images) else 1)
    stacked = np.empty((len(images), depth, *next(iter(sizes))), dtype=np.uint8)
    for position in reversed(range(len(images))):
        stacked[position] = with_channels(images.pop(), depth)
    return stacked
