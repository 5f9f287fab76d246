"""Series of the Imaging Data Commons: listed offline from its index, downloaded from its public bucket, checked.

The index is the package ``idc-index-data`` (a million series with sizes and licences); only the rows of a collection
are read. Files are requested from the bucket one by one as ``<patient>/<series>/<uuid>.dcm``: that resumes anywhere
and checks each size and MD5, where the client of ``idc-index`` succeeds even if its downloader failed.
"""

import functools
import importlib.metadata
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from defusedxml import ElementTree

from medrepro.datamodules.download.fetch import Client, RemoteFile, Report, fetch
from medrepro.datamodules.support.errors import InputError

PACKAGE: Final = "idc-index-data"
INDEX: Final = "idc_index_data/idc_index.parquet"
COLUMNS: Final = {
    "PatientID": "patient",
    "SeriesInstanceUID": "series_uid",
    "Modality": "modality",
    "instanceCount": "instances",
    "series_size_MB": "megabytes",
    "license_short_name": "licence",
    "aws_bucket": "bucket",
    "crdc_series_uuid": "uuid",
}
PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")  # of a folder, on any system
UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
MD5_TAG: Final = re.compile(r'"([0-9a-f]{32})"')  # an ETag with a dash is no MD5
S3: Final = "{http://s3.amazonaws.com/doc/2006-03-01/}"


@dataclass(frozen=True)
class Series:
    """One series as the index describes it."""

    patient: str
    series_uid: str
    modality: str
    instances: int
    megabytes: float
    licence: str
    bucket: str
    uuid: str

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return round(self.megabytes * 1e6)

    def folder(self, root: Path) -> Path:
        """Return its folder below ``root``."""
        return root / self.patient / self.series_uid


def index_version() -> str:
    """Return name and version of the installed index, such as ``idc-index-data 25.0.5``.

    Raises:
        InputError: it is not installed.
    """
    try:
        return f"{PACKAGE} {importlib.metadata.version(PACKAGE)}"
    except importlib.metadata.PackageNotFoundError as error:
        raise InputError(
            f"the index of the Imaging Data Commons is not installed here: pip install 'medrepro[download]' ({PACKAGE})"
        ) from error


def list_series(collection: str, modalities: Sequence[str]) -> list[Series]:
    """Return a collection's original series of some modalities, by patient and series; offline.

    Raises:
        InputError: the index is not installed, damaged, or does not know the collection.
    """
    index_version()
    path = Path(str(importlib.metadata.distribution(PACKAGE).locate_file(INDEX)))
    found = _rows(path, collection, tuple(modalities))
    if not found:
        raise InputError(f"{index_version()} has no series of {collection}; reinstall it")
    strange = [one for one in found if not (PLAIN_NAME.fullmatch(one.patient) and PLAIN_NAME.fullmatch(one.series_uid))]
    if strange:
        raise InputError(f"{path}: {strange[0].patient!r} cannot name a folder; reinstall {PACKAGE}")
    return found


@functools.cache
def _rows(path: Path, collection: str, modalities: tuple[str, ...]) -> list[Series]:
    """Read the rows of a collection, without series that others derived from it."""
    import pyarrow
    from pyarrow import dataset

    fields = {name: dataset.field(name) for name in ("collection_id", "analysis_result_id", "Modality")}
    wanted = (fields["collection_id"] == collection) & fields["Modality"].isin(list(modalities))
    try:
        table = dataset.dataset(path).to_table(list(COLUMNS), filter=wanted & fields["analysis_result_id"].is_null())
    except (pyarrow.ArrowException, OSError) as error:
        raise InputError(f"{path} cannot be read ({type(error).__name__}); reinstall {PACKAGE}") from error
    rows: list[dict[str, Any]] = table.rename_columns(list(COLUMNS.values())).to_pylist()
    return sorted((Series(**row) for row in rows), key=lambda one: (one.patient, one.series_uid))


def download_series(
    series: Sequence[Series], root: Path, client: Client, mirror: str | None, workers: int, report: Report
) -> None:
    """Download every series that is not there whole, several at a time.

    Args:
        series: what to get.
        root: folder of the collection.
        client: of this download.
        mirror: another server with the bucket's layout, instead of the commons' own.
        workers: series at a time.
        report: called with numbers of new bytes.

    Raises:
        InputError: see :func:`download_one`; the other transfers are stopped, finished files are kept.
    """
    with ThreadPoolExecutor(workers) as pool:
        tasks = [pool.submit(download_one, one, root, client, mirror, report) for one in series]
        try:
            for task in tasks:
                task.result()
        except BaseException:
            client.stopped.set()
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def download_one(series: Series, root: Path, client: Client, mirror: str | None, report: Report) -> Path:
    """Download one series into a hidden folder, renamed when it is whole.

    Raises:
        InputError: unreachable, or files that are not what the index says.
    """
    target = series.folder(root)
    if target.is_dir():
        check_whole(series, target)
        report(series.size)
        return target
    coming = target.with_name(f".{target.name}.part")
    base = mirror.rstrip("/") if mirror else f"https://{series.bucket}.s3.amazonaws.com"
    files = list(list_files(series, base, client))
    total = sum(file.size or 0 for file in files)
    if len(files) != series.instances or abs(total - series.size) > 1:
        raise InputError(
            f"series {series.series_uid}: the server lists {len(files)} files of {total} bytes, the index says "
            f"{series.instances} of {series.size}; update {PACKAGE}, or choose another mirror"
        )
    for file in files:
        check_dicom(fetch(file, coming, client, report))
    check_whole(series, coming)
    coming.rename(target)
    return target


def check_whole(series: Series, folder: Path) -> None:
    """Compare a finished folder with the index, by number and size of its files.

    Raises:
        InputError: files are missing, or were changed.
    """
    sizes = [path.stat().st_size for path in folder.glob("*.dcm")]
    if len(sizes) != series.instances or abs(sum(sizes) - series.size) > 1:
        raise InputError(
            f"{folder} holds {len(sizes)} files of {sum(sizes)} bytes, the index says {series.instances} of "
            f"{series.size}; delete that folder and run the command again"
        )


def check_dicom(path: Path) -> None:
    """Check that a file starts as DICOM does; remove it otherwise.

    Raises:
        InputError: it is not.
    """
    from pydicom.misc import is_dicom

    if not is_dicom(path):
        path.unlink()
        raise InputError(f"{path.name} is no DICOM file though its size is right; removed: run the command again")


def list_files(series: Series, base: str, client: Client) -> Iterator[RemoteFile]:
    """Yield the files that the bucket lists for a series, with sizes and, where it states them, checksums.

    Raises:
        InputError: no listing, or names that no series has.
    """
    token = ""
    while True:
        url = f"{base}/?list-type=2&prefix={series.uuid}/" + (f"&continuation-token={quote(token)}" if token else "")
        listing = _parsed(client.text(url), url)
        for item in listing.iter(f"{S3}Contents"):
            yield _remote(series, base, *(str(item.findtext(f"{S3}{name}")) for name in ("Key", "Size", "ETag")))
        token = str(listing.findtext(f"{S3}NextContinuationToken") or "")
        if not token:
            return


def _parsed(text: str, url: str) -> Any:
    try:
        return ElementTree.fromstring(text, forbid_dtd=True)
    except (ElementTree.ParseError, ValueError) as error:  # what defusedxml forbids is a ValueError
        raise InputError(f"{url}: no listing of a bucket ({type(error).__name__}); is the address right?") from error


def _remote(series: Series, base: str, key: str, size: str, tag: str) -> RemoteFile:
    folder, _, name = key.partition("/")
    if folder != series.uuid or not UUID.fullmatch(name.removesuffix(".dcm")) or not size.isdigit():
        raise InputError(f"{base}: {key!r} of {size} bytes is no file of series {series.uuid}; is the address right?")
    md5 = MD5_TAG.fullmatch(tag)
    return RemoteFile(f"{base}/{key}", name, int(size), md5[1] if md5 else None)
