"""Where computed data lie between runs, and how a file gets there whole or not at all.

In: a folder chosen by the user, ``MEDREPRO_CACHE`` or the default; out: paths to write to.
"""

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from medrepro.datamodules.support.errors import InputError

DEFAULT_CACHE = "~/.cache/medrepro"


def cache_root(cache_dir: str | os.PathLike[str] | None = None) -> Path:
    """Return the cache folder, made if need be: argument, then ``MEDREPRO_CACHE``, then the default.

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


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; on success it replaces ``path``, on any error it is removed.

    Raises:
        InputError: the disk is full or the folder cannot be written.
    """
    target = Path(path)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        temporary.replace(target)
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.EPERM}:
            raise InputError(f"cannot write {target}: {error.strerror}; free space or choose another folder") from error
        raise
    finally:
        temporary.unlink(missing_ok=True)
