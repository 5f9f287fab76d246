"""Images in files: ``split/class/file``, ``class/file``, a tar of either, or a CSV that lists them.

In: a path; out: entries that know class, split and group, and read their pixels when asked.
"""

import functools
import re
import tarfile
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath

import pandas as pd

from medrepro.datamodules.images.entry import UNSPLIT, Entry, Pixels, decode, decode_bytes
from medrepro.datamodules.support.errors import InputError

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif"})
SPLIT_NAMES = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}
GROUP_COLUMNS = ("group", "patient_id", "patient")
SKIPPED = "__MACOSX"  # what macOS adds to archives looks like images and is none


def folder_entries(root: Path, group_pattern: str | None = None) -> list[Entry]:
    """List the images of a folder tree, in the order of their paths.

    Raises:
        InputError: an image outside a class folder, split beside class folders, or an id without group.
    """
    paths = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
    return _tree(
        [PurePosixPath(path.as_posix()) for path in paths], lambda path: open_image(root / path), group_pattern
    )


def tar_entries(archive: Path, group_pattern: str | None = None) -> list[Entry]:
    """List the images of an uncompressed tar of a folder tree; nothing is unpacked to the disk.

    Raises:
        InputError: not a tar, or as :func:`folder_entries`.
    """
    try:
        with tarfile.open(archive, "r:") as tar:
            places = {member.name: (member.offset_data, member.size) for member in tar if member.isfile()}
    except tarfile.TarError as error:
        raise InputError(f"{archive} cannot be read as a tar: {error}; unpack it and give the folder") from error

    def read(path: PurePosixPath) -> Pixels:
        offset, size = places[str(path)]
        with archive.open("rb") as stream:
            stream.seek(offset)
            return decode_bytes(stream.read(size))

    return _tree([PurePosixPath(name) for name in places], read, group_pattern)


def csv_entries(table: Path, group_pattern: str | None = None) -> list[Entry]:
    """List the images of a CSV: ``path`` (from the CSV's folder), ``label``; perhaps ``split`` and ``group``.

    Raises:
        InputError: a needed column is missing, a cell is empty, or a split is unknown.
    """
    rows = pd.read_csv(table, dtype=str)
    missing = [column for column in ("path", "label") if column not in rows.columns]
    if missing:
        raise InputError(f"{table.name}: no column {' or '.join(missing)}; found: {', '.join(map(str, rows.columns))}")
    empty = rows[rows[["path", "label"]].isna().any(axis=1)]
    if len(empty):
        raise InputError(
            f"{table.name}: line {int(empty.index[0]) + 2} has no path or no label ({len(empty)} such lines)"
        )
    group_column = next((column for column in GROUP_COLUMNS if column in rows.columns), None)
    rows = rows.fillna("")
    paths = [str(path).replace("\\", "/") for path in rows["path"]]
    splits = (
        [_split_name(str(name), table.name) for name in rows["split"]] if "split" in rows else [UNSPLIT] * len(rows)
    )
    groups = [str(name) for name in rows[group_column]] if group_column else [group_of(p, group_pattern) for p in paths]
    labels = [str(label) for label in rows["label"]]
    return [
        Entry(path, label, split, group, functools.partial(open_image, table.parent / path))
        for path, label, split, group in zip(paths, labels, splits, groups, strict=True)
    ]


def _tree(
    paths: Iterable[PurePosixPath], read: Callable[[PurePosixPath], Pixels], group_pattern: str | None
) -> list[Entry]:
    """Entries of a tree of relative paths; the first folder is a split if all first folders are."""
    images = sorted(path for path in paths if path.suffix.lower() in SUFFIXES and not _hidden(path))
    first = {path.parts[0] for path in images if len(path.parts) > 1}
    splits = {name for name in first if name.lower() in SPLIT_NAMES}
    if splits and splits != first:
        others = ", ".join(sorted(first - splits)[:5])
        raise InputError(
            f"the folders {', '.join(sorted(splits))} are splits but {others} stand beside them; "
            "allowed: split/class/file or class/file"
        )
    depth = 1 if splits else 0
    stray = [path for path in images if len(path.parts) < depth + 2]
    if stray:
        raise InputError(f"{len(stray)} images lie outside a class folder, such as {stray[0]}; allowed: class/file")
    return [
        Entry(
            str(path),
            path.parts[depth],
            SPLIT_NAMES[path.parts[0].lower()] if splits else UNSPLIT,
            group_of(str(path), group_pattern),
            functools.partial(read, path),
        )
        for path in images
    ]


def _hidden(path: PurePosixPath) -> bool:
    return any(part.startswith(".") or part == SKIPPED for part in path.parts)


def open_image(path: Path) -> Pixels:
    """Read one image file, see `decode`."""
    with path.open("rb") as stream:
        return decode(stream)


def _split_name(name: str, source: str) -> str:
    """Return the canonical name of a split; an empty cell leaves the sample unsplit."""
    if name and name.lower() not in SPLIT_NAMES:
        raise InputError(f"{source}: unknown split {name!r}; allowed: {', '.join(SPLIT_NAMES)}")
    return SPLIT_NAMES[name.lower()] if name else UNSPLIT


def group_of(sample_id: str, pattern: str | None) -> str:
    """Return the patient in ``sample_id``: what the pattern's one group finds.

    Raises:
        InputError: the pattern is no regular expression with one group, or it finds nothing.
    """
    if pattern is None:
        return ""
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise InputError(f"--group-pattern {pattern!r} is no regular expression: {error}") from error
    if compiled.groups != 1:
        raise InputError(f"--group-pattern {pattern!r} has {compiled.groups} groups; exactly one names the patient")
    found = compiled.search(sample_id)
    if found is None or not found.group(1):
        raise InputError(f"--group-pattern {pattern!r} finds no patient in {sample_id}; widen the pattern")
    return found.group(1)
