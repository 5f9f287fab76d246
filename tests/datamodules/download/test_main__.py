"""The download command as its user sees it, against a server on this machine."""

import hashlib
import io
import json
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import filelock
import pytest

from medrepro.datamodules.download import __main__ as download
from medrepro.datamodules.download import catalogue
from medrepro.datamodules.download.__main__ import main
from medrepro.datamodules.download.catalogue import Dataset
from medrepro.datamodules.download.fetch import RemoteFile
from tests._bucket import Bucket
from tests._server import Server

Offer = Callable[[Dataset], None]


@pytest.fixture
def offer(monkeypatch: pytest.MonkeyPatch) -> Offer:
    """Let the command offer a data set of the test's."""
    return lambda dataset: monkeypatch.setattr(download, "find", lambda name, size, patients: dataset)


def plain(content: bytes, url: str = "https://example.org/toy.npz", **changes: Any) -> Dataset:
    file = RemoteFile(url, "toy.npz", md5=hashlib.md5(content).hexdigest())
    usual = Dataset("toy", "a toy", "CC BY 4.0", "Toy 2020", "https://example.org", "look at {folder}", len(content))
    return replace(usual, files=(file,), **changes)


def zipped(images: int) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as content:
        for number in range(images):
            content.writestr(f"deep/{number}.tif", bytes(50))
        content.writestr("__MACOSX/._0.tif", b"no image")
    return stream.getvalue()


def archive(server: Server, images: int = 4, expected: int = 4) -> Dataset:
    server.files["/toy.npz"] = zipped(images)
    return plain(server.files["/toy.npz"], images=("*.tif", expected))


def below(folder: Path) -> list[str]:
    """Everything but locks."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.suffix != ".lock")


def refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line on stderr of a command that ends with code 2."""
    with pytest.raises(SystemExit) as stopped:
        main(words)
    lines = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("toy: ")]  # progress
    assert stopped.value.code == 2
    assert len(lines) == 1, lines
    return lines[0]


def test_a_file_is_downloaded_checked_and_described(
    server: Server, offer: Offer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.files["/toy.npz"] = bytes(range(256)) * 100
    offer(plain(server.files["/toy.npz"]))
    words = ["toy", "--out", str(tmp_path), "--yes", "--mirror", server.url]
    assert main(words) == 0
    assert below(tmp_path) == ["toy", "toy/download.json", "toy/toy.npz"]
    card = json.loads((tmp_path / "toy/download.json").read_text())
    assert card["got"] == [
        {
            "file": "toy.npz",
            "bytes": 25600,
            "md5": hashlib.md5(server.files["/toy.npz"]).hexdigest(),
            "from": f"{server.url}/toy.npz",
        }
    ]
    assert (card["licence"], card["citation"]) == ("CC BY 4.0", "Toy 2020")
    shown = capsys.readouterr().out
    for part in ("CC BY 4.0", "Toy 2020", "0.0 MB", "GB free", f"look at {tmp_path / 'toy'}"):
        assert part in shown
    assert main(words) == 0
    assert "is there and whole" in capsys.readouterr().out
    assert len(server.asked) == 1


def test_a_file_that_changed_is_named(
    server: Server, offer: Offer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.files["/toy.npz"] = b"right"
    offer(plain(b"right"))
    words = ["toy", "--out", str(tmp_path), "--yes", "--mirror", server.url]
    assert main(words) == 0
    (tmp_path / "toy/toy.npz").write_bytes(b"wrong")
    assert "toy.npz has changed since" in refused(words, capsys)
    (tmp_path / "toy/toy.npz").unlink()
    assert "toy.npz is gone" in refused(words, capsys)


@pytest.mark.parametrize("keep", [False, True])
def test_an_archive_is_unpacked_and_counted(keep: bool, server: Server, offer: Offer, tmp_path: Path) -> None:
    offer(archive(server))
    words = ["toy", "--out", str(tmp_path), "--yes", "--mirror", server.url, *(["--keep-archive"] if keep else [])]
    assert main(words) == main(words) == 0
    assert len(list((tmp_path / "toy/unpacked").rglob("[0-9]*.tif"))) == 4
    assert (tmp_path / "toy/toy.npz").exists() == keep
    assert len(server.asked) == 1


def test_an_archive_of_too_few_images(
    server: Server, offer: Offer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    offer(archive(server, images=3))
    line = refused(["toy", "--out", str(tmp_path), "--yes", "--mirror", server.url], capsys)
    assert "3 images (*.tif) where 4 were expected" in line
    assert below(tmp_path) == ["toy", "toy/toy.npz"]


def test_series_are_downloaded_and_resumed(server: Server, offer: Offer, tmp_path: Path) -> None:
    bucket = Bucket(server, series=3, instances=3)
    offer(replace(plain(b""), files=(), series=tuple(bucket.series), about_bytes=sum(s.size for s in bucket.series)))
    words = ["toy", "--out", str(tmp_path), "--yes", "--mirror", server.url, "--workers", "2"]
    lost = next(path for path in server.files if path.endswith(".dcm"))
    content = server.files.pop(lost)
    with pytest.raises(SystemExit, match="2"):
        main(words)
    assert "toy/download.json" not in below(tmp_path)
    server.files[lost] = content
    assert main(words) == 0
    found = {name: (tmp_path / "toy" / name).read_bytes() for name in below(tmp_path / "toy") if name.endswith(".dcm")}
    assert found == bucket.expected()
    assert json.loads((tmp_path / "toy/download.json").read_text())["got"][0]["series"] == 3
    asked = len(server.asked)
    assert main(words) == 0
    assert len(server.asked) == asked


@pytest.mark.parametrize(("answer", "downloaded"), [("y", True), ("YES", True), ("", False), ("no", False)])
def test_it_asks_on_a_terminal(
    answer: str, downloaded: bool, server: Server, offer: Offer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    server.files["/toy.npz"] = b"content"
    offer(plain(b"content"))
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda prompt: answer)
    words = ["toy", "--out", str(tmp_path), "--mirror", server.url]
    if downloaded:
        assert main(words) == 0
    else:
        assert "not agreed: nothing was downloaded" in refused(words, capsys)
    assert bool(server.asked) == (tmp_path / "toy").exists() == downloaded


def test_nobody_to_ask(offer: Offer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    offer(plain(b"content"))
    assert "say --yes" in refused(["toy", "--out", str(tmp_path)], capsys)
    assert below(tmp_path) == []


def test_offline_it_is_one_line_and_leaves_nothing(
    offer: Offer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    offer(plain(b"content"))
    line = refused(["toy", "--out", str(tmp_path), "--yes", "--mirror", "http://127.0.0.1:9"], capsys)
    assert "cannot reach 127.0.0.1" in line
    assert "--dry-run" in line
    assert below(tmp_path) == []


def test_more_than_the_disk_holds(offer: Offer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    offer(plain(b"", about_bytes=10**18))
    assert "1000000000.0 GB are needed" in refused(["toy", "--out", str(tmp_path), "--yes"], capsys)
    assert below(tmp_path) == []


def test_two_at_a_time(offer: Offer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    offer(plain(b"content"))
    with filelock.FileLock(tmp_path / ".toy.lock"):
        assert "another process downloads" in refused(["toy", "--out", str(tmp_path), "--yes"], capsys)
    assert below(tmp_path) == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["toy", "--workers", "0"], "allowed are 1 to 64"),
        (["toy", "--mirror", "file:///etc"], "starts with https"),
        ([], "the following arguments are required: NAME"),
        (["toy", "--nothing"], "unrecognized arguments"),
    ],
)
def test_words_it_does_not_know(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert message in refused(words, capsys)


def test_the_manifest_of_lidc_needs_no_network(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("socket.socket.connect", lambda *args: pytest.fail("the network was used"))
    assert main(["lidc", "--dry-run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "1018 CT series of 1010 patients, 243958 files" in lines[0]
    assert lines[1] == "# size      128.4 GB"
    rows = [line.split("\t") for line in lines if not line.startswith("#")]
    assert rows[0] == ["patient", "series", "modality", "files", "bytes", "address"]
    assert len(rows) == 1 + 1018
    assert sum(int(row[4]) for row in rows[1:]) == catalogue.find("lidc").about_bytes
    assert all(row[5].startswith("https://idc-open-data.s3.amazonaws.com/") for row in rows[1:])


def test_progress_is_a_line_every_tenth(
    server: Server, offer: Offer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.files["/toy.npz"] = bytes(20 << 16)
    offer(plain(server.files["/toy.npz"]))
    assert main(["toy", "--out", str(tmp_path), "--yes", "--mirror", server.url]) == 0
    assert len(capsys.readouterr().err.splitlines()) == 10
