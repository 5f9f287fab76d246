"""Download one file over HTTP: continued where it broke off, checked before it gets its name.

An unfinished file is ``.NAME.part``; ``.NAME.note`` beside it holds its address, version and size. HTTP Range continues
it while the server has the same version.

Our own instead of pooch, which deletes an unfinished file, repeats requests answered 404, and checks no size.
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
CHUNK = 1 << 16  # bytes; a broken connection loses less
TIMEOUT_S = (10, 60)  # to connect, to read
MAX_TEXT = 32 << 20  # bytes of an answer that is read into memory
RETRY_STATUS = (429, 500, 502, 503, 504)
HEADERS = {"Accept-Encoding": "identity", "User-Agent": "medrepro"}  # a compressed body has another length
Report = Callable[[int], object]


@dataclass(frozen=True)
class RemoteFile:
    """A file on a server.

    Attributes:
        url: its address.
        name: its name in the local folder.
        size: bytes, where known beforehand.
        md5: its checksum, where published.
    """

    url: str
    name: str
    size: int | None = None
    md5: str | None = None


class Client:
    """HTTP with one session per thread.

    Attributes:
        reached: a server has answered; failures after that are tried again.
        stopped: when set, every transfer ends at its next chunk.
    """

    def __init__(self) -> None:
        self._local = threading.local()
        self.reached = False
        self.stopped = threading.Event()

    def get(self, url: str, headers: Mapping[str, str | None] | None = None) -> requests.Response:
        """Request ``url``, leaving the body unread.

        Raises:
            requests.RequestException: no connection, or an answer that may differ the next time.
            InputError: the server refuses.
        """
        if not hasattr(self._local, "session"):
            self._local.session = requests.Session()
        response: requests.Response = self._local.session.get(
            url, headers={**HEADERS, **(headers or {})}, stream=True, timeout=TIMEOUT_S
        )
        self.reached = True
        if response.status_code in RETRY_STATUS:
            raise requests.ConnectionError(f"the server answers {response.status_code}")
        if urlsplit(url).scheme == "https" and urlsplit(response.url).scheme != "https":
            raise InputError(f"{url} leads to {response.url}, which is not encrypted: refused")
        if response.status_code >= 400 and response.status_code != requests.codes.requested_range_not_satisfiable:
            raise InputError(f"{url}: the server answers {response.status_code} {response.reason}; is it still there?")
        return response

    def text(self, url: str) -> str:
        """Return a short answer, such as a listing.

        Raises:
            InputError: no connection, or an answer of more than ``MAX_TEXT`` bytes.
        """
        body = bytearray()

        def read() -> None:
            body.clear()
            with self.get(url) as response:
                for chunk in response.iter_content(CHUNK):
                    body.extend(chunk)
                    if len(body) > MAX_TEXT:
                        raise InputError(f"{url}: the answer is longer than {MAX_TEXT} bytes; is the address right?")

        self.retry(url, read, lambda: len(body))
        return body.decode("utf-8", errors="replace")

    def retry(self, url: str, attempt: Callable[[], None], progress: Callable[[], int]) -> None:
        """Call ``attempt`` until it succeeds, at most ``ATTEMPTS`` times in a row without ``progress``.

        Raises:
            InputError: every attempt failed, or the first one and no server has answered yet.
        """
        failures, before = 0, progress()
        while True:
            try:
                attempt()
            except requests.RequestException as error:
                moved, before = progress() > before, progress()
                failures = 1 if moved else failures + 1
                if failures >= ATTEMPTS or not self.reached:
                    raise InputError(
                        f"cannot reach {urlsplit(url).hostname or url} ({type(error).__name__}): is there a network? "
                        "What has come is kept, the same command goes on; --mirror names another server, --dry-run "
                        "lists what to get elsewhere"
                    ) from error
                time.sleep(WAIT_S * 2 ** (failures - 1))
            else:
                return


def fetch(remote: RemoteFile, folder: Path, client: Client, report: Report = lambda _: None) -> Path:
    """Download one file into ``folder`` unless it is there already, whole.

    Args:
        remote: what to get.
        folder: created if missing.
        client: shared by all files of a download.
        report: called with the number of bytes that are new on this disk; negative when a file starts over.

    Raises:
        InputError: unreachable, refused, of another size or checksum than expected, or the disk is full.
    """
    target, part = folder / remote.name, folder / f".{remote.name}.part"
    try:
        if target.is_file() and fault(target, remote) is None:
            report(target.stat().st_size)
            return target
        if _read_note(part).get("url") != remote.url:
            part.unlink(missing_ok=True)
        report(_length(part))
        client.retry(remote.url, lambda: _transfer(remote, part, client, report), lambda: _length(part))
        wrong = fault(part, remote)
        if wrong is None:
            part.replace(target)
        part.unlink(missing_ok=True)
        _note(part).unlink(missing_ok=True)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            trouble = f"the disk of {folder} is full; what has come is kept: free space, the same command goes on"
        else:
            trouble = f"cannot write to {folder}: {error.strerror or error}; choose another folder by --out"
        raise InputError(trouble) from error
    if wrong is not None:
        raise InputError(f"{remote.url}: {wrong}; what came was removed: run the command again")
    return target


def fault(path: Path, remote: RemoteFile) -> str | None:
    """Return the difference of a file from what is known of it, or None."""
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


def _transfer(remote: RemoteFile, part: Path, client: Client, report: Report) -> None:
    """Request the missing bytes once and append them; start over if the server sends another version."""
    note, start = _read_note(part), _length(part)
    if start and start == note.get("total"):
        return
    headers = {"Range": f"bytes={start}-", "If-Range": note.get("version") or None} if start else {}
    with client.get(remote.url, headers) as response:
        total = _total(response, remote)
        if start and not (_starts_at(response, start) and total == note.get("total")):
            report(-start)
            part.unlink(missing_ok=True)
            if response.status_code != requests.codes.ok:
                raise requests.ConnectionError("the server does not continue the file; started over")
            start = 0
        part.parent.mkdir(parents=True, exist_ok=True)
        _check_space(part.parent, total - start)
        if not start:
            _write_note(part, remote.url, response, total)
        _append(response, part, total, client, report)


def _append(response: requests.Response, part: Path, total: int, client: Client, report: Report) -> None:
    with part.open("ab") as file:
        for chunk in response.iter_content(CHUNK):
            if file.tell() + len(chunk) > total:
                raise InputError(f"{response.url}: the server sends more than the {total} bytes it announced")
            file.write(chunk)
            report(len(chunk))
            if client.stopped.is_set():
                raise InputError("stopped; what has come is kept, the same command goes on")
    if _length(part) != total:
        raise requests.ConnectionError(f"cut off after {_length(part)} of {total} bytes")


def _total(response: requests.Response, remote: RemoteFile) -> int:
    """Return the size of the whole file as the server states it."""
    _, slash, after = response.headers.get("Content-Range", "").rpartition("/")
    stated = after if slash else response.headers.get("Content-Length", "")
    if not stated.isdigit():
        raise InputError(f"{remote.url}: the server does not say how large the file is; is the address right?")
    if remote.size not in (None, int(stated)):
        raise InputError(f"{remote.url}: the server has {stated} bytes where {remote.size} were expected")
    return int(stated)


def _starts_at(response: requests.Response, start: int) -> bool:
    span = response.headers.get("Content-Range", "")
    return response.status_code == requests.codes.partial_content and span.startswith(f"bytes {start}-")


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


def _write_note(part: Path, url: str, response: requests.Response, total: int) -> None:
    version = response.headers.get("ETag", "") or response.headers.get("Last-Modified", "")
    known = {
        "url": url,
        "version": "" if version.startswith("W/") else version,
        "total": total,
    }  # If-Range: strong only
    with atomic_write(_note(part)) as temporary:
        temporary.write_text(json.dumps(known))


def _read_note(part: Path) -> dict[str, Any]:
    """Return what is known of an unfinished file; nothing if its note is missing or damaged."""
    try:
        found = json.loads(_note(part).read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
