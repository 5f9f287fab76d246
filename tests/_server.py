"""A web server on this machine that resumes, lies, fails and stops in mid-file, as asked; all in the test's process."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


@dataclass
class Server:
    """What it serves and how; ``asked`` lists each request's path and Range.

    Attributes:
        files: path to content.
        cuts: bytes after which the next answers break off, one each.
        statuses: codes of the next answers, instead of the file.
        ranges: whether Range is understood.
        tags: whether files have an ETag, their MD5.
        length: whether the size is stated.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    cuts: list[int] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    ranges: bool = True
    tags: bool = True
    length: bool = True
    url: str = ""
    asked: list[tuple[str, str]] = field(default_factory=list)

    def tag(self, content: bytes) -> str:
        return f'"{hashlib.md5(content).hexdigest()}"'


def _handler(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

        def do_GET(self) -> None:
            server.asked.append((self.path, self.headers.get("Range", "")))
            content = server.files.get(self.path)
            status = server.statuses.pop(0) if server.statuses else 200 if content is not None else 404
            if status != 200 or content is None:
                self._send(status, b"", {})
                return
            start = self._start(content)
            headers = {"ETag": server.tag(content)} if server.tags else {}
            if start > len(content) - 1 and start:
                self._send(416, b"", {"Content-Range": f"bytes */{len(content)}"})
            elif start:
                span = f"bytes {start}-{len(content) - 1}/{len(content)}"
                self._send(206, content[start:], {**headers, "Content-Range": span})
            else:
                self._send(200, content, headers)

        def _start(self, content: bytes) -> int:
            asked, known = self.headers.get("Range", ""), self.headers.get("If-Range")
            if not asked or not server.ranges or (known and known != server.tag(content)):
                return 0
            return int(asked.removeprefix("bytes=").removesuffix("-"))

        def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if server.length:
                self.send_header("Content-Length", str(len(body)))
            cut = server.cuts.pop(0) if server.cuts and body else None
            self.close_connection = cut is not None or not server.length
            self.end_headers()
            self.wfile.write(body[:cut])

    return Handler


@contextmanager
def serving(server: Server) -> Iterator[Server]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(server)) as http:
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        server.url = f"http://127.0.0.1:{http.server_address[1]}"
        yield server
        http.shutdown()
        thread.join(timeout=5)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server on 127.0.0.1; waits between attempts are cut short."""
    monkeypatch.setattr("medrepro.datamodules.download.fetch.WAIT_S", 0.001)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving(Server()) as running:
        yield running
