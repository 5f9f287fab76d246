"""The format of the folders that ``python -m medrepro.datamodules.prepare`` writes and datamodules read.

The card is written last, so a folder without one is not finished, and nothing reads it.

    images.npy      int16 HU, (N, D, H, W) or (N, H, W), 1 mm per voxel unless the card says otherwise
    masks.npy       uint8, the outline of each image, eight pixels per byte along its last axis
    table.parquet   one row per image, in the order of the arrays
    series.parquet  one row per series: prepared, or skipped and why
    card.json       source, counts, versions, settings, checksums; card.md says the same as text
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from medrepro.datamodules.support.errors import InputError

FORMAT = "medrepro prepared data"
VERSION = 1  # raise it when a file, a column or a rule changes: older folders are then refused
CARD, PARTS = "card.json", ".parts"
IMAGES, MASKS, TABLE, SERIES = "images.npy", "masks.npy", "table.parquet", "series.parquet"
FILES = (IMAGES, MASKS, TABLE, SERIES)
BLOCK = 1 << 24


@dataclass(frozen=True)
class Prepared:
    """A finished folder.

    Attributes:
        images: int16 HU ``(N, *spatial)``, mapped read-only.
        packed_masks: uint8 ``(N, ..., ceil(W / 8))``, mapped read-only; :meth:`masks` unpacks them.
        table: N rows.
        series: one row per series of the source.
        card: what ``card.json`` says.
    """

    images: npt.NDArray[np.int16]
    packed_masks: npt.NDArray[np.uint8]
    table: pd.DataFrame
    series: pd.DataFrame
    card: dict[str, Any]

    def masks(self, index: npt.NDArray[np.int64] | slice = slice(None)) -> npt.NDArray[np.bool_]:
        """Return the outlines of the chosen images (all by default), bool ``(n, *spatial)``."""
        packed = np.asarray(self.packed_masks[index])
        return np.unpackbits(packed, axis=-1, count=self.images.shape[-1]).view(np.bool_)


def is_prepared(folder: Path) -> bool:
    """Return whether a folder was written by ``medrepro.datamodules.prepare``, finished or not."""
    return (folder / CARD).is_file() or (folder / PARTS).is_dir()


def open_prepared(folder: str | Path, name: str | None = None, verify: bool = False) -> Prepared:
    """Map a prepared folder.

    Args:
        folder: what ``--out`` named.
        name: what it must have been prepared as (``lidc``, ``luna16``, ``nsclc``, ``folder``); None takes any.
        verify: read everything and compare the checksums, not the sizes alone.

    Raises:
        FileNotFoundError: it is not there, or was not prepared.
        InputError: half prepared, of another version or name, or not what its card says; says what to do.
    """
    root = Path(folder).expanduser()
    card = read_card(root)
    if name is not None and card["name"] != name:
        raise InputError(f"{root} was prepared as {card['name']!r}, not {name!r}; {_again(name)}")
    for file in FILES:
        check_file(root / file, card["files"][file], verify)
    try:
        images = np.load(root / IMAGES, mmap_mode="r", allow_pickle=False)
        masks = np.load(root / MASKS, mmap_mode="r", allow_pickle=False)
        table, series = pd.read_parquet(root / TABLE), pd.read_parquet(root / SERIES)
    except (ValueError, OSError) as error:
        raise InputError(f"{root} cannot be read ({error}); delete it and prepare it again") from error
    if not len(images) == len(masks) == len(table):
        raise InputError(f"{root}: {len(images)} images, {len(masks)} masks, {len(table)} rows; prepare it again")
    return Prepared(images, masks, table, series, card)


def read_card(root: Path) -> dict[str, Any]:
    """Return the card of a finished folder of this version.

    Raises:
        FileNotFoundError: the folder is not there, or was not prepared.
        InputError: not finished, of another version, or damaged.
    """
    if not (root / CARD).is_file():
        if (root / PARTS).is_dir():
            raise InputError(
                f"{root} is half prepared; run the same python -m medrepro.datamodules.prepare again to finish it"
            )
        raise FileNotFoundError(f"{root} is no prepared folder (it has no {CARD}); {_again('NAME')}")
    try:
        card: dict[str, Any] = json.loads((root / CARD).read_text(encoding="utf-8"))
        known = card["format"] == FORMAT and set(FILES) <= set(card["files"]) and isinstance(card["name"], str)
        version = card["version"]
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise InputError(f"{root / CARD} is damaged ({error}); delete the folder and prepare it again") from error
    if not known:
        raise InputError(f"{root / CARD} is no card of a prepared folder; give another folder")
    if version != VERSION:
        raise InputError(
            f"{root} was prepared in format {version}, this program reads {VERSION}; {_again(card['name'])}"
        )
    return card


def _again(name: str) -> str:
    return f"prepare it: python -m medrepro.datamodules.prepare {name} --source DIR --out NEW_DIR"


def check_file(path: Path, said: dict[str, Any], verify: bool) -> None:
    """Compare a file's size with its card, and its checksum if asked.

    Raises:
        InputError: they differ.
    """
    size = path.stat().st_size if path.is_file() else -1
    if size != said["bytes"] or (verify and sha256(path) != said["sha256"]):
        raise InputError(f"{path} is not what its card says; delete the folder and prepare it again")


def sha256(path: Path) -> str:
    """Return a file's checksum."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()
