"""One file from a web server to this disk: resumed where it stopped, checked before it gets its name.

In: an address and what is known of the file; out: the file, whole and checked, or one error that says what to do.
What came before an interruption lies beside the target as ``.NAME.part`` and is continued by HTTP Range, but only if
the server still has the same version of the file.
"""

import errno
import hashlib
import json
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

from medrepro.datamodules.support.cache import atomic_write
from medrepro.datamodules.support.errors import InputError

ATTEMPTS = 5  # in a row without a single new byte
WAIT_S = 1.0  # before the second attempt, doubled each time
CHUNK = 1 << 16  # bytes; what is lost of a broken connection is less
TIMEOUT_S = (10, 60)
MOST_TEXT = 32 << 20  # bytes of an answer that is read into memory
PASSING = (429, 500, 502, 503, 504)
Report = Callable[[int], object]


@dataclass(frozen=True)
class RemoteFile:
    """A file on a server.

    Attributes:
        url: its address.
        name: what it is called here.
        size: bytes, where known beforehand.
        md5: its checksum, where published.
    """

    url: str
    name: str
    size: int | None = None
    md5: str | None = None


class Client:
    """Connections that are kept open, one set a thread; knows whether any server has answered yet.

    Attributes:
        reached: some server has answered; from then on a failure is thought to pass.
        stopped: set it, and every transfer ends at its next chunk.
    """

    def __init__(self) -> None:
        self._local = threading.local()
        self.reached = False
        self.stopped = threading.Event()

    def get(self, url: str, headers: Mapping[str, str] | None = None) -> requests.Response:
        """Ask for ``url``; the body is not read yet.

        Raises:
            requests.RequestException: no connection, or an answer that may be better the next time.
            InputError: the server refuses.
        """
        if not hasattr(self._local, "session"):
            self._local.session = requests.Session()
        plain = {"Accept-Encoding": "identity", "User-Agent": "medrepro"}  # a packed body has another length
        response: requests.Response = self._local.session.get(
            url, headers={**plain, **(headers or {})}, stream=True, timeout=TIMEOUT_S
        )
        self.reached = True
        if response.status_code in PASSING:
            raise requests.ConnectionError(f"the server answers {response.status_code}")
        if urlsplit(url).scheme == "https" and urlsplit(response.url).scheme != "https":
            raise InputError(f"{url} leads to {response.url}, which is not encrypted: refused")
        if response.status_code >= 400 and response.status_code != requests.codes.requested_range_not_satisfiable:
            raise InputError(f"{url}: the server answers {response.status_code} {response.reason}; is it still there?")
        return response

    def text(self, url: str) -> str:
        """Return a short answer, such as a listing.

        Raises:
            InputError: no connection, or an answer too long to be one.
        """
        body = b""

        def read() -> None:
            nonlocal body
            with self.get(url) as response:
                body = b""
                for chunk in response.iter_content(CHUNK):
                    body += chunk
                    if len(body) > MOST_TEXT:
                        raise InputError(f"{url}: the answer is longer than {MOST_TEXT} bytes; is the address right?")

        self.persist(url, read, lambda: len(body))
        return body.decode("utf-8", errors="replace")

    def persist(self, url: str, work: Callable[[], None], progress: Callable[[], int]) -> None:
        """Call ``work`` until it passes; gives up after ``ATTEMPTS`` without progress, at once if never online.

        Raises:
            InputError: the server cannot be reached, or keeps failing.
        """
        failures, before = 0, progress()
        while True:
            try:
                work()
            except requests.RequestException as error:
                moved, before = progress() > before, progress()
                failures = 1 if moved else failures + 1
                if failures >= ATTEMPTS or not self.reached:
                    raise InputError(unreachable(url, error)) from error
                time.sleep(WAIT_S * 2 ** (failures - 1))
            else:
                return


def unreachable(url: str, error: Exception) -> str:
    """Say in one line that a server does not answer, and what to do."""
    return (
        f"cannot reach {urlsplit(url).hostname or url} ({type(error).__name__}): is there a network? What has come is "
        "kept, the same command goes on; --mirror names another server, --dry-run lists what to get elsewhere"
    )


def fetch(remote: RemoteFile, folder: Path, client: Client, report: Report = lambda _: None) -> Path:
    """Download one file into ``folder``, or find it there already, whole.

    Args:
        remote: what to get.
        folder: made if need be.
        client: shared by all files of a download.
        report: told the number of bytes that are new on this disk, as they come.

    Raises:
        InputError: unreachable, refused, of another size or checksum than expected, or the disk is full.
    """
    target, part = folder / remote.name, folder / f".{remote.name}.part"
    try:
        if target.is_file() and fault(target, remote) is None:
            report(target.stat().st_size)
            return target
        _complete(remote, part, client, report)
        wrong = fault(part, remote)
        if wrong is None:
            part.replace(target)
        else:
            part.unlink()
        _note(part).unlink(missing_ok=True)
    except requests.RequestException as error:
        raise InputError(unreachable(remote.url, error)) from error
    except OSError as error:
        raise InputError(_disk_trouble(error, folder)) from error
    if wrong is not None:
        raise InputError(f"{remote.url}: {wrong}; what came was removed: run the command again")
    return target


def _disk_trouble(error: OSError, folder: Path) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"the disk of {folder} is full; what has come is kept: free space, the same command goes on"
    return f"cannot write to {folder}: {error.strerror or error}; choose another folder by --out"


def fault(path: Path, remote: RemoteFile) -> str | None:
    """Return what is wrong with a file, or None."""
    size = path.stat().st_size
    if remote.size is not None and size != remote.size:
        return f"{size} bytes where {remote.size} were expected"
    if remote.md5 is not None and (found := md5_of(path)) != remote.md5:
        return f"the MD5 is {found}, published is {remote.md5}"
    return None


def md5_of(path: Path) -> str:
    """Return the MD5 of a file: what the publishers give; it finds damage, not forgery."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _complete(remote: RemoteFile, part: Path, client: Client, report: Report) -> None:
    """Bring ``part`` to its full length, in as many connections as it takes."""
    _forget_other_versions(remote, part)
    report(_length(part))
    client.persist(remote.url, lambda: _transfer(remote, part, client, report), lambda: _length(part))


def _forget_other_versions(remote: RemoteFile, part: Path) -> None:
    """Drop what came from another address, or without a note of its version."""
    if _read_note(part).get("url") != remote.url:
        part.unlink(missing_ok=True)


def _transfer(remote: RemoteFile, part: Path, client: Client, report: Report) -> None:
    """Ask for what is missing and append it; an answer with the whole file starts over."""
    note, start = _read_note(part), _length(part)
    if start and start == note.get("total"):
        return
    headers = {"Range": f"bytes={start}-", **({"If-Range": note["version"]} if note.get("version") else {})}
    with client.get(remote.url, headers if start else None) as response:
        total = _total(response, remote)
        continued = response.status_code == requests.codes.partial_content
        if start and not (continued and _starts_at(response, start) and total == note.get("total")):
            report(-start)
            part.unlink(missing_ok=True)
            if continued or response.status_code != requests.codes.ok:
                raise requests.ConnectionError("the server does not continue the file; started over")
            start = 0
        part.parent.mkdir(parents=True, exist_ok=True)
        _check_space(part.parent, total - start)
        if not start:
            version = response.headers.get("ETag", "") or response.headers.get("Last-Modified", "")
            with atomic_write(_note(part)) as temporary:
                known = {"url": remote.url, "version": "" if version.startswith("W/") else version, "total": total}
                temporary.write_text(json.dumps(known))
        _append(response, part, total, client, report)
    if _length(part) != total:
        raise requests.ConnectionError(f"cut off after {_length(part)} of {total} bytes")


def _append(response: requests.Response, part: Path, total: int, client: Client, report: Report) -> None:
    with part.open("ab") as file:
        for chunk in response.iter_content(CHUNK):
            if file.tell() + len(chunk) > total:
                raise InputError(f"{response.url}: the server sends more than the {total} bytes it announced")
            file.write(chunk)
            report(len(chunk))
            if client.stopped.is_set():
                raise InputError("stopped; what has come is kept, the same command goes on")


def _total(response: requests.Response, remote: RemoteFile) -> int:
    """Return the file's whole size as the server states it; every server of data does."""
    _, slash, after = response.headers.get("Content-Range", "").rpartition("/")
    stated = after if slash else response.headers.get("Content-Length", "")
    if not stated.isdigit():
        raise InputError(f"{remote.url}: the server does not say how large the file is; is the address right?")
    total = int(stated)
    if remote.size is not None and total != remote.size:
        raise InputError(f"{remote.url}: the server has {total} bytes where {remote.size} were expected")
    return total


def _starts_at(response: requests.Response, start: int) -> bool:
    return response.headers.get("Content-Range", "").startswith(f"bytes {start}-")


def _check_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise InputError(
            f"{needed / 1e6:.0f} MB are missing, {free / 1e6:.0f} MB are free in {folder}; "
            "free space, or choose another folder by --out"
        )


def _length(part: Path) -> int:
    return part.stat().st_size if part.is_file() else 0


def _note(part: Path) -> Path:
    return part.with_suffix(".note")


def _read_note(part: Path) -> dict[str, Any]:
    """Return what is known of a partial file; nothing if its note is gone or damaged."""
    try:
        found = json.loads(_note(part).read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
