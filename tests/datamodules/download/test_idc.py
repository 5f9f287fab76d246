"""The index's published counts, and series from a bucket on this machine."""

import hashlib
import io
from collections.abc import Sequence
from pathlib import Path

import pytest

from medrepro.datamodules.download import idc
from medrepro.datamodules.download.fetch import Client
from medrepro.datamodules.download.idc import (
    Series,
    check_whole,
    download_series,
    index_version,
    list_files,
    list_series,
)
from medrepro.datamodules.support.errors import InputError
from tests._bucket import Bucket
from tests._server import Server


@pytest.mark.parametrize(
    ("collection", "kinds", "series", "patients", "gigabytes"),
    [
        ("lidc_idri", ("CT",), 1018, 1010, 128.4),
        ("nsclc_radiogenomics", ("CT", "SEG"), 727 + 144, 211, 91.8),
    ],
)
def test_the_index_has_the_published_counts(
    collection: str, kinds: Sequence[str], series: int, patients: int, gigabytes: float
) -> None:
    found = list_series(collection, kinds)
    assert (len(found), len({one.patient for one in found})) == (series, patients)
    assert round(sum(one.size for one in found) / 1e9, 1) == gigabytes
    assert {one.licence for one in found} == {"CC BY 3.0"}
    assert len({one.uuid for one in found}) == len({one.series_uid for one in found}) == series
    assert found == sorted(found, key=lambda one: (one.patient, one.series_uid))


def test_the_lidc_series_are_those_of_the_annotations() -> None:
    from medrepro.datamodules.lidc.database import database_path, read_database

    scans = set(read_database(database_path()).scans["series_uid"])
    assert scans == {one.series_uid for one in list_series("lidc_idri", ("CT",))}


def test_an_unknown_collection_and_a_missing_index(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="has no series of nothing"):
        list_series("nothing", ("CT",))
    monkeypatch.setattr(idc, "PACKAGE", "no-such-package")
    with pytest.raises(InputError, match=r"pip install 'medrepro\[download\]'"):
        index_version()


def test_a_damaged_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "index.parquet"
    path.write_bytes(b"PAR1 not really")
    monkeypatch.setattr(idc, "INDEX", str(path))
    with pytest.raises(InputError, match="cannot be read"):
        list_series("lidc_idri", ("CT",))


def get(bucket: Bucket, root: Path, series: Sequence[Series] | None = None) -> list[int]:
    new: list[int] = []
    download_series(series or bucket.series, root, Client(), bucket.server.url, 3, new.append)
    return new


def test_series_come_whole_and_a_second_call_asks_for_nothing(server: Server, tmp_path: Path) -> None:
    bucket = Bucket(server, series=3, instances=4)
    new = get(bucket, tmp_path)
    found = {path.relative_to(tmp_path).as_posix(): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert found == bucket.expected()
    assert sum(new) == sum(one.size for one in bucket.series)
    asked = len(server.asked)
    get(bucket, tmp_path)
    assert len(server.asked) == asked


def test_a_listing_of_several_pages(server: Server) -> None:
    bucket = Bucket(server, series=1, instances=5, page=2)
    files = list(list_files(bucket.series[0], server.url, Client()))
    assert [file.name for file in files] == sorted(name.rpartition("/")[2] for name in bucket.expected())
    assert [file.md5 for file in files] == [
        hashlib.md5(bucket.server.files[f"/{bucket.series[0].uuid}/{file.name}"]).hexdigest() for file in files
    ]


def test_an_interrupted_series_has_no_name_yet_and_goes_on(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = Bucket(server, series=1, instances=4)
    lost = sorted(path for path in server.files if path.endswith(".dcm"))[2]
    content = server.files.pop(lost)
    with pytest.raises(InputError, match="answers 404"):
        get(bucket, tmp_path)
    only = bucket.series[0].folder(tmp_path)
    assert not only.exists()
    assert len(list(only.with_name(f".{only.name}.part").glob("*.dcm"))) == 2
    server.files[lost] = content
    asked = len(server.asked)
    get(bucket, tmp_path)
    check_whole(bucket.series[0], only)
    assert len(server.asked) == asked + 1 + 2  # the listing and what was missing


def test_an_etag_of_several_parts_is_no_md5(server: Server, tmp_path: Path) -> None:
    bucket = Bucket(server, series=1, instances=2, tag='"0123456789abcdef0123456789abcdef-3"')
    assert [file.md5 for file in list_files(bucket.series[0], server.url, Client())] == [None, None]
    get(bucket, tmp_path)
    check_whole(bucket.series[0], bucket.series[0].folder(tmp_path))


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda b: b.damage(), "the MD5 is"),
        (lambda b: b.shorten(), r"the server has \d+ bytes where"),
        (lambda b: b.drop(), "the server lists 2 files"),
        (lambda b: b.undicom(), "is no DICOM file"),
        (lambda b: b.list_as("<html>not found</html>"), "lists 0 files"),
        (lambda b: b.list_as("not xml"), "no listing of a bucket"),
        (lambda b: b.list_as('<!DOCTYPE x [<!ENTITY a "aaaa">]><x>&a;</x>'), "no listing of a bucket"),
        (lambda b: b.rename("../../evil.dcm"), "is no file of series"),
        (lambda b: b.rename("/etc/passwd"), "is no file of series"),
    ],
)
def test_a_bucket_that_lies(break_it: object, message: str, server: Server, tmp_path: Path) -> None:
    bucket = Bucket(server, series=1, instances=3)
    assert callable(break_it)
    break_it(bucket)
    with pytest.raises(InputError, match=message):
        get(bucket, tmp_path / "out")
    assert not [path for path in tmp_path.rglob("*") if path.name == bucket.series[0].series_uid]
    assert not list(tmp_path.rglob("*evil*"))


def test_a_finished_series_that_changed_is_named(server: Server, tmp_path: Path) -> None:
    bucket = Bucket(server, series=1, instances=3)
    get(bucket, tmp_path)
    next(tmp_path.rglob("*.dcm")).unlink()
    with pytest.raises(InputError, match="holds 2 files of .* delete that folder"):
        get(bucket, tmp_path)


def test_the_first_failure_stops_the_others(server: Server, tmp_path: Path) -> None:
    bucket = Bucket(server, series=30, instances=3)
    server.files = {path: content for path, content in server.files.items() if not path.endswith(".dcm")}
    with pytest.raises(InputError, match="answers 404"):
        get(bucket, tmp_path)
    assert len(server.asked) < 30


def test_dicom_is_told_by_its_letters(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.dcm", tmp_path / "bad.dcm"
    good.write_bytes(io.BytesIO(bytes(128) + b"DICM").getvalue())
    idc.check_dicom(good)
    bad.write_bytes(b"<html>")
    with pytest.raises(InputError, match="no DICOM file"):
        idc.check_dicom(bad)
    assert good.exists()
    assert not bad.exists()
