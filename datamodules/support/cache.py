"""The cache folder, whole or absent files in it, and the lock of a file or folder."""

import contextlib
import errno
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import filelock

from medrepro.datamodules.support.errors import InputError

DEFAULT_CACHE = "~/.cache/medrepro"
_REFUSED = {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.EPERM}
_WAIT_S = 2.0  # before a wait for a lock is reported
_log = logging.getLogger(__name__)


def cache_root(cache_dir: str | os.PathLike[str] | None = None) -> Path:
    """Return the cache folder, created if missing: argument, then ``MEDREPRO_CACHE``, then the default.

    Raises:
        InputError: the folder cannot be created or written.
    """
    root = Path(cache_dir or os.environ.get("MEDREPRO_CACHE") or DEFAULT_CACHE).expanduser()
    return writable_folder(root, "--cache-dir or MEDREPRO_CACHE")


def writable_folder(folder: Path, setting: str) -> Path:
    """Create ``folder`` and prove that it can be written; ``setting`` names what the user can change.

    Raises:
        InputError: the folder cannot be created or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(f"cannot write to {folder}: {error.strerror}; choose another folder by {setting}") from error
    return folder


def check_space(folder: Path, needed: int, work: str, advice: str) -> None:
    """Check that ``needed`` bytes fit on the disk of ``folder``, which need not exist yet.

    Raises:
        InputError: they do not; the line names the ``work`` that needs them and gives ``advice``.
    """
    free = shutil.disk_usage(next(place for place in (folder, *folder.resolve().parents) if place.exists())).free
    if free < needed:
        raise InputError(f"{work} needs {needed / 1e6:.0f} MB in {folder}, {free / 1e6:.0f} MB are free; {advice}")


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; on success it replaces ``path``, on any error it is removed.

    Raises:
        InputError: the disk is full or the folder cannot be written.
    """
    target = Path(path)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        with explained(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def explained(target: Path) -> Iterator[None]:
    """Turn the system's refusal to write ``target`` into one line.

    Raises:
        InputError: the disk is full or the folder cannot be written.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _REFUSED:
            raise InputError(f"cannot write {target}: {error.strerror}; free space or choose another folder") from error
        raise


@contextlib.contextmanager
def locked(target: Path, busy: str = "") -> Iterator[None]:
    """Hold the lock of a file or folder, which survives a killed owner and lies beside it as ``.NAME.lock``.

    Args:
        target: the file or folder; it need not exist.
        busy: error if another process holds the lock; by default wait for it.

    Raises:
        InputError: another process holds the lock and ``busy`` says what it does, or the lock cannot be written.
    """
    with explained(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(target.with_name(f".{target.name}.lock"))
        try:
            lock.acquire(timeout=0 if busy else _WAIT_S)
        except filelock.Timeout:
            if busy:
                raise InputError(busy) from None
            _log.warning("another process is working on %s; waiting for it", target)
            lock.acquire()
    try:
        yield
    finally:
        lock.release()
