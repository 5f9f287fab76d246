"""Read LIVECell, phase-contrast images of eight cell lines: the public stand-in for the paper's private images.

Published as ``images/livecell_train_val_images`` and ``images/livecell_test_images``, flat or with a folder per line.
Groups are wells, because images of one well show the same cells over time.
"""

import re
from pathlib import Path
from typing import Final

import pandas as pd

from medrepro.datamodules.images.reader import read_paths
from medrepro.datamodules.images.resizing import ResizeMode
from medrepro.datamodules.records import Records

LINES: Final = ("A172", "BT474", "BV2", "Huh7", "MCF7", "SHSY5Y", "SkBr3", "SKOV3")
NAME: Final = re.compile(r"(?P<line>\w+?)_Phase_(?P<well>[A-P]\d+)_(?P<place>\d+)_(?P<time>\d+d\d+h\d+m)_(?P<crop>\d+)")


def index_livecell(root: Path) -> pd.DataFrame:
    """List the images below ``root``: path, line, well, place, time and crop, in the order of their names.

    Raises:
        FileNotFoundError: there is no image with a LIVECell name.
    """
    rows = []
    for path in sorted(root.rglob("*.tif")):
        found = NAME.fullmatch(path.stem)
        if found is not None and found["line"] in LINES:
            split = "test" if "livecell_test_images" in path.parts else "train_val"
            rows.append({"path": path, "split": split, **found.groupdict()})
    if not rows:
        raise FileNotFoundError(
            f"no LIVECell images below {root}: unpack the images archive there "
            "(livecell_train_val_images/..., file names like A172_Phase_A7_1_00d00h00m_1.tif) "
            "and give the folder by --data-root"
        )
    return pd.DataFrame(rows)


def read_livecell(root: Path, size: int, mode: ResizeMode = "squash") -> Records:
    """Read LIVECell as ``(N, 3, size, size)`` 8-bit images (grey repeated).

    The label is the line, the group the well.

    Raises:
        FileNotFoundError: there are no such images.
        InputError: an image cannot be read.
    """
    listed = index_livecell(root)
    present = tuple(line for line in LINES if (listed["line"] == line).any())
    table = pd.DataFrame(
        {
            "sample_id": [path.stem for path in listed["path"]],
            "patient_id": listed["line"] + "/" + listed["well"],
            "label": listed["line"].map(present.index).astype("int64"),
            "cohort": listed["split"],
        }
    )
    return Records(
        images=read_paths(list(listed["path"]), size, mode),
        table=table,
        name="livecell",
        kind="phase-contrast images of other cell lines",
        task="cell line",
        licence="CC BY-NC 4.0",
        classes=present,
        surrogate_for="cell line of the private images",
        tier="stand-in",
    )
