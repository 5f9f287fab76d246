"""Records: one array of images and one checked table, which every source returns and every paper starts from."""

import hashlib
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from medrepro.datamodules.support.errors import InputError

REQUIRED_COLUMNS = ("sample_id", "patient_id", "label", "cohort")
CHUNK = 256
Tier = Literal["embedded", "stand-in", "original"]


@dataclass(frozen=True)
class Records:
    """Samples of one data set, in memory or memory-mapped.

    Attributes:
        images: ``(N, C, *spatial)``, in the source's own unit (HU, 8-bit grey, [0, 1]).
        table: N rows; ``sample_id`` (unique str), ``patient_id`` (str), ``label`` (int, 0..K-1), ``cohort`` (str),
            and whatever else the source knows (``diameter_mm``, ``nodule_id``, ...).
        name: what ``--data`` calls it.
        kind: one phrase, such as "real annotations, rendered intensities".
        task: what the label is.
        surrogate_for: the paper's own label where ``task`` only stands in for it, else None.
        tier: whether these are embedded data, a public stand-in, or the paper's original data.
        licence: as the source states it.
        classes: names of labels 0..K-1.
    """

    images: npt.NDArray[np.generic]
    table: pd.DataFrame
    name: str
    kind: str
    task: str
    licence: str
    classes: tuple[str, ...]
    surrogate_for: str | None = None
    tier: Tier = "stand-in"

    def __post_init__(self) -> None:
        missing = [column for column in REQUIRED_COLUMNS if column not in self.table.columns]
        if missing:
            raise InputError(f"data {self.name}: the table lacks {', '.join(missing)}; needed: {REQUIRED_COLUMNS}")
        if len(self.images) != len(self.table):
            raise InputError(f"data {self.name}: {len(self.images)} images but {len(self.table)} rows in the table")
        if len(self.table) == 0:
            raise InputError(f"data {self.name}: no samples; check the folder and the selection")
        if not self.table["sample_id"].is_unique:
            twice = self.table["sample_id"][self.table["sample_id"].duplicated()].iloc[0]
            raise InputError(f"data {self.name}: sample_id {twice!r} occurs more than once; ids must be unique")
        self._check_labels()

    def _check_labels(self) -> None:
        labels = self.table["label"].to_numpy()
        if not np.issubdtype(labels.dtype, np.integer) or labels.min() < 0 or labels.max() >= len(self.classes):
            raise InputError(
                f"data {self.name}: labels are {sorted(set(labels.tolist()))[:10]}; "
                f"allowed: integers 0..{len(self.classes) - 1} ({', '.join(self.classes)})"
            )

    def __len__(self) -> int:
        """Number of samples N."""
        return len(self.table)

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        """``(N,)`` class of each sample."""
        return self.table["label"].to_numpy(dtype=np.int64)

    @property
    def patients(self) -> npt.NDArray[np.str_]:
        """``(N,)`` patient of each sample: the unit that splits and confidence intervals respect."""
        return self.table["patient_id"].to_numpy(dtype=np.str_)

    @property
    def sha256(self) -> str:
        """Fingerprint of pixels, ids, patients and labels, read in bounded chunks."""
        digest = hashlib.sha256(f"{self.images.shape}{self.images.dtype}".encode())
        for start in range(0, len(self.images), CHUNK):
            digest.update(np.ascontiguousarray(self.images[start : start + CHUNK]).tobytes())
        for column in REQUIRED_COLUMNS:
            digest.update("\n".join(map(str, self.table[column])).encode())
        return digest.hexdigest()

    def subset(self, index: npt.NDArray[np.int64]) -> "Records":
        """Return the samples at ``index``, in that order; the images are copied into memory."""
        return replace(self, images=np.asarray(self.images[index]), table=self.table.iloc[index].reset_index(drop=True))

    def check_finite(self) -> None:
        """Raise if any pixel is NaN or infinite, and name its sample.

        Raises:
            InputError: a sample holds a non-finite value.
        """
        if not np.issubdtype(self.images.dtype, np.floating):
            return
        for start in range(0, len(self.images), CHUNK):
            flat = np.asarray(self.images[start : start + CHUNK]).reshape(min(CHUNK, len(self.images) - start), -1)
            bad = ~np.isfinite(flat).all(axis=1)
            if bad.any():
                name = self.table["sample_id"].iloc[start + int(bad.argmax())]
                raise InputError(
                    f"data {self.name}: sample {name!r} holds NaN or infinite pixels; correct or remove that sample"
                )
