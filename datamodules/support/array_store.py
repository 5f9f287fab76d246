"""Keep arrays on disk, checked whenever they are read; what is damaged or of another version is made again.

:class:`ArrayStore` grows entry by entry, is finished after a kill and mapped into memory. :func:`kept_arrays` and
:func:`kept_frame` keep the result of one call in one file. No file is unpickled.
"""

import contextlib
import hashlib
import json
import logging
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from medrepro.datamodules.support.cache import atomic_write, explained, locked

STORE_VERSION = 2  # raise it when the files change: stores of another version are emptied
Arrays = Mapping[str, npt.NDArray[Any]]
_log = logging.getLogger(__name__)


class Entry(NamedTuple):
    """One append.

    Attributes:
        key: its name.
        facts: JSON values that belong to it.
        rows: its rows in each array.
    """

    key: str
    facts: Any
    rows: slice


class ArrayStore:
    """Arrays in one folder that grow by entries of any number of rows.

    A line of the ledger with a checksum follows the data of each entry. On opening, everything behind the last entry
    that checks out (half-written or damaged) is cut off. One process may write at a time: hold
    :func:`~medrepro.datamodules.support.cache.locked`.

    Args:
        folder: where the files lie; created if missing.
        header: everything that the bytes depend on; a folder with another header is emptied.
        arrays: type and shape of one row of each array.

    Attributes:
        entries: the whole entries, in the order of writing.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     store = ArrayStore(Path(folder), {"seed": 0}, {"images": (np.int16, (2, 2))})
        ...     store.append("a", {"patient": "p1"}, images=np.ones((3, 2, 2), np.int16))
        ...     again = ArrayStore(Path(folder), {"seed": 0}, {"images": (np.int16, (2, 2))})
        ...     again.entries, again.array("images").shape
        ([Entry(key='a', facts={'patient': 'p1'}, rows=slice(0, 3, None))], (3, 2, 2))
    """

    def __init__(
        self, folder: Path, header: Mapping[str, object], arrays: Mapping[str, tuple[npt.DTypeLike, tuple[int, ...]]]
    ) -> None:
        self._rows = {name: (np.dtype(kind), shape) for name, (kind, shape) in arrays.items()}
        self._paths = {name: folder / f"{name}.raw" for name in arrays}
        self._ledger, self._header, self._sum = (folder / n for n in ("ledger.jsonl", "header.json", "sha256.txt"))
        self.entries: list[Entry] = []
        rows = {name: [kind.str, shape] for name, (kind, shape) in self._rows.items()}
        text = json.dumps({"store": STORE_VERSION, "arrays": rows, **header}, sort_keys=True)
        folder.mkdir(parents=True, exist_ok=True)
        if _text(self._header) != text:
            for path in (*self._paths.values(), self._ledger, self._sum):
                path.unlink(missing_ok=True)
            with atomic_write(self._header) as temporary:
                temporary.write_text(text, encoding="utf-8")
        self._recover()

    def _bytes(self, name: str, rows: int) -> int:
        kind, shape = self._rows[name]
        return rows * kind.itemsize * int(np.prod(shape))

    def _recover(self) -> None:
        """Read the ledger up to the first entry whose data are missing or damaged, and cut off the rest."""
        for path in (*self._paths.values(), self._ledger):
            path.touch()
        lines, written = [], self._ledger.read_bytes()
        with contextlib.ExitStack() as stack:
            files = {name: stack.enter_context(path.open("rb")) for name, path in self._paths.items()}
            for line in written.splitlines(keepends=True):
                if not self._is_whole(line, files):
                    _log.warning("%s is damaged; the rest is made again", self._ledger.parent)
                    break
                lines.append(line)
        if b"".join(lines) != written:
            self._sum.unlink(missing_ok=True)
            with atomic_write(self._ledger) as temporary:
                temporary.write_bytes(b"".join(lines))
        for name, path in self._paths.items():
            if path.stat().st_size != (length := self._bytes(name, self._end())):
                with path.open("r+b") as file:
                    file.truncate(length)

    def _is_whole(self, line: bytes, files: Mapping[str, BinaryIO]) -> bool:
        """Check one line of the ledger and its data, and take up its entry."""
        try:
            _, key, rows, facts = json.loads(line)
            data = [file.read(self._bytes(name, rows)) for name, file in files.items()]
        except (ValueError, TypeError):
            return False
        if _line(key, rows, facts, data) != line:
            return False
        self.entries.append(Entry(key, facts, slice(self._end(), self._end() + rows)))
        return True

    def _end(self) -> int:
        return self.entries[-1].rows.stop if self.entries else 0

    def append(self, key: str, facts: Any, **arrays: npt.NDArray[Any]) -> None:
        """Write one entry: its data first, then the line that vouches for them.

        Args:
            key: its name.
            facts: JSON values.
            **arrays: rows of every array of the store, equally many of each.

        Raises:
            InputError: the disk is full or the folder cannot be written.
            ValueError: an array is missing or has another type or shape.
        """
        found = {name: (array.dtype, array.shape) for name, array in arrays.items()}
        rows = len(next(iter(arrays.values()), ()))
        wanted = {name: (kind, (rows, *shape)) for name, (kind, shape) in self._rows.items()}
        if found != wanted:
            raise ValueError(f"entry {key!r} has {found}, the store takes {wanted}")
        data = [np.ascontiguousarray(arrays[name]).tobytes() for name in self._rows]
        with explained(self._ledger.parent):
            for path, block in zip(self._paths.values(), data, strict=True):
                with path.open("ab") as file:
                    file.write(block)
            with self._ledger.open("ab") as file:
                file.write(_line(key, rows, facts, data))
        self._sum.unlink(missing_ok=True)
        self.entries.append(Entry(key, facts, slice(self._end(), self._end() + rows)))

    def array(self, name: str) -> npt.NDArray[Any]:
        """Return all rows of an array, mapped read-only."""
        (kind, shape), rows = self._rows[name], self._end()
        return np.memmap(self._paths[name], kind, "r", shape=(rows, *shape)) if rows else np.empty((0, *shape), kind)

    def sha256(self) -> str:
        """Return the checksum of all arrays, which is kept until the next entry."""
        if not _text(self._sum):
            digest = hashlib.sha256()
            for path in self._paths.values():
                with path.open("rb") as file:
                    while block := file.read(1 << 24):
                        digest.update(block)
            with atomic_write(self._sum) as temporary:
                temporary.write_text(digest.hexdigest(), encoding="utf-8")
        return _text(self._sum)


def _text(path: Path) -> str:
    """Return a file's text, empty if it cannot be read."""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return path.read_text(encoding="utf-8")
    return ""


def _line(key: str, rows: int, facts: Any, data: list[bytes]) -> bytes:
    """Return the ledger's line of an entry."""
    checksum = zlib.crc32(json.dumps([key, rows, facts]).encode())
    for block in data:
        checksum = zlib.crc32(block, checksum)
    return (json.dumps([checksum, key, rows, facts]) + "\n").encode()


def kept_arrays(path: Path, compute: Callable[[], Arrays], stamp: str = "") -> Arrays:
    """Return the arrays in a file; compute and write them first if it is missing, damaged or of another stamp.

    Processes that ask at the same time compute once.

    Args:
        path: an ``.npz`` file; its folder is created if missing.
        compute: returns the arrays, none of Python objects.
        stamp: everything that they depend on and ``path`` does not name.

    Raises:
        InputError: the disk is full or the folder cannot be written.
    """
    with locked(path):
        found = _read(path, stamp)
        if found is None:
            found = dict(compute())
            with atomic_write(path) as temporary, temporary.open("wb") as file:
                np.savez(file, allow_pickle=False, stamp=np.array(stamp), **found)
    return found


def kept_frame(path: Path, compute: Callable[[], pd.DataFrame]) -> pd.DataFrame:
    """Return a table of numbers in a file, computed first if need be: see :func:`kept_arrays`."""
    arrays = kept_arrays(path, lambda: {str(name): values.to_numpy() for name, values in compute().items()})
    return pd.DataFrame(dict(arrays))


def _read(path: Path, stamp: str) -> dict[str, npt.NDArray[Any]] | None:
    """Return the arrays in a file, None if it is missing, damaged or of another stamp."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            if str(archive["stamp"]) != stamp:
                _log.info("%s is of another version; it is made again", path)
                return None
            return {name: archive[name] for name in archive.files if name != "stamp"}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        _log.warning("%s is damaged (%s); it is made again", path, error)
        return None
