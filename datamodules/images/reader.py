"""The one reader of 2-D images: a folder, a tar of one, a CSV, an npz or IDX files; grey or colour, any size.

In: a path. Out: Records with 8-bit pixels, classes, the source's own split and groups where it has them,
and a content hash an image. Whatever cannot be read is listed, all of it, before anything is trained.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from medrepro.datamodules.images.archives import idx_entries, is_idx_folder, npz_entries
from medrepro.datamodules.images.entry import Entry, Pixels, content_hash, decode, squash, with_channels
from medrepro.datamodules.images.files import csv_entries, folder_entries, tar_entries
from medrepro.datamodules.images.resizing import ResizeMode, resize_images
from medrepro.datamodules.records import Records, Tier
from medrepro.datamodules.support.errors import InputError

LISTED = "\n  "


@dataclass(frozen=True)
class About:
    """What a result must say about a data set: see the attributes of ``Records`` of the same names."""

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
    channels: Literal[1, 3] | None = None,
    group_pattern: str | None = None,
    class_names: Sequence[str] = (),
) -> Records:
    """Read any of the layouts.

    Args:
        source: a folder ``split/class/file`` or ``class/file`` (or a ``.tar`` of one), a ``.csv`` with the
            columns path, label and perhaps split and group, an ``.npz``, or a folder of IDX files.
        about: what results will say about these data.
        image_size: side in px that every image is squashed to; None keeps the size, which must then be one.
        channels: 1 for grey, 3 for colour; None is 3 if any image is coloured, else 1.
        group_pattern: regular expression; its one group, searched in a file's path or name, names the patient.
        class_names: names of the labels 0..K-1 where the source has numbers only.

    Returns:
        Records of uint8 images ``(N, C, H, W)`` in 0..255 with the extra columns ``split``, ``content_hash``,
        ``width``, ``height`` (px, as found).

    Raises:
        FileNotFoundError: there is nothing at ``source``.
        InputError: an unknown layout, unreadable images (all listed), different sizes without ``image_size``.
    """
    return read_entries(list_entries(source, group_pattern), about, image_size, channels, class_names)


def list_entries(source: Path, group_pattern: str | None = None) -> list[Entry]:
    """List the images at ``source`` without reading them; the arguments are those of :func:`read_images`."""
    if not source.exists():
        raise FileNotFoundError(f"no image data at {source}: give an existing folder, .tar, .csv or .npz")
    if source.is_dir():
        return idx_entries(source) if is_idx_folder(source) else folder_entries(source, group_pattern)
    readers = {".csv": csv_entries, ".tar": tar_entries, ".npz": npz_entries}
    if source.suffix not in readers:
        raise InputError(f"{source.name}: not a known kind of image data; allowed: a folder, {', '.join(readers)}")
    return readers[source.suffix](source, group_pattern)


def read_entries(
    entries: Sequence[Entry],
    about: About,
    image_size: int | None = None,
    channels: Literal[1, 3] | None = None,
    class_names: Sequence[str] = (),
) -> Records:
    """Read listed images into Records; arguments, result and errors are those of :func:`read_images`."""
    if not entries:
        raise InputError(f"data {about.name}: no images found; allowed layouts: split/class/file and class/file")
    pictures = _read_all(entries, image_size)
    names = sorted({entry.label for entry in entries}, key=_natural)
    shown = tuple(class_names) or tuple(names)
    if len(shown) < len(names):
        raise InputError(f"data {about.name}: {len(names)} classes found ({', '.join(names[:10])}), {len(shown)} named")
    table = pd.DataFrame(
        {
            "sample_id": [entry.sample_id for entry in entries],
            "patient_id": [_group(entry, picture) for entry, picture in zip(entries, pictures, strict=True)],
            "label": np.array([names.index(entry.label) for entry in entries], dtype=np.int64),
            "cohort": about.name,
            "split": [entry.split for entry in entries],
            "content_hash": [picture.content_hash for picture in pictures],
            "height": [picture.height for picture in pictures],
            "width": [picture.width for picture in pictures],
        }
    )
    return Records(_stack(pictures, channels, about.name), table, classes=shown, **vars(about))


@dataclass(frozen=True)
class _Picture:
    """One image as it is kept: squashed if a size was given, with what is known of the original."""

    pixels: Pixels
    content_hash: str
    height: int
    width: int


def _read(entry: Entry, image_size: int | None) -> _Picture:
    """Decode one image; large originals are squashed at once, so that memory holds small ones only."""
    pixels = entry.pixels()
    height, width = pixels.shape[:2]
    kept = pixels if image_size is None else squash(pixels, image_size)
    return _Picture(kept, content_hash(pixels), height, width)


def _read_all(entries: Sequence[Entry], image_size: int | None) -> list[_Picture]:
    """Decode every image; one error lists all that cannot be."""
    pictures, unreadable = [], []
    for entry in entries:
        try:
            pictures.append(_read(entry, image_size))
        except (OSError, ValueError) as error:
            unreadable.append(f"{entry.sample_id}: {error}")
    if unreadable:
        raise InputError(
            f"{len(unreadable)} of {len(entries)} images cannot be read; mend or remove them:"
            + "".join(LISTED + line for line in unreadable)
        )
    return pictures


def _group(entry: Entry, picture: _Picture) -> str:
    """Name the patient: as known, else the sample; without a given split equal pictures are one patient."""
    return entry.group or (entry.sample_id if entry.split else picture.content_hash)


def _natural(name: str) -> tuple[int, str]:
    """Sort key that puts class 2 before class 10, and names in their alphabet."""
    return (int(name), "") if name.isdecimal() else (0, name)


def _stack(pictures: Sequence[_Picture], channels: Literal[1, 3] | None, name: str) -> npt.NDArray[np.uint8]:
    """Return all images as one array ``(N, C, H, W)``."""
    sizes = {picture.pixels.shape[:2] for picture in pictures}
    if len(sizes) > 1:
        raise InputError(
            f"data {name}: {len(sizes)} image sizes from {min(sizes)} to {max(sizes)} (rows, columns); "
            "give one side in px by --image-size"
        )
    depth = channels or (3 if any(picture.pixels.ndim == 3 for picture in pictures) else 1)
    stacked = np.empty((len(pictures), depth, *next(iter(sizes))), dtype=np.uint8)
    for position, picture in enumerate(pictures):
        stacked[position] = with_channels(picture.pixels, depth)
    return stacked


GROUP_PATTERN: Final = (
    r"^(.+?)(?:__[^/]*)?(?:\.\w+)?$"  # class/group of class/group__name.png; without __ its own group
)
SINGLE_FILES: Final = ("*.csv", "*.tar", "*.npz")


def read_resized(
    sources: Sequence[tuple[str, Callable[[], Pixels]]], size: int, mode: ResizeMode
) -> npt.NDArray[np.uint8]:
    """Decode (name, reader) pairs to ``(N, 3, size, size)`` 8 bit, one at a time.

    Raises:
        InputError: names the image that cannot be read or is too small for the mode.
    """
    images = np.empty((len(sources), 3, size, size), dtype=np.uint8)
    for number, (name, read) in enumerate(sources):
        try:
            images[number] = resize_images(with_channels(read(), 3)[None], size, mode)[0]
        except (OSError, ValueError) as error:
            raise InputError(f"image {name}: {error}") from error
    return images


def read_paths(paths: Sequence[Path], size: int, mode: ResizeMode) -> npt.NDArray[np.uint8]:
    """Read image files to ``(N, 3, size, size)`` 8 bit, see `read_resized`."""
    return read_resized([(str(path), partial(_decode, path)) for path in paths], size, mode)


def _decode(path: Path) -> Pixels:
    with path.open("rb") as stream:
        return decode(stream)


def read_folder(root: Path, size: int, mode: ResizeMode = "squash", group_pattern: str = GROUP_PATTERN) -> Records:
    """Read the user's images: a folder a class, or the one CSV, tar or npz that lies in ``root``.

    Args:
        root: the folder.
        size: side of the square images.
        mode: how they are made square.
        group_pattern: regular expression whose one group, searched in ``class/file``, names the flask.

    Raises:
        FileNotFoundError: there is no such folder.
        InputError: an unknown layout, one class only, or an image that cannot be read.
    """
    single = [path for pattern in SINGLE_FILES for path in sorted(root.glob(pattern))]
    source = single[0] if len(single) == 1 else root
    entries = list_entries(source, None if source.suffix == ".csv" else group_pattern)
    classes = tuple(sorted({entry.label for entry in entries}))
    if len(classes) < 2:
        raise InputError(f"{source}: {len(classes)} class(es) found; needed: two or more, as <class>/<group>__*.png")
    table = pd.DataFrame(
        {
            "sample_id": [entry.sample_id for entry in entries],
            "patient_id": [entry.group or entry.sample_id for entry in entries],
            "label": [classes.index(entry.label) for entry in entries],
            "cohort": root.name,
            "split": [entry.split for entry in entries],
        }
    )
    return Records(
        images=read_resized([(entry.sample_id, entry.pixels) for entry in entries], size, mode),
        table=table,
        name="folder",
        kind=f"images of {source.name}",
        task="class",
        licence="the owner's",
        classes=classes,
        tier="stand-in",
    )
