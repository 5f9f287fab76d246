"""Unpack zip and tar archives safely: nothing outside the folder, no links, no full disk, a whole folder or none.

Each member is checked before a byte of it is written. The rules are our own: tarfile's ``data`` filter follows links
that stay inside and strips what makes a name absolute, zipfile rewrites hostile names, and neither has limits.
"""

import bz2
import contextlib
import errno
import gzip
import lzma
import re
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, cast

from medrepro.datamodules.support.cache import locked
from medrepro.datamodules.support.errors import InputError

CHUNK = 1 << 20
MAX_READ = 64 << 20  # bytes a tar header may ask for; more would be a bomb in a header
DRIVE = re.compile(r"[A-Za-z]:")
DAMAGED = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, NotImplementedError)
Check = Callable[[str, IO[bytes]], object]


@dataclass(frozen=True)
class Limits:
    """What an archive may hold; beyond it is damage or a bomb.

    Attributes:
        members: files and folders.
        total_bytes: of all files together.
        ratio: bytes unpacked per byte packed; images reach 20.
        small_bytes: totals below this pass whatever their ratio, since a few empty files compress without bound.
    """

    members: int = 1_000_000
    total_bytes: int = 200_000_000_000
    ratio: int = 100
    small_bytes: int = 50_000_000

    def most(self, archive: Path) -> int:
        """Return the bytes that ``archive`` may unpack to."""
        return min(self.total_bytes, max(archive.stat().st_size * self.ratio, self.small_bytes))


@dataclass(frozen=True)
class _Member:
    name: str
    size: int
    stream: IO[bytes] | None  # None for a folder


def check_archive(archive: Path, check: Check = lambda _name, _stream: None, limits: Limits | None = None) -> int:
    """Read an archive to its end without unpacking it, for a reader that will decode its members in memory.

    Args:
        archive: zip (an npz is one) or tar.
        check: called with each file's name and stream; raises ``ValueError`` or ``OSError`` for unusable ones.
        limits: see :class:`Limits`.

    Returns:
        The number of files in it.

    Raises:
        InputError: damaged, hostile, beyond the limits, or refused by ``check``.
    """
    files = 0
    with _damage_named(archive):
        for _, member in _allowed(archive, archive.parent, limits or Limits()):
            if member.stream is not None:
                with member.stream as stream:
                    _check_one(archive, member.name, stream, check)
                    _read_to_end(stream)  # where the checksum is
                files += 1
    return files


def _check_one(archive: Path, name: str, stream: IO[bytes], check: Check) -> None:
    try:
        check(name, stream)
    except InputError:
        raise
    except (OSError, ValueError) as error:
        raise InputError(f"{archive}: {name!r} cannot be used ({error}); get it again") from error


def extract(archive: Path, folder: Path, limits: Limits | None = None) -> list[Path]:
    """Unpack ``archive`` into ``folder``, which must not exist yet or be empty.

    Args:
        archive: zip, or tar (plain, gzip, bzip2, xz), recognised by content, not by name.
        folder: created whole or not at all.
        limits: see :class:`Limits`.

    Returns:
        The files written, sorted.

    Raises:
        FileNotFoundError: there is no such archive.
        InputError: damaged, hostile, beyond the limits, the disk is full, or the folder is not empty.
    """
    if not archive.is_file():
        raise FileNotFoundError(f"no archive {archive}: download it first")
    try:
        with locked(folder), _damage_named(archive), _whole(folder) as temporary:
            for path, member in _allowed(archive, folder.parent, limits or Limits()):
                _write(archive, member, temporary / path)
    except OSError as error:
        step = "free space" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "choose another folder"
        reason = f"{error.strerror or error}; {step} and run the command again"
        raise InputError(f"cannot unpack {archive} into {folder}: {reason}") from error
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _write(archive: Path, member: _Member, target: Path) -> None:
    (target.parent if member.stream else target).mkdir(parents=True, exist_ok=True)
    if member.stream is None:
        return
    with member.stream, target.open("xb") as file:
        shutil.copyfileobj(member.stream, file, CHUNK)
    if target.stat().st_size != member.size:
        raise InputError(f"{archive}: {member.name!r} is cut off; delete the archive and get it again")


@contextlib.contextmanager
def _damage_named(archive: Path) -> Iterator[None]:
    """Turn the libraries' errors for damage into one that names the archive."""
    try:
        yield
    except (*DAMAGED, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:  # gzip and bzip2 report damage without a number
            raise
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise InputError(f"{archive} is damaged ({reason}); delete it and get it again") from error


@contextlib.contextmanager
def _whole(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder beside ``folder``; on success it becomes ``folder``, on any error it is removed."""
    if folder.is_dir():
        if any(folder.iterdir()):
            raise InputError(f"{folder} is not empty; move it away, or choose another folder")
        folder.rmdir()
    temporary = folder.with_name(f".{folder.name}.unpacking")
    shutil.rmtree(temporary, ignore_errors=True)  # of a killed run
    try:
        temporary.mkdir()
        yield temporary
        temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _allowed(archive: Path, disk: Path, limits: Limits) -> Iterator[tuple[PurePosixPath, _Member]]:
    """Yield members with their paths below the folder, in the archive's order.

    Raises:
        InputError: the archive asks for too much, or for a forbidden place.
    """
    most, free = limits.most(archive), shutil.disk_usage(disk).free
    members = _zip_members(archive) if zipfile.is_zipfile(archive) else _tar_members(archive, most)
    total, names = 0, set[str]()
    for count, member in enumerate(members, start=1):
        path = safe_name(member.name, archive)
        key = path.as_posix().casefold()
        if member.stream is not None and key in names:
            raise InputError(f"{archive}: {member.name!r} occurs twice; get it again")
        names.add(key)
        total += member.size
        if count > limits.members:
            raise InputError(f"{archive} holds more than {limits.members} members: not unpacked")
        if total > most:
            raise InputError(
                f"{archive} would unpack to more than {most / 1e6:.0f} MB ({limits.ratio} times its size): "
                "a bomb, not unpacked"
            )
        if total > free:
            raise InputError(f"{archive} needs {total / 1e6:.0f} MB, {free / 1e6:.0f} MB are free")
        yield path, member


def safe_name(name: str, source: Path) -> PurePosixPath:
    """Return a member's path if it stays below the folder that it is unpacked into.

    Raises:
        InputError: it is absolute, has ``..``, or is no portable name.

    Example:
        >>> safe_name("train/1.png", Path("a.zip"))
        PurePosixPath('train/1.png')
    """
    path = PurePosixPath(name)
    if not name or "\0" in name or "\\" in name or path.is_absolute() or ".." in path.parts or DRIVE.match(name):
        raise InputError(f"{source}: the member {name!r} would leave the folder: a hostile archive, not unpacked")
    return path


def _zip_members(archive: Path) -> Iterator[_Member]:
    with zipfile.ZipFile(archive) as content:
        for info in content.infolist():
            if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise InputError(f"{archive}: {info.filename!r} is a link or a device: not unpacked")
            if info.flag_bits & 1:
                raise InputError(f"{archive}: {info.filename!r} is encrypted; decrypt the archive first")
            name = info.orig_filename  # as written; `filename` hides what follows a zero byte
            safe_name(name, archive)
            yield _Member(name, info.file_size, None if name.endswith("/") else content.open(info))


def _tar_members(archive: Path, most: int) -> Iterator[_Member]:
    with _opened(archive) as raw:
        bounded = _Bounded(raw, archive, most + MAX_READ)
        with tarfile.open(fileobj=cast("IO[bytes]", bounded), mode="r:") as content:
            for info in content:
                if not (info.isreg() or info.isdir()):
                    raise InputError(f"{archive}: {info.name!r} is a link or a device: not unpacked")
                yield _Member(info.name, info.size, content.extractfile(info))
        if bounded.last.strip(b"\0"):  # tarfile takes a damaged header for the end, which is a block of zeros
            raise InputError(f"{archive} is damaged after its last readable member; delete it and get it again")
        _read_to_end(bounded)  # where a compressed stream has its checksum


def _opened(archive: Path) -> IO[bytes]:
    """Open a tar for reading its plain bytes, however it is compressed."""
    with archive.open("rb") as file:
        magic = file.read(2)
    openers: dict[bytes, Callable[..., object]] = {b"\x1f\x8b": gzip.open, b"BZ": bz2.open, b"\xfd7": lzma.open}
    return cast("IO[bytes]", openers.get(magic, open)(archive, "rb"))


class _Bounded:
    """A stream that refuses headers of gigabytes and ends at ``most`` bytes."""

    def __init__(self, stream: IO[bytes], archive: Path, most: int) -> None:
        self._stream, self._archive, self._most = stream, archive, most
        self.seek, self.tell = stream.seek, stream.tell
        self.last = b""  # what was read last

    def read(self, size: int = -1) -> bytes:
        """Read at most ``size`` bytes."""
        if not 0 <= size <= MAX_READ or self.tell() > self._most:
            raise InputError(f"{self._archive} would unpack to more than {self._most / 1e6:.0f} MB: not unpacked")
        self.last = self._stream.read(size)
        return self.last


def _read_to_end(stream: IO[bytes] | _Bounded) -> None:
    while stream.read(CHUNK):
        pass
