"""Read two public collections of CT slices, as they are distributed, as 8-bit grey 64 x 64 slices.

Nothing is extracted to disk, nothing is unpickled.
"""

import io
import tarfile
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt
import pandas as pd
from PIL import Image, UnidentifiedImageError

from medrepro.datamodules.records import Records
from medrepro.datamodules.support.errors import InputError

LIDC_FILE = "lidc_nodules/lidc_masked_nodules.npz"
NSCLC_FILE = "nsclc/nsclc_egfr_ct256.tar"
PATCH = 64
LARGEST_MEMBER = 4_000_000  # bytes; a 256 x 256 JPEG has some 10,000
STATUS = {"Wildtype": 0, "Mutant": 1}


def existing(root: Path, name: str, what: str) -> Path:
    """Return ``root/name``.

    Raises:
        FileNotFoundError: names the file, the root and what it should hold.
    """
    path = root / name
    if not path.is_file():
        raise FileNotFoundError(f"{path} not found: --data-root must be the folder that holds {name} ({what})")
    return path


def lidc_nodule_slices(root: Path) -> Records:
    """Read 5043 real CT slices of 882 LIDC nodules; pixels outside the radiologist's contour are 0.

    Raises:
        FileNotFoundError: the archive is missing.
        InputError: it lacks an array or the arrays do not fit together.
    """
    path = existing(root, LIDC_FILE, "slices of LIDC nodules")
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in ("slices", "offsets", "label", "exam_id", "nodule_id")}
    except (KeyError, ValueError, OSError) as error:
        raise InputError(f"{path} cannot be read ({error}); fetch it again") from error
    counts = np.diff(arrays["offsets"])
    if counts.sum() != len(arrays["slices"]) or len(counts) != len(arrays["label"]):
        raise InputError(f"{path}: offsets describe {counts.sum()} slices, the file has {len(arrays['slices'])}")
    nodule = np.repeat(np.arange(len(counts)), counts)
    within = np.concatenate([np.arange(count) for count in counts])
    names = [f"{arrays['nodule_id'][n]}:{n}" for n in range(len(counts))]
    table = pd.DataFrame(
        {
            "sample_id": [f"{names[n]}/{k}" for n, k in zip(nodule, within, strict=True)],
            "patient_id": arrays["exam_id"][nodule].astype(str),
            "nodule_id": [names[n] for n in nodule],
            "label": arrays["label"][nodule].astype(np.int64),
            "cohort": "lidc",
            "mask_pixels": (arrays["slices"] > 0).sum(axis=(1, 2)),
        }
    )
    return Records(
        images=arrays["slices"][:, None],
        table=table,
        name="lidc-nodules",
        kind="real CT slices, masked by a radiologist's contour",
        task="malignancy",
        surrogate_for="EGFR status",
        licence="none stated (LIDC-IDRI is CC BY 3.0)",
        classes=("benign", "malignant"),
    )


def nsclc_slices(root: Path) -> Records:
    """Read 2292 whole CT slices of 79 NSCLC Radiogenomics patients with EGFR status, shrunk to 64 x 64.

    The lesion's position is not known, so nothing centres on it.

    Raises:
        FileNotFoundError: the archive is missing.
        InputError: lists unreadable members, unknown labels, or patients of two classes.
    """
    path = existing(root, NSCLC_FILE, "NSCLC Radiogenomics slices by EGFR status")
    rows: list[tuple[str, str, int]] = []
    images: list[npt.NDArray[np.uint8]] = []
    bad: list[str] = []
    with tarfile.open(path) as archive:
        for member in archive:
            if not member.isfile() or member.name.endswith(".csv"):  # the archive lists its patients too
                continue
            parts = PurePosixPath(member.name).parts
            image = _member_image(archive, member)
            if len(parts) != 3 or parts[0] not in STATUS or image is None:
                bad.append(member.name)
                continue
            rows.append((member.name, parts[1], STATUS[parts[0]]))
            images.append(image)
    if bad:
        raise InputError(f"{path}: {len(bad)} members are no CT slices, such as {', '.join(bad[:3])}; fetch it again")
    table = pd.DataFrame(rows, columns=["sample_id", "patient_id", "label"])
    both = table.groupby("patient_id")["label"].nunique()
    if (both > 1).any():
        raise InputError(f"{path}: patient {both.index[both > 1][0]} is filed under two EGFR statuses")
    return Records(
        images=np.stack(images)[:, None],
        table=table.assign(cohort="nsclc"),
        name="nsclc-slices",
        kind="real CT slices, whole axial images without a lesion position",
        task="EGFR status",
        licence="TCIA NSCLC Radiogenomics, CC BY 3.0",
        classes=("wild type", "mutant"),
    )


def _member_image(archive: tarfile.TarFile, member: tarfile.TarInfo) -> npt.NDArray[np.uint8] | None:
    """Decode one member to (64, 64) grey, or None if it is no image of a believable size."""
    stream = archive.extractfile(member)
    if stream is None or member.size > LARGEST_MEMBER:
        return None
    try:
        with Image.open(io.BytesIO(stream.read())) as image:
            grey = image.convert("L").resize((PATCH, PATCH), Image.Resampling.BOX)
    except (UnidentifiedImageError, OSError):
        return None
    return np.asarray(grey, dtype=np.uint8)
