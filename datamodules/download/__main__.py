"""Download a public data set: shown and agreed to before the first byte, resumed and checked.

``<out>/<name>/`` holds the files and, when all of them are whole, ``download.json`` with their origin. ``--dry-run``
prints the manifest without any network.
"""

import argparse
import datetime
import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from medrepro.datamodules.download.catalogue import Dataset, find
from medrepro.datamodules.download.fetch import Client, RemoteFile, Report, fault, fetch, md5_of
from medrepro.datamodules.download.idc import check_whole, download_series, index_version
from medrepro.datamodules.support.archives import extract
from medrepro.datamodules.support.cache import atomic_write, locked, writable_folder
from medrepro.datamodules.support.command_line import OneLineParser, guarded
from medrepro.datamodules.support.errors import InputError
from medrepro.datamodules.support.progress import reporter

PROGRAM = "python -m medrepro.datamodules.download"
CARD = "download.json"
UNPACKED = "unpacked"  # folder of an archive's content
MAX_WORKERS = 64
EPILOG = """
names: lidc and nsclc (CT, from the Imaging Data Commons), breakhis, livecell, and MedMNIST's (pneumoniamnist,
nodulemnist3d, ...). A second call resumes what was interrupted and checks what is there.
"""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = OneLineParser(prog=PROGRAM, description="Download a public data set.", epilog=EPILOG)
    parser.add_argument("name", metavar="NAME", help="data set, see below")
    parser.add_argument("--out", type=Path, default=Path("data"), help="a folder NAME is made in it (%(default)s)")
    parser.add_argument("--dry-run", action="store_true", help="print the manifest and stop; needs no network")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--patients", nargs="+", default=[], metavar="ID", help="only these, of lidc and nsclc")
    parser.add_argument("--size", type=int, default=28, help="px, of MedMNIST: 28, 64, 128 or 224 (%(default)s)")
    parser.add_argument("--workers", type=int, default=8, help="CT series at a time (%(default)s)")
    parser.add_argument("--mirror", metavar="URL", help="another server that has the same files")
    parser.add_argument("--keep-archive", action="store_true", help="keep a zip or tar after unpacking it")
    return parser


def main(args: Sequence[str] | None = None) -> int:
    """Run the command with ``args`` (default: the shell's) and return 0.

    Raises:
        SystemExit: 2 and one line on stderr for bad input, no network or a full disk; 130 for Ctrl-C.
    """
    words = sys.argv[1:] if args is None else list(args)
    return guarded(PROGRAM, lambda: run(build_parser().parse_args(words)))


def run(chosen: argparse.Namespace) -> int:
    """Print the manifest or ask, download and check; end with the next command."""
    if not 1 <= chosen.workers <= MAX_WORKERS:
        raise InputError(f"--workers {chosen.workers}: allowed are 1 to {MAX_WORKERS}")
    if chosen.mirror is not None and not chosen.mirror.startswith(("https://", "http://")):
        raise InputError(f"--mirror {chosen.mirror}: give an address that starts with https:// or http://")
    dataset = find(chosen.name, chosen.size, chosen.patients)
    if chosen.dry_run:
        print("\n".join(manifest(dataset)))
        return 0
    folder = chosen.out / dataset.name
    writable_folder(chosen.out, "--out")
    with locked(folder, f"another process downloads the same data set to {folder}; wait for it to end"):
        if is_whole(dataset, folder):
            print(f"{folder} is there and whole")
        else:
            _agree(dataset, folder, chosen.yes)
            get(dataset, folder, chosen)
    print(f"use it: {dataset.use.format(folder=folder)}")
    return 0


def manifest(dataset: Dataset) -> Iterator[str]:
    """Yield the data set's description as comments, then one tab-separated line per file or series."""
    yield from (f"# {line}" for line in describe(dataset))
    if dataset.series:
        yield f"# source    {index_version()}"
        yield "patient\tseries\tmodality\tfiles\tbytes\taddress"
        for one in dataset.series:
            address = f"https://{one.bucket}.s3.amazonaws.com/{one.uuid}/"
            yield "\t".join(map(str, (one.patient, one.series_uid, one.modality, one.instances, one.size, address)))
        return
    yield "file\tbytes\tmd5\taddress"
    for file in dataset.files:
        yield f"{file.name}\t{file.size or 'unknown'}\t{file.md5 or 'not published'}\t{file.url}"


def describe(dataset: Dataset) -> list[str]:
    """Return title, size, licence, citation and page, one line each."""
    return [
        f"{dataset.name}: {dataset.title}",
        f"size      {_size(dataset)}",
        f"licence   {dataset.licence}",
        f"cite      {dataset.citation}",
        f"about it  {dataset.page}",
    ]


def _size(dataset: Dataset) -> str:
    amount = dataset.about_bytes / 1e6
    return f"{dataset.bound} {f'{amount / 1e3:.1f} GB' if amount >= 1000 else f'{amount:.1f} MB'}".strip()


def _agree(dataset: Dataset, folder: Path, yes: bool) -> None:
    """Print licence and size and ask for agreement.

    Raises:
        InputError: too little space on the disk, or no agreement.
    """
    free, here = shutil.disk_usage(folder.parent).free, _on_disk(dataset, folder)
    needed = dataset.about_bytes * (2 if dataset.images else 1) - here  # an archive and its content
    print("\n".join(describe(dataset)))
    print(f"to        {folder} ({here / 1e6:.0f} MB are there, {free / 1e9:.1f} GB free)")
    if needed > free:
        raise InputError(
            f"{needed / 1e9:.1f} GB are needed in {folder.parent}, {free / 1e9:.1f} GB are free; free space, choose "
            "another folder by --out, or fewer --patients"
        )
    if yes:
        return
    if not sys.stdin.isatty():
        raise InputError("nobody is there to agree to the licence and size; say --yes, or --dry-run to look only")
    if input("download it? [y/N] ").strip().lower() not in ("y", "yes"):
        raise InputError("not agreed: nothing was downloaded")


def _on_disk(dataset: Dataset, folder: Path) -> int:
    """Return the bytes of a data set that an earlier call downloaded."""
    if dataset.series:
        return sum(one.size for one in dataset.series if one.folder(folder).is_dir())
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def get(dataset: Dataset, folder: Path, chosen: argparse.Namespace) -> None:
    """Download what is missing, check it, and write ``download.json`` last."""
    client = Client()
    with reporter(dataset.name, dataset.about_bytes, in_bytes=True) as report:
        if dataset.series:
            download_series(dataset.series, folder, client, chosen.mirror, chosen.workers, report)
            got: list[dict[str, Any]] = [{"source": index_version(), "series": len(dataset.series)}]
        else:
            got = [_get_file(file, folder, client, chosen.mirror, report) for file in dataset.files]
    if dataset.images:
        _unpack(dataset, folder, chosen.keep_archive)
    _write_card(dataset, folder, got)


def _get_file(file: RemoteFile, folder: Path, client: Client, mirror: str | None, report: Report) -> dict[str, Any]:
    here = RemoteFile(f"{mirror.rstrip('/')}/{file.name}", file.name, file.size, file.md5) if mirror else file
    path = fetch(here, folder, client, report)
    return {"file": file.name, "bytes": path.stat().st_size, "md5": md5_of(path), "from": here.url}


def _unpack(dataset: Dataset, folder: Path, keep: bool) -> None:
    """Unpack the archive and count its images."""
    archive = folder / dataset.files[0].name
    print(f"unpacking {archive}")
    extract(archive, folder / UNPACKED)
    wrong = _images_wrong(dataset, folder)
    if wrong:
        shutil.rmtree(folder / UNPACKED)
        raise InputError(f"{archive}: {wrong}; delete it and run the command again")
    if not keep:
        archive.unlink()


def _images_wrong(dataset: Dataset, folder: Path) -> str | None:
    """Return what is wrong with the number of unpacked images, or None."""
    if dataset.images is None:
        return None
    pattern, expected = dataset.images
    found = sum(not path.name.startswith(".") for path in (folder / UNPACKED).rglob(pattern))
    return None if found == expected else f"{found} images ({pattern}) where {expected} were expected"


def _write_card(dataset: Dataset, folder: Path, got: list[dict[str, Any]]) -> None:
    about = {name: getattr(dataset, name) for name in ("name", "title", "licence", "citation", "page")}
    when = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    with atomic_write(folder / CARD) as temporary:
        temporary.write_text(json.dumps({**about, "got": got, "when": when}, indent=1) + "\n", encoding="utf-8")


def is_whole(dataset: Dataset, folder: Path) -> bool:
    """Check whether an earlier call finished, and what it downloaded.

    Raises:
        InputError: its files have changed since.
    """
    card = folder / CARD
    if not card.is_file() or (dataset.series and not all(one.folder(folder).is_dir() for one in dataset.series)):
        return False
    for one in dataset.series:
        check_whole(one, one.folder(folder))
    wrong = _images_wrong(dataset, folder) if dataset.images else _file_wrong(dataset, folder)
    if wrong:
        raise InputError(f"{folder}: {wrong}; delete {card} and run the command again")
    return True


def _file_wrong(dataset: Dataset, folder: Path) -> str | None:
    for file in dataset.files:
        path = folder / file.name
        if not path.is_file():
            return f"{file.name} is gone"
        if fault(path, file):
            return f"{file.name} has changed since it was downloaded"
    return None


if __name__ == "__main__":
    sys.exit(main())
