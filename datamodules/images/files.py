"""List images in files: ``split/class/file``, ``class/file``, a tar of either, or a CSV.

torchvision's ImageFolder knows no splits, groups, tars or lists, so the few lines here are our own.
"""

import functools
import re
import tarfile
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath

from medrepro.datamodules.images.entry import UNSPLIT, Entry, Pixels, decode_bytes, open_image
from medrepro.datamodules.support.errors import InputError
from medrepro.datamodules.support.tables import line_of, read_table

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
    paths = [PurePosixPath(path.relative_to(root).as_posix()) for path in root.rglob("*") if path.is_file()]
    return _tree(paths, lambda path: open_image(root / path), group_pattern)


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
    rows = read_table(table, ("path", "label"), "a list of images", missing_as_empty=True)
    empty = rows.index[(rows["path"] == "") | (rows["label"] == "")]
    if len(empty):
        raise InputError(f"{table.name}: line {line_of(empty[0])} has no path or no label ({len(empty)} such lines)")
    paths = [str(path).replace("\\", "/") for path in rows["path"]]
    splits = [split_name(str(name), table.name) for name in rows.get("split", [UNSPLIT] * len(rows))]
    group_column = next((column for column in GROUP_COLUMNS if column in rows.columns), None)
    groups = rows[group_column] if group_column else [group_of(path, group_pattern) for path in paths]
    return [
        Entry(path, str(label), split, str(group), functools.partial(open_image, table.parent / path))
        for path, label, split, group in zip(paths, rows["label"], splits, groups, strict=True)
    ]


def _tree(
    paths: Iterable[PurePosixPath], read: Callable[[PurePosixPath], Pixels], group_pattern: str | None
) -> list[Entry]:
    """List the images of a tree of relative paths; the first folder is a split if all first folders are."""
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


def split_name(name: str, source: str) -> str:
    """Return ``train``, ``val`` or ``test`` for any of its usual names; "" stays unsplit.

    Raises:
        InputError: another name.
    """
    if name and name.lower() not in SPLIT_NAMES:
        raise InputError(f"{source}: unknown split {name!r}; allowed: {', '.join(SPLIT_NAMES)}")
    return SPLIT_NAMES[name.lower()] if name else UNSPLIT


def group_of(sample_id: str, pattern: str | None) -> str:
    """Return the patient in ``sample_id``: what the pattern's one group finds.

    Raises:
        InputError: the pattern is no regular expression with one group, or it finds nothing.

    Example:
        >>> group_of("train/sick/person7_bacteria_1.png", "(person[0-9]+)")
        'person7'
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
