"""Malformed servers, archives and disks, for the download command."""

import hashlib
import stat
import tarfile
from collections.abc import Callable
from dataclasses import replace

from medrepro.datamodules.download import __main__ as download
from medrepro.datamodules.download.catalogue import Dataset
from medrepro.datamodules.download.fetch import RemoteFile
from tests._bucket import Bucket
from tests._malformed import Case, Place, Words, tarred, zipped
from tests._server import Server

COMMAND = "medrepro.datamodules.download.__main__"
PART = (".toy.bin.part", ".toy.bin.note")
ARCHIVE = ("toy.bin",)
ENTITIES = '<!DOCTYPE x [<!ENTITY a "a">]><x>&a;</x>'
SYMLINK, HARD_LINK = (tarred({"a": b""}, type=kind, linkname="/etc") for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE))
BOMB = {"1.png": bytes(60_000_000)}


def offered(place: Place, **changes: object) -> Server:
    """Let the command offer a data set of one file, on the server of this machine."""
    server: Server = place.fixture("server")
    file = RemoteFile("https://example.org/toy.bin", "toy.bin")
    usual = Dataset("toy", "a toy", "CC BY 4.0", "Toy 2020", "https://example.org", "{folder}", 10**6, files=(file,))
    dataset = replace(usual, **changes)  # type: ignore[arg-type]
    place.fixture("monkeypatch").setattr(download, "find", lambda name, size, patients: dataset)
    return server


def get(place: Place, mirror: str, *words: str) -> Words:
    return ["toy", "--yes", "--out", str(place.out), "--mirror", mirror, *words]


def archive(content: bytes, images: int = 1) -> Callable[[Place], Words]:
    def write(place: Place) -> Words:
        server = offered(place, images=("*.png", images))
        server.files["/toy.bin"] = content
        return get(place, server.url)

    return write


def served(content: bytes | None, md5: str | None = None, size: int | None = None) -> Callable[[Place], Words]:
    def write(place: Place) -> Words:
        server = offered(place, files=(RemoteFile("https://example.org/toy.bin", "toy.bin", size, md5),))
        server.files |= {"/toy.bin": content} if content is not None else {}
        return get(place, server.url)

    return write


def bucket(break_it: Callable[[Bucket], None]) -> Callable[[Place], Words]:
    def write(place: Place) -> Words:
        server: Server = place.fixture("server")
        made = Bucket(server, series=1, instances=2)
        break_it(made)
        offered(place, files=(), series=tuple(made.series))
        return get(place, server.url)

    return write


def dying(place: Place) -> Words:
    place.fixture("monkeypatch").setattr("medrepro.datamodules.download.fetch.ATTEMPTS", 1)
    server = offered(place)
    server.files["/toy.bin"], server.cuts = bytes(500_000), [90_000]
    return get(place, server.url)


def at(fixture: str, size: int) -> Callable[[Place], Words]:
    def write(place: Place) -> Words:
        server = offered(place, about_bytes=size)
        server.files["/toy.bin"] = bytes(size)
        return [*get(place, server.url)[:2], "--out", str(place.fixture(fixture) / "data"), "--mirror", server.url]

    return write


def into_a_file(place: Place) -> Words:
    server = offered(place)
    return ["toy", "--yes", "--out", place.file("taken", "a file"), "--mirror", server.url]


def offline(place: Place) -> Words:
    offered(place)
    return get(place, "http://127.0.0.1:9")


def unasked(place: Place) -> Words:
    offered(place)
    return ["toy", "--out", str(place.out)]


CASES = (
    Case("no such data set", COMMAND, lambda p: ["nothing", "--out", str(p.out)], "no data set 'nothing'"),
    Case("no such patient", COMMAND, lambda p: ["lidc", "--patients", "X", "--out", str(p.out)], "no such patient"),
    Case("no such size", COMMAND, lambda p: ["breakhis", "--size", "64", "--out", str(p.out)], "only MedMNIST"),
    Case("a mirror that is a file", COMMAND, lambda p: get(p, "file:///etc"), "starts with https"),
    Case("no network", COMMAND, offline, "cannot reach 127.0.0.1"),
    Case("nobody to agree", COMMAND, unasked, "say --yes"),
    Case("a file that is gone", COMMAND, served(None), "answers 404"),
    Case("a wrong checksum", COMMAND, served(b"x", hashlib.md5(b"y").hexdigest()), "the MD5 is"),
    Case("a wrong size", COMMAND, served(b"xyz", size=7), "3 bytes where 7 were expected"),
    Case("a connection that breaks off", COMMAND, dying, "the same command goes on", PART),
    Case("a download to a file", COMMAND, into_a_file, "cannot write to"),
    Case("a download to a read-only disk", COMMAND, at("read_only", 10), "cannot write to"),
    Case("a download larger than the disk", COMMAND, at("tiny_disk", 3_000_000), "GB are needed|are free"),
    Case("an archive that is none", COMMAND, archive(b"<html>"), "is damaged", ARCHIVE),
    Case("a zip cut off", COMMAND, archive(zipped({"1.png": bytes(99)})[:60]), "is damaged", ARCHIVE),
    Case("a tar.gz cut off", COMMAND, archive(tarred({"1.png": bytes(9999)}, "w:gz")[:80]), "is damaged", ARCHIVE),
    Case("zip slip", COMMAND, archive(zipped({"../../bait": b"x"})), "would leave the folder", ARCHIVE),
    Case("zip with an absolute path", COMMAND, archive(zipped({"/tmp/bait": b"x"})), "would leave the folder", ARCHIVE),
    Case("zip with a Windows path", COMMAND, archive(zipped({"C:\\bait": b"x"})), "would leave the folder", ARCHIVE),
    Case("zip with a link", COMMAND, archive(zipped({"a": b"/etc"}, stat.S_IFLNK | 0o777)), "is a link", ARCHIVE),
    Case("zip bomb", COMMAND, archive(zipped(BOMB)), "a bomb, not unpacked", ARCHIVE),
    Case("tar slip", COMMAND, archive(tarred({"../../bait": b"x"})), "would leave the folder", ARCHIVE),
    Case("tar with a symlink", COMMAND, archive(SYMLINK), "link", ARCHIVE),
    Case("tar with a hard link", COMMAND, archive(HARD_LINK), "link", ARCHIVE),
    Case("tar with a device", COMMAND, archive(tarred({"a": b""}, type=tarfile.CHRTYPE)), "device", ARCHIVE),
    Case("tar bomb", COMMAND, archive(tarred(BOMB, "w:gz")), "a bomb, not unpacked", ARCHIVE),
    Case("an archive of too few images", COMMAND, archive(zipped({"1.png": b"x"}), 2), "1 images", ARCHIVE),
    Case("a bucket's file that differs", COMMAND, bucket(Bucket.damage), "the MD5 is"),
    Case("a bucket that lacks a file", COMMAND, bucket(Bucket.drop), "the server lists 1 files"),
    Case("a bucket's file that is no DICOM", COMMAND, bucket(Bucket.undicom), "is no DICOM file"),
    Case("a bucket with an XML bomb", COMMAND, bucket(lambda b: b.list_as(ENTITIES)), "no listing"),
    Case("a bucket with a hostile name", COMMAND, bucket(lambda b: b.rename("../../bait")), "is no file of series"),
)  # fmt: skip
