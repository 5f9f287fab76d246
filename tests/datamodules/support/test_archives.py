"""Archives: what is honest comes out equal; what is hostile or damaged comes out not at all."""

import gzip
import io
import os
import shutil
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medrepro.datamodules.support import archives
from medrepro.datamodules.support.archives import Limits, check_archive, extract, safe_name
from medrepro.datamodules.support.errors import InputError

FILES = {"a/1.png": b"one" * 50, "a/b/2.png": bytes(range(256)) * 9, "empty.txt": b""}


def write_zip(path: Path, files: dict[str, bytes], mode: int = 0) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as content:
        for name, data in files.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = mode << 16
            content.writestr(info, data)
    return path


def write_tar(path: Path, files: dict[str, bytes], mode: str = "w", **changes: object) -> Path:
    with tarfile.open(path, mode) as content:  # type: ignore[call-overload]
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            for key, value in changes.items():
                setattr(info, key, value)
            content.addfile(info, io.BytesIO(data))
    return path


def left(folder: Path) -> list[str]:
    """Everything below a folder but the archive and the locks."""
    return sorted(p.name for p in folder.rglob("*") if p.suffix not in (".lock", ".zip", ".tar"))


@pytest.mark.parametrize("kind", ["zip", "w", "w:gz", "w:bz2", "w:xz"])
def test_honest_archives_come_out_equal(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "a.bin"  # told by content, not by name
    write_zip(path, FILES) if kind == "zip" else write_tar(path, FILES, kind)
    found = extract(path, tmp_path / "out")
    assert {p.relative_to(tmp_path / "out").as_posix(): p.read_bytes() for p in found} == FILES
    assert not any(p.is_symlink() or p.stat().st_mode & stat.S_IXUSR for p in found)


@pytest.mark.parametrize("name", ["../evil", "/evil", "a/../../evil", "C:\\evil", "c:evil", "a\\..\\evil", ""])
@pytest.mark.parametrize("write", [write_zip, write_tar])
def test_names_that_leave_the_folder(
    write: Callable[[Path, dict[str, bytes]], Path], name: str, tmp_path: Path
) -> None:
    path = write(tmp_path / "a.tar", {"fine.png": b"1", name: b"2"})
    with pytest.raises(InputError, match=r"hostile|damaged|cannot unpack"):
        extract(path, tmp_path / "deep" / "out")
    assert left(tmp_path) == ["deep"]
    with pytest.raises(InputError, match="leave the folder"):
        safe_name(name, path)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_links_and_devices_in_a_tar(kind: bytes, tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", {"link": b""}, type=kind, linkname="/etc/passwd")
    with pytest.raises(InputError, match="link or a device"):
        extract(path, tmp_path / "out")
    assert left(tmp_path) == []


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO])
def test_links_and_devices_in_a_zip(kind: int, tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"link": b"/etc/passwd"}, kind | 0o777)
    with pytest.raises(InputError, match="link or a device"):
        extract(path, tmp_path / "out")
    assert left(tmp_path) == []


def test_a_link_cannot_be_written_through(tmp_path: Path) -> None:
    """A tar that first makes a link to a folder and then writes below it."""
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as content:
        link = tarfile.TarInfo("out")
        link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path)
        content.addfile(link)
        inner = tarfile.TarInfo("out/evil")
        inner.size = 1
        content.addfile(inner, io.BytesIO(b"x"))
    with pytest.raises(InputError, match="link"):
        extract(path, tmp_path / "target")
    assert left(tmp_path) == []


@pytest.mark.parametrize("kind", ["zip", "w:gz", "w:xz"])
def test_a_bomb_ends_before_it_is_written(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = 0
    copy = shutil.copyfileobj

    def count(source: io.BytesIO, target: io.BytesIO, length: int) -> None:
        nonlocal written
        copy(source, target, length)
        written += target.tell()

    monkeypatch.setattr("medrepro.datamodules.support.archives.shutil.copyfileobj", count)
    bomb = {"small": b"x", "bomb": bytes(4_000_000)}
    path = tmp_path / "a.tar"
    write_zip(path, bomb) if kind == "zip" else write_tar(path, bomb, kind)
    with pytest.raises(InputError, match=r"bomb|would unpack"):
        extract(path, tmp_path / "out", Limits(small_bytes=1_000_000))
    assert written <= 1
    assert left(tmp_path) == []


def test_a_bomb_in_a_tar_header(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MAX_READ", 1 << 16)
    header = tarfile.TarInfo("pax")
    header.type, header.size = tarfile.XHDTYPE, 1 << 20
    path = tmp_path / "a.tar"
    path.write_bytes(gzip.compress(header.tobuf() + bytes(1 << 20)))
    with pytest.raises(InputError, match="would unpack"):
        extract(path, tmp_path / "out")
    assert left(tmp_path) == []


def test_too_many_members(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {f"{i}": b"" for i in range(5)})
    with pytest.raises(InputError, match="more than 4 members"):
        extract(path, tmp_path / "out", Limits(members=4))
    assert left(tmp_path) == []


@pytest.mark.parametrize("write", [write_zip, write_tar])
def test_a_name_that_occurs_twice(write: Callable[[Path, dict[str, bytes]], Path], tmp_path: Path) -> None:
    path = write(tmp_path / "a.tar", {"A.png": b"1", "a.png": b"2"})
    with pytest.raises(InputError, match="occurs twice"):
        extract(path, tmp_path / "out")
    assert left(tmp_path) == []


def test_more_than_the_disk_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_zip(tmp_path / "a.zip", FILES)
    usage = shutil.disk_usage(tmp_path)._replace(free=100)
    monkeypatch.setattr("medrepro.datamodules.support.archives.shutil.disk_usage", lambda _: usage)
    with pytest.raises(InputError, match="are free"):
        extract(path, tmp_path / "out")
    assert left(tmp_path) == []


def test_a_full_disk(tmp_path: Path, tiny_disk: Path) -> None:
    path = write_tar(tmp_path / "a.tar", {"1.png": os.urandom(1_500_000)})
    with pytest.raises(InputError, match=r"are free|No space left"):
        extract(path, tiny_disk / "out")
    assert left(tiny_disk) == []


def test_an_encrypted_zip(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"1.png": b"1"})
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match="encrypted"):
        extract(path, tmp_path / "out")
    assert left(tmp_path) == []


def test_a_taken_folder_is_left_alone_and_an_empty_one_is_used(tmp_path: Path) -> None:
    path, out = write_zip(tmp_path / "a.zip", FILES), tmp_path / "out"
    out.mkdir()
    assert len(extract(path, out)) == 3
    with pytest.raises(InputError, match="is not empty"):
        extract(path, out)
    assert (out / "a/1.png").read_bytes() == FILES["a/1.png"]
    with pytest.raises(FileNotFoundError, match="no archive"):
        extract(tmp_path / "none.zip", out)


def test_what_a_killed_run_left_is_replaced(tmp_path: Path) -> None:
    (tmp_path / ".out.unpacking").mkdir()
    (tmp_path / ".out.unpacking" / "half").write_bytes(b"x")
    extract(write_zip(tmp_path / "a.zip", FILES), tmp_path / "out")
    assert left(tmp_path) == ["1.png", "2.png", "a", "b", "empty.txt", "out"]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(["zip", "w", "w:gz", "w:bz2", "w:xz"]),
    cut=st.floats(0, 1),
    flips=st.lists(st.tuples(st.floats(0, 0.999), st.integers(1, 255)), max_size=4),
)
def test_damage_is_an_input_error_and_leaves_nothing(
    kind: str, cut: float, flips: list[tuple[float, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("damage")
    path = folder / "a.zip"
    write_zip(path, FILES) if kind == "zip" else write_tar(path, FILES, kind)
    content = bytearray(path.read_bytes())
    for place, value in flips:
        content[int(place * len(content))] ^= value
    path.write_bytes(content[: round(cut * len(content))])
    try:
        extract(path, folder / "out")
    except InputError:
        assert left(folder) == []
    else:
        assert (folder / "out").is_dir()
        assert not list(folder.glob(".*.unpacking"))


@pytest.mark.parametrize("kind", ["zip", "w", "w:gz", "w:bz2", "w:xz"])
def test_reading_through_finds_what_unpacking_would(kind: str, tmp_path: Path) -> None:
    path, seen = tmp_path / "a.zip", []
    write_zip(path, FILES) if kind == "zip" else write_tar(path, FILES, kind)
    assert check_archive(path, lambda name, stream: seen.append((name, stream.read(3)))) == 3
    assert sorted(seen) == sorted((name, data[:3]) for name, data in FILES.items())
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 255
    path.write_bytes(content)
    if kind != "w":  # a plain tar has checksums of its headers only
        with pytest.raises(InputError, match="is damaged"):
            check_archive(path)
    assert left(tmp_path) == []


def test_reading_through_refuses_what_the_check_refuses(tmp_path: Path) -> None:
    def check(name: str, stream: object) -> None:
        raise ValueError("too dark")

    with pytest.raises(InputError, match=r"'a/1.png' cannot be used \(too dark\)"):
        check_archive(write_zip(tmp_path / "a.zip", FILES), check)
    with pytest.raises(InputError, match="bomb"):
        check_archive(write_zip(tmp_path / "b.zip", {"a": bytes(2000)}), limits=Limits(small_bytes=100, ratio=2))


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_a_damaged_header_is_not_the_end(mode: str, tmp_path: Path) -> None:
    """Python's tarfile stops there without a word, and the rest would be missing."""
    path = write_tar(tmp_path / "a.tar", {"1.png": b"1", "2.png": b"2", "3.png": b"3"})
    content = bytearray(path.read_bytes())
    content[2 * 512 + 148] ^= 1  # in the checksum of the second member's header
    path.write_bytes(content if mode == "w" else gzip.compress(content))
    with pytest.raises(InputError, match="damaged after its last readable member"):
        extract(path, tmp_path / "out")
    assert left(tmp_path) == []
