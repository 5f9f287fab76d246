"""Image files of any size, resized on reading: what the cell-line paper's own data would be handed over as.

In: ``<class>/<group>__<anything>.jpg|png|tif``, or a CSV, tar or npz of the shared image reader; out: square
8-bit RGB `Records`. The group (flask, well, session) is what honest folds keep whole. Originals of 2560 x
1922 pixels never pile up in memory: each is resized as soon as it is decoded.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from datamodules.errors import InputError
from datamodules.image_entry import Pixels, decode, with_channels
from datamodules.images import list_entries
from datamodules.records import Records
from datamodules.resizing import ResizeMode, resize_images

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
