"""Read BreaKHis, 7909 microscope images of breast tumours: the cellline paper's intermediate stage of transfer.

Published as ``histology_slides/breast/<class>/SOB/<subtype>/<slide>/<n>X/*.png``; any folder with such file names will
do, because the name says all that is known of an image.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import pandas as pd

from medrepro.datamodules.images.reader import read_paths
from medrepro.datamodules.images.resizing import ResizeMode
from medrepro.datamodules.records import Records
from medrepro.datamodules.support.errors import InputError

SUBTYPES: Final = {
    "A": "adenosis",
    "F": "fibroadenoma",
    "PT": "phyllodes_tumor",
    "TA": "tubular_adenoma",
    "DC": "ductal_carcinoma",
    "LC": "lobular_carcinoma",
    "MC": "mucinous_carcinoma",
    "PC": "papillary_carcinoma",
}
BENIGN: Final = ("A", "F", "PT", "TA")
MAGNIFICATIONS: Final = (40, 100, 200, 400)
NAME: Final = re.compile(
    r"(?P<procedure>[A-Z]+)_(?P<kind>[BM])_(?P<subtype>[A-Z]+)-(?P<year>\d+)-(?P<slide>\d+[A-Z]*)"
    r"-(?P<magnification>\d+)-(?P<number>\d+)"
)


@dataclass(frozen=True)
class BreakhisName:
    """The fields of a file name.

    Attributes:
        malignant: tumour class.
        subtype: one of `SUBTYPES`.
        slide_id: year and slide, ``14-22549AB``: the data set's own "patient" (82 of them).
        patient_id: the same without the trailing letters, ``14-22549``: letters number the slides of one
            case, and one case (``14-13412``) appears under two subtypes, so 82 slide folders are 70 cases.
            Splits respect this.
        magnification: 40, 100, 200 or 400.
        number: which image of that slide and magnification.
    """

    malignant: bool
    subtype: str
    slide_id: str
    patient_id: str
    magnification: int
    number: int


def parse_name(name: str) -> BreakhisName:
    """Parse a file name such as ``SOB_B_TA-14-4659-40-001.png``.

    Raises:
        InputError: the name is not of that form, or contradicts itself.

    Example:
        >>> parse_name("SOB_B_A-14-22549AB-40-001.png").patient_id
        '14-22549'
    """
    found = NAME.fullmatch(Path(name).stem)
    if found is None or found["subtype"] not in SUBTYPES or int(found["magnification"]) not in MAGNIFICATIONS:
        raise InputError(f"{name!r} is no BreaKHis name; expected for example SOB_B_TA-14-4659-40-001.png")
    if (found["kind"] == "B") != (found["subtype"] in BENIGN):
        raise InputError(f"{name!r} contradicts itself: subtype {found['subtype']} is not {found['kind']}")
    slide = f"{found['year']}-{found['slide']}"
    return BreakhisName(
        malignant=found["kind"] == "M",
        subtype=SUBTYPES[found["subtype"]],
        slide_id=slide,
        patient_id=slide.rstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
        magnification=int(found["magnification"]),
        number=int(found["number"]),
    )


def index_breakhis(root: Path, magnification: int | None = None) -> pd.DataFrame:
    """List the images below ``root``: path and every field of `BreakhisName`, in the order of their names.

    Raises:
        FileNotFoundError: there is no image with a BreaKHis name.
    """
    paths = sorted(path for path in root.rglob("*.png") if NAME.fullmatch(path.stem))
    rows = [{"path": path, **vars(parse_name(path.name))} for path in paths]
    rows = [row for row in rows if magnification in (None, row["magnification"])]
    if not rows:
        raise FileNotFoundError(
            f"no BreaKHis images{'' if magnification is None else f' at {magnification}X'} below {root}: "
            "unpack BreaKHis_v1.tar.gz there (file names like SOB_B_TA-14-4659-40-001.png) "
            "and give the folder by --data-root"
        )
    return pd.DataFrame(rows)


def read_breakhis(
    root: Path,
    size: int,
    mode: ResizeMode = "squash",
    magnification: int | None = None,
    task: Literal["malignancy", "subtype"] = "malignancy",
) -> Records:
    """Read BreaKHis as ``(N, 3, size, size)`` 8-bit images, benign 0 and malignant 1, or eight subtypes.

    Raises:
        FileNotFoundError: there are no such images.
        InputError: an image cannot be read.
    """
    listed = index_breakhis(root, magnification)
    classes = ("benign", "malignant") if task == "malignancy" else tuple(SUBTYPES.values())
    labels = listed["malignant"].astype(int) if task == "malignancy" else listed["subtype"].map(classes.index)
    table = pd.DataFrame(
        {
            "sample_id": [path.stem for path in listed["path"]],
            "patient_id": listed["patient_id"],
            "label": labels.astype("int64"),
            "cohort": listed["magnification"].map("{}X".format),
            "slide_id": listed["slide_id"],
            "subtype": listed["subtype"],
        }
    )
    return Records(
        images=read_paths(list(listed["path"]), size, mode),
        table=table,
        name="breakhis",
        kind="microscope images of stained breast tumour",
        task=task,
        licence="CC BY 4.0",
        classes=classes,
        tier="original",
    )
