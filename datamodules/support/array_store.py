"""Renderings on disk: appended one nodule at a time, checked on opening, finished after a kill.

In: :class:`~medrepro.datamodules.rendering.pool.Rendering` items in a fixed order; out: one file of int16 planes and
one of
packed masks to map into memory. A ledger line with a checksum is written after each nodule's data; whatever lies
behind the last line that checks out (a half-written nodule, a damaged block) is cut off and rendered again. As
rendering is deterministic, a finished cache has the same bytes whatever happened on the way.
"""

import contextlib
import hashlib
import json
import logging
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import numpy as np

from medrepro.datamodules.rendering.pool import Rendering
from medrepro.datamodules.support.cache import atomic_write

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LedgerEntry:
    """What the ledger says of one nodule: its planes' indices, mask pixels in each, and the data's checksum."""

    nodule_id: str
    planes: list[int]
    mask_pixels: list[int]
    checksum: int


class RenderStore:
    """One selection's renderings in one folder.

    Args:
        folder: where they lie.
        header: what they are (version, grid, seed, nodules); a folder with another header is emptied.
        size: voxels along each side.

    Attributes:
        entries: the ledger of all nodules that are whole.
    """

    def __init__(self, folder: Path, header: Mapping[str, object], size: int) -> None:
        self.folder = folder
        self.images_path = folder / "images.i16"
        self.masks_path = folder / "masks.bits"
        self._ledger_path = folder / "ledger.jsonl"
        self._header_path = folder / "header.json"
        self._sum_path = folder / "sha256.txt"
        self._size = size
        self._header = json.dumps(header, sort_keys=True)
        self._files: tuple[BinaryIO, BinaryIO, BinaryIO] | None = None
        self.entries: list[LedgerEntry] = []
        folder.mkdir(parents=True, exist_ok=True)
        if not self._same_header():
            self._start_over()
        self.entries = list(self._whole_entries())
        self._cut()

    def _same_header(self) -> bool:
        with contextlib.suppress(OSError, UnicodeDecodeError):
            return self._header_path.read_text(encoding="utf-8") == self._header
        return False

    def _start_over(self) -> None:
        for path in (self.images_path, self.masks_path, self._ledger_path, self._sum_path):
            path.unlink(missing_ok=True)
        with atomic_write(self._header_path) as temporary:
            temporary.write_text(self._header, encoding="utf-8")

    def _plane_bytes(self) -> tuple[int, int]:
        """Bytes of one plane in the image file and in the mask file."""
        return 2 * self._size**2, (self._size**2 + 7) // 8

    def _whole_entries(self) -> Iterator[LedgerEntry]:
        """Yield the ledger's entries up to the first whose data are missing or damaged."""
        for path in (self.images_path, self.masks_path, self._ledger_path):
            path.touch()
        image_bytes, mask_bytes = self._plane_bytes()
        with self.images_path.open("rb") as images, self.masks_path.open("rb") as masks:
            for line in self._ledger_path.read_bytes().splitlines():
                entry = _parse_entry(line)
                if entry is not None:
                    image, mask = (
                        images.read(image_bytes * len(entry.planes)),
                        masks.read(mask_bytes * len(entry.planes)),
                    )
                if entry is None or _checksum(image, mask) != entry.checksum:
                    _log.warning("%s is damaged; the rest is rendered again", self.folder)
                    return
                yield entry

    def _cut(self) -> None:
        """Cut everything off that lies behind the last whole nodule."""
        planes = sum(len(entry.planes) for entry in self.entries)
        image_bytes, mask_bytes = self._plane_bytes()
        ledger = b"".join(_line(entry) for entry in self.entries)
        if self._ledger_path.read_bytes() != ledger:
            self._sum_path.unlink(missing_ok=True)
            with atomic_write(self._ledger_path) as temporary:
                temporary.write_bytes(ledger)
        for path, length in (
            (self.images_path, planes * image_bytes),
            (self.masks_path, planes * mask_bytes),
        ):
            if path.stat().st_size != length:
                with path.open("r+b") as file:
                    file.truncate(length)

    def __enter__(self) -> "RenderStore":
        self._files = (self.images_path.open("ab"), self.masks_path.open("ab"), self._ledger_path.open("ab"))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in self._files or ():
            file.close()
        self._files = None

    def append(self, rendering: Rendering) -> None:
        """Write one nodule: its data first, then the line that vouches for them.

        Raises:
            RuntimeError: the store is not open (use it in a ``with`` statement).
        """
        if self._files is None:
            raise RuntimeError("open the store with a `with` statement before appending to it")
        image = np.ascontiguousarray(rendering.images).tobytes()
        mask = np.packbits(rendering.masks.reshape(len(rendering.planes), -1), axis=1).tobytes()
        pixels = rendering.masks.sum(axis=(1, 2)).tolist()
        entry = LedgerEntry(rendering.nodule_id, rendering.planes.tolist(), pixels, _checksum(image, mask))
        for file, data in zip(self._files, (image, mask, _line(entry)), strict=True):
            file.write(data)
            file.flush()
        self.entries.append(entry)

    def sha256(self) -> str:
        """Checksum of all images and masks; kept beside them once the selection is complete."""
        with contextlib.suppress(OSError, UnicodeDecodeError):
            return self._sum_path.read_text(encoding="utf-8")
        digest = hashlib.sha256()
        for path in (self.images_path, self.masks_path):
            with path.open("rb") as file:
                while block := file.read(1 << 24):
                    digest.update(block)
        with atomic_write(self._sum_path) as temporary:
            temporary.write_text(digest.hexdigest(), encoding="utf-8")
        return digest.hexdigest()


def _checksum(image: bytes, mask: bytes) -> int:
    return zlib.crc32(mask, zlib.crc32(image))


def _line(entry: LedgerEntry) -> bytes:
    return (json.dumps([entry.nodule_id, entry.planes, entry.mask_pixels, entry.checksum]) + "\n").encode()


def _parse_entry(line: bytes) -> LedgerEntry | None:
    """Read a ledger line; None where a kill or damage left something else."""
    try:
        nodule_id, planes, pixels, checksum = json.loads(line)
        return LedgerEntry(str(nodule_id), [int(p) for p in planes], [int(p) for p in pixels], int(checksum))
    except (ValueError, TypeError):
        return None
