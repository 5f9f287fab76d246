"""Resuming, checking and giving up, against a real server on this machine."""

import hashlib
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from medrepro.datamodules.download import fetch as module
from medrepro.datamodules.download.fetch import CHUNK, Client, RemoteFile, fetch
from medrepro.datamodules.support.errors import InputError
from tests._server import Server

CONTENT = bytes(range(256)) * 5000
MD5 = hashlib.md5(CONTENT).hexdigest()


def remote(server: Server, **changes: object) -> RemoteFile:
    server.files.setdefault("/a.npz", CONTENT)
    given: dict[str, Any] = {"url": f"{server.url}/a.npz", "name": "a.npz", "md5": MD5, **changes}
    return RemoteFile(**given)


def listing(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def test_a_file_comes_whole_and_is_not_asked_for_twice(server: Server, tmp_path: Path) -> None:
    new: list[int] = []
    path = fetch(remote(server, size=len(CONTENT)), tmp_path / "new", Client(), new.append)
    assert path.read_bytes() == CONTENT
    assert sum(new) == len(CONTENT)
    assert listing(tmp_path / "new") == ["a.npz"]
    fetch(remote(server), tmp_path / "new", Client())
    assert len(server.asked) == 1


def test_a_broken_connection_is_continued_where_it_broke(server: Server, tmp_path: Path) -> None:
    server.cuts = [5 * CHUNK, 6 * CHUNK]
    new: list[int] = []
    assert fetch(remote(server), tmp_path, Client(), new.append).read_bytes() == CONTENT
    assert [asked for _, asked in server.asked] == ["", f"bytes={5 * CHUNK}-", f"bytes={11 * CHUNK}-"]
    assert sum(new) == len(CONTENT)


def test_a_later_call_continues_an_earlier_one(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ATTEMPTS", 1)
    server.cuts = [8 * CHUNK]
    with pytest.raises(InputError, match="the same command goes on"):
        fetch(remote(server), tmp_path, Client())
    assert listing(tmp_path) == [".a.npz.note", ".a.npz.part"]
    assert fetch(remote(server), tmp_path, Client()).read_bytes() == CONTENT
    assert server.asked[-1] == ("/a.npz", f"bytes={8 * CHUNK}-")
    assert listing(tmp_path) == ["a.npz"]


@pytest.mark.parametrize(
    "change", [{"ranges": False}, {"files": {"/a.npz": CONTENT[::-1]}}, {"files": {"/a.npz": CONTENT + b"more"}}]
)
def test_another_version_starts_over(
    change: dict[str, object], server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ATTEMPTS", 1)
    server.cuts = [8 * CHUNK]
    with pytest.raises(InputError):
        fetch(remote(server, md5=None), tmp_path, Client())
    for name, value in change.items():
        setattr(server, name, value)
    monkeypatch.setattr(module, "ATTEMPTS", 3)
    assert fetch(remote(server, md5=None), tmp_path, Client()).read_bytes() == server.files["/a.npz"]
    assert listing(tmp_path) == ["a.npz"]


def test_without_a_version_only_an_equal_size_is_continued(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ATTEMPTS", 1)
    server.tags, server.cuts = False, [8 * CHUNK]
    with pytest.raises(InputError):
        fetch(remote(server), tmp_path, Client())
    assert fetch(remote(server), tmp_path, Client()).read_bytes() == CONTENT
    assert server.asked[-1][1] == f"bytes={8 * CHUNK}-"


@pytest.mark.parametrize("note", ["{", "[]", '{"url": "http://other/a.npz", "total": 1}'])
def test_a_part_of_unknown_origin_starts_over(note: str, server: Server, tmp_path: Path) -> None:
    (tmp_path / ".a.npz.part").write_bytes(b"of something else")
    (tmp_path / ".a.npz.note").write_text(note)
    assert fetch(remote(server), tmp_path, Client()).read_bytes() == CONTENT
    assert [asked for _, asked in server.asked] == [""]


def test_a_finished_part_only_gets_its_name(server: Server, tmp_path: Path) -> None:
    wanted = remote(server)
    (tmp_path / ".a.npz.part").write_bytes(CONTENT)
    (tmp_path / ".a.npz.note").write_text(f'{{"url": "{wanted.url}", "total": {len(CONTENT)}, "version": ""}}')
    assert fetch(wanted, tmp_path, Client()).read_bytes() == CONTENT
    assert server.asked == []


def test_a_part_longer_than_the_file_starts_over(server: Server, tmp_path: Path) -> None:
    wanted = remote(server)
    (tmp_path / ".a.npz.part").write_bytes(CONTENT + b"x")
    (tmp_path / ".a.npz.note").write_text(f'{{"url": "{wanted.url}", "total": 9, "version": ""}}')
    assert fetch(wanted, tmp_path, Client()).read_bytes() == CONTENT
    assert [asked for _, asked in server.asked] == [f"bytes={len(CONTENT) + 1}-", ""]


@pytest.mark.parametrize("codes", [[503], [429, 502], [500, 503, 504, 503]])
def test_passing_failures_are_tried_again(codes: list[int], server: Server, tmp_path: Path) -> None:
    server.statuses = list(codes)
    assert fetch(remote(server), tmp_path, Client()).read_bytes() == CONTENT
    assert len(server.asked) == len(codes) + 1


def test_endless_failures_end(server: Server, tmp_path: Path) -> None:
    server.statuses = [503] * 50
    with pytest.raises(InputError, match="cannot reach 127.0.0.1"):
        fetch(remote(server), tmp_path / "new", Client())
    assert len(server.asked) == module.ATTEMPTS
    assert listing(tmp_path / "new") == []


@pytest.mark.parametrize("code", [401, 403, 404, 410])
def test_a_refusal_is_final(code: int, server: Server, tmp_path: Path) -> None:
    server.statuses = [code]
    with pytest.raises(InputError, match=f"answers {code}"):
        fetch(remote(server), tmp_path / "new", Client())
    assert len(server.asked) == 1
    assert listing(tmp_path / "new") == []


def test_a_wrong_checksum_is_removed(server: Server, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the MD5 is"):
        fetch(remote(server, md5="0" * 32), tmp_path, Client())
    assert listing(tmp_path) == []


def test_a_wrong_size_is_found_before_a_byte_is_written(server: Server, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="where 7 were expected"):
        fetch(remote(server, size=7), tmp_path / "new", Client())
    assert listing(tmp_path / "new") == []


def test_a_damaged_file_is_replaced(server: Server, tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(b"damaged")
    assert fetch(remote(server), tmp_path, Client()).read_bytes() == CONTENT
    assert listing(tmp_path) == ["a.npz"]


def test_a_server_that_does_not_state_the_size(server: Server, tmp_path: Path) -> None:
    server.length = False
    with pytest.raises(InputError, match="does not say how large"):
        fetch(remote(server), tmp_path / "new", Client())
    assert listing(tmp_path / "new") == []


def test_nobody_there_fails_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is there a network"):
        fetch(RemoteFile("http://127.0.0.1:9/a", "a"), tmp_path / "new", Client())
    assert listing(tmp_path / "new") == []


def test_more_than_the_disk_holds(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr("medrepro.datamodules.download.fetch.shutil.disk_usage", lambda _: usage)
    with pytest.raises(InputError, match="MB are missing, 0 MB are free"):
        fetch(remote(server), tmp_path, Client())
    assert listing(tmp_path) == []


def test_a_disk_that_fills_up_keeps_what_came(server: Server, tiny_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage("/")
    monkeypatch.setattr("medrepro.datamodules.download.fetch.shutil.disk_usage", lambda _: usage)
    with pytest.raises(InputError, match=r"is full; what has come is kept"):
        fetch(remote(server), tiny_disk, Client())
    assert ".a.npz.part" in listing(tiny_disk)
    assert "a.npz" not in listing(tiny_disk)


def test_a_folder_that_cannot_be_written(server: Server, read_only: Path) -> None:
    with pytest.raises(InputError, match="cannot write"):
        fetch(remote(server), read_only / "new", Client())
    assert listing(read_only) == []


def test_stopping_ends_a_transfer_and_keeps_what_came(server: Server, tmp_path: Path) -> None:
    client = Client()
    with pytest.raises(InputError, match="stopped"):
        fetch(remote(server), tmp_path, client, lambda new: client.stopped.set())
    assert 0 < (tmp_path / ".a.npz.part").stat().st_size < len(CONTENT)
    assert fetch(remote(server), tmp_path, Client()).read_bytes() == CONTENT


def test_an_unencrypted_detour_is_refused(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    import requests

    answer = requests.Response()
    answer.status_code, answer.url = 200, "http://elsewhere/a"
    monkeypatch.setattr(requests.Session, "get", lambda *args, **kwargs: answer)
    with pytest.raises(InputError, match="not encrypted"):
        Client().get("https://somewhere/a")


def test_a_listing_that_never_ends(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_TEXT", 1000)
    server.files["/list"] = os.urandom(2000)
    with pytest.raises(InputError, match="longer than 1000 bytes"):
        Client().text(f"{server.url}/list")
