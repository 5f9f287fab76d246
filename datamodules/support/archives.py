"""Zip and tar archives, unpacked so that nothing lands outside the folder, nothing is a link, nothing fills the disk.

In: an archive that may be damaged or hostile; out: a folder that is there whole or not at all. Members are judged one
at a time, before a byte of them is written; links, devices and names that leave the folder end the unpacking.
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

import filelock

from medrepro.datamodules.support.errors import InputError

CHUNK = 1 << 20
MOST_AT_ONCE = 64 << 20  # bytes a tar header may ask for; more would be a bomb in a header
DRIVE = re.compile(r"[A-Za-z]:")
DAMAGED = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    gzip.BadGzipFile,
    NotImplementedError,
)


@dataclass(frozen=True)
class Limits:
    """What an archive may hold; beyond it is damage or a bomb.

    Attributes:
        members: files and folders.
        total_bytes: of all files together.
        ratio: bytes unpacked for each byte packed; images reach 20.
        small_bytes: below this total the ratio is not judged, for a few empty files compress without bound.
    """

    members: int = 1_000_000
    total_bytes: int = 200_000_000_000
    ratio: int = 100
    small_bytes: int = 50_000_000


@dataclass(frozen=True)
class _Member:
    name: str
    size: int
    stream: IO[bytes] | None  # None for a folder


Judge = Callable[[str, IO[bytes]], object]


def check_archive(archive: Path, judge: Judge = lambda _name, _stream: None, limits: Limits | None = None) -> int:
    """Read an archive through without unpacking it, for a reader that will decode its members in memory.

    Args:
        archive: zip (an npz is one) or tar.
        judge: called with each file's name and stream; raises ``ValueError`` or ``OSError`` for what is unusable.
        limits: see :class:`Limits`.

    Returns:
        The number of files in it.

    Raises:
        InputError: damaged, hostile, beyond the limits, or a file that ``judge`` refuses.
    """
    budget, files = _Budget(archive, archive.parent, limits or Limits()), 0
    with _named(archive):
        for member in _members(archive, budget):
            budget.take(member)
            if member.stream is not None:
                with member.stream as stream:
                    _judged(archive, member.name, stream, judge)
                    while stream.read(CHUNK):  # to the end, where the checksum is
                        pass
                files += 1
    return files


def _judged(archive: Path, name: str, stream: IO[bytes], judge: Judge) -> None:
    try:
        judge(name, stream)
    except InputError:
        raise
    except (OSError, ValueError) as error:
        raise InputError(f"{archive}: {name!r} cannot be used ({error}); get it again") from error


def extract(archive: Path, folder: Path, limits: Limits | None = None) -> list[Path]:
    """Unpack ``archive`` into ``folder``, which must not exist yet or be empty.

    Args:
        archive: zip, or tar (plain, gzip, bzip2, xz), told by content, not by name.
        folder: made, whole or not at all.
        limits: see :class:`Limits`.

    Returns:
        The files written, sorted.

    Raises:
        FileNotFoundError: there is no such archive.
        InputError: damaged, hostile, beyond the limits, the disk is full, or the folder is taken.
    """
    if not archive.is_file():
        raise FileNotFoundError(f"no archive {archive}: download it first")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(folder.with_name(f".{folder.name}.lock"))
        with lock, _named(archive), _whole(folder) as temporary:
            _unpack(archive, temporary, _Budget(archive, folder.parent, limits or Limits()))
    except OSError as error:
        raise InputError(f"cannot unpack {archive} into {folder}: {_reason(error)}") from error
    return sorted(path for path in folder.rglob("*") if path.is_file())


@contextlib.contextmanager
def _named(archive: Path) -> Iterator[None]:
    """Turn what the libraries say of damage into one error that names the archive."""
    try:
        yield
    except DAMAGED as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise InputError(f"{archive} is damaged ({reason}); delete it and get it again") from error


@contextlib.contextmanager
def _whole(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder beside ``folder``; on success it takes its place, on any error it is removed."""
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


def _reason(error: OSError) -> str:
    if error.errno is None:  # bzip2 reports damage so
        return "damaged; delete it and get it again"
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return f"{error.strerror or error}; {'free space' if full else 'choose another folder'} and run the command again"


class _Budget:
    """Counts what has been asked for, and says no in time."""

    def __init__(self, archive: Path, disk: Path, limits: Limits) -> None:
        self._archive, self._limits = archive, limits
        by_ratio = max(archive.stat().st_size * limits.ratio, limits.small_bytes)
        self.most = min(limits.total_bytes, by_ratio)
        self._free = shutil.disk_usage(disk).free
        self._members, self._bytes, self._names = 0, 0, set[str]()

    def take(self, member: _Member) -> PurePosixPath:
        """Allow one member, returning where it goes below the folder.

        Raises:
            InputError: the archive asks for too much, or for a forbidden place.
        """
        path = safe_name(member.name, self._archive)
        key = path.as_posix().casefold()
        if member.stream is not None and key in self._names:
            raise InputError(f"{self._archive}: {member.name!r} occurs twice; get it again")
        self._names.add(key)
        self._members += 1
        self._bytes += member.size
        if self._members > self._limits.members:
            raise InputError(f"{self._archive} holds more than {self._limits.members} members: not unpacked")
        if self._bytes > self.most:
            raise InputError(
                f"{self._archive} would unpack to more than {self.most / 1e6:.0f} MB "
                f"({self._limits.ratio} times its size): a bomb, not unpacked"
            )
        if self._bytes > self._free:
            raise InputError(f"{self._archive} needs {self._bytes / 1e6:.0f} MB, {self._free / 1e6:.0f} MB are free")
        return path


def safe_name(name: str, source: Path) -> PurePosixPath:
    """Return a member's path if it stays below the folder that it is unpacked into.

    Raises:
        InputError: it is absolute, climbs by ``..``, or is no portable name.
    """
    path = PurePosixPath(name)
    if not name or "\0" in name or "\\" in name or path.is_absolute() or ".." in path.parts or DRIVE.match(name):
        raise InputError(f"{source}: the member {name!r} would leave the folder: a hostile archive, not unpacked")
    return path


def _unpack(archive: Path, folder: Path, budget: _Budget) -> None:
    for member in _members(archive, budget):
        target = folder / budget.take(member)
        if member.stream is None:
            target.mkdir(parents=True, exist_ok=True)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        with member.stream, target.open("xb") as file:
            shutil.copyfileobj(member.stream, file, CHUNK)
        if target.stat().st_size != member.size:
            raise InputError(f"{archive}: {member.name!r} is cut off; delete the archive and get it again")


def _members(archive: Path, budget: _Budget) -> Iterator[_Member]:
    return _zip_members(archive) if zipfile.is_zipfile(archive) else _tar_members(archive, budget.most)


def _zip_members(archive: Path) -> Iterator[_Member]:
    with zipfile.ZipFile(archive) as content:
        for info in content.infolist():
            kind = stat.S_IFMT(info.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise InputError(f"{archive}: {info.filename!r} is a link or a device: not unpacked")
            if info.flag_bits & 1:
                raise InputError(f"{archive}: {info.filename!r} is encrypted; decrypt the archive first")
            name = info.orig_filename  # as written; `filename` hides what follows a zero byte
            safe_name(name, archive)
            yield _Member(name, info.file_size, None if name.endswith("/") else content.open(info))


def _tar_members(archive: Path, most: int) -> Iterator[_Member]:
    with _opened(archive) as raw:
        bounded = _Bounded(raw, archive, most + MOST_AT_ONCE)
        with tarfile.open(fileobj=cast("IO[bytes]", bounded), mode="r:") as content:
            for info in content:
                if not (info.isreg() or info.isdir()):
                    raise InputError(f"{archive}: {info.name!r} is a link or a device: not unpacked")
                yield _Member(info.name, info.size, content.extractfile(info))
        if bounded.last.strip(b"\0"):  # tarfile takes a damaged header for the end, which is a block of zeros
            raise InputError(f"{archive} is damaged after its last readable member; delete it and get it again")
        while bounded.read(CHUNK):  # to the end, where a compressed stream has its checksum
            pass


def _opened(archive: Path) -> IO[bytes]:
    """Open a tar for reading its plain bytes, however it is compressed."""
    with archive.open("rb") as file:
        magic = file.read(2)
    if magic == b"\x1f\x8b":
        return cast("IO[bytes]", gzip.open(archive, "rb"))
    if magic == b"BZ":
        return bz2.open(archive, "rb")
    return lzma.open(archive, "rb") if magic == b"\xfd7" else archive.open("rb")


class _Bounded:
    """A reader that stops a header from asking for gigabytes, and a stream from never ending."""

    def __init__(self, stream: IO[bytes], archive: Path, most: int) -> None:
        self._stream, self._archive, self._most = stream, archive, most
        self.last = b""  # what was read last

    def read(self, size: int = -1) -> bytes:
        """Read at most ``size`` bytes."""
        if not 0 <= size <= MOST_AT_ONCE or self._stream.tell() > self._most:
            raise InputError(f"{self._archive} would unpack to more than {self._most / 1e6:.0f} MB: not unpacked")
        self.last = self._stream.read(size)
        return self.last

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move to ``offset``."""
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        """Return the position in the unpacked stream."""
        return self._stream.tell()
