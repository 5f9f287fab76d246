"""Write a prepared folder: the units that were read, then the arrays in order, then the card.

A run that was killed goes on from the units that it had read, and the bytes at the end are the same.
"""

import functools
import hashlib
import json
import shutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from medrepro.datamodules.prepare.format import CARD, IMAGES, MASKS, PARTS, SERIES, TABLE
from medrepro.datamodules.support.array_store import ArrayStore
from medrepro.datamodules.support.cache import atomic_write, check_space, writable_folder
from medrepro.datamodules.support.errors import InputError
from medrepro.datamodules.support.processes import each
from medrepro.datamodules.support.progress import reporter

PLAN = "plan.json"
Row = dict[str, Any]


@dataclass(frozen=True)
class Part:
    """Images that were cut out of one unit.

    Attributes:
        images: int16 HU ``(n, *spatial)``; none is fine.
        masks: bool, of the same shape.
        rows: n rows of the table.
        about: of the series: slices, spacing, ...
    """

    images: npt.NDArray[np.int16]
    masks: npt.NDArray[np.bool_]
    rows: list[Row]
    about: Row


@dataclass(frozen=True)
class Unit(ABC):
    """One series and the crops to take from it; :meth:`read` runs in a worker.

    Attributes:
        key: series uid, or the name of a file; unique.
        patient_id: the patient.
        files: everything that it is read from.
        root: the source's folder.
        expected: approximate number of its images.
    """

    key: str
    patient_id: str
    files: tuple[Path, ...]
    root: Path
    expected: int

    @abstractmethod
    def read(self) -> Part:
        """Read and cut.

        Raises:
            InputError: the series cannot be used; the text is the reason it is skipped with.
        """

    @functools.cached_property
    def fingerprint(self) -> str:
        """Names, sizes and times of the files: changed files are read again."""
        digest = hashlib.sha256(self.key.encode())
        for file in self.files:
            state = file.stat()
            digest.update(f"\n{file.relative_to(self.root)} {state.st_size} {state.st_mtime_ns}".encode())
        return digest.hexdigest()


@dataclass(frozen=True)
class Plan:
    """Everything that the bytes of a prepared folder depend on.

    Attributes:
        name: ``lidc``, ``luna16``, ``nsclc`` or ``folder``.
        settings: plain values.
        shape: of one image.
        units: in the order of the table.
        unusable: (file or series, reason) found before any unit is read.
        about: of the source, for the card: counts, licence, citation.
        agreement: compares the finished table with what others published, for the card.
    """

    name: str
    settings: Row
    shape: tuple[int, ...]
    units: tuple[Unit, ...]
    unusable: tuple[tuple[str, str], ...] = ()
    about: Row = field(default_factory=dict)
    agreement: Callable[[pd.DataFrame], Row] | None = None

    def source(self) -> str:
        """Return the fingerprint of all units together."""
        return hashlib.sha256("\n".join(unit.fingerprint for unit in self.units).encode()).hexdigest()


def prepare_parts(plan: Plan, out: Path, workers: int, strict: bool, quiet: bool) -> list[tuple[str, str]]:
    """Read every unit that is not in the store yet; returns (unit, reason) of those that cannot be read.

    Raises:
        InputError: no room, ``out`` holds something else, a bad unit under ``strict``, or no unit at all can be read.
    """
    store = _store(plan, _opened(plan, out))
    read = {entry.key for entry in store.entries}
    todo = [unit for unit in plan.units if unit.fingerprint not in read]
    bad = list(plan.unusable)
    if strict and bad:
        _stop(bad[0], out)
    with reporter(f"preparing {plan.name}", len(plan.units), len(plan.units) - len(todo), quiet) as report:
        for unit, part in each(_read, todo, workers):
            report()
            if isinstance(part, Part):
                facts = {"rows": part.rows, "about": part.about}
                store.append(unit.fingerprint, facts, images=part.images, masks=np.packbits(part.masks, axis=-1))
                continue
            bad.append((unit.key, part))
            if strict:
                _stop(bad[-1], out)
    order = {unit.key: number for number, unit in enumerate(plan.units)}
    return sorted(bad, key=lambda pair: (order.get(pair[0], -1), pair[0]))


def _store(plan: Plan, parts: Path) -> ArrayStore:
    """Return the store of the units that were read, in the order of reading; named by their fingerprints."""
    masks = (*plan.shape[:-1], (plan.shape[-1] + 7) // 8)
    return ArrayStore(parts, {"name": plan.name}, {"images": (np.int16, plan.shape), "masks": (np.uint8, masks)})


def _read(unit: Unit) -> Part | str:
    """Read a unit; returns the reason if it cannot be read."""
    try:
        return unit.read()
    except (InputError, FileNotFoundError) as error:
        return " ".join(str(error).split()).replace(f"{unit.root}/", "").removeprefix(f"series {unit.key}: ")


def _stop(bad: tuple[str, str], out: Path) -> None:
    raise InputError(
        f"{bad[0]}: {bad[1]}; stopped by --strict, without it such a series is skipped; {out} can be resumed"
    )


def _opened(plan: Plan, out: Path) -> Path:
    """Return the folder of parts, after a look at what is in ``out``."""
    parts = out / PARTS
    said = json.dumps({"name": plan.name, "settings": plan.settings}, sort_keys=True)
    if parts.is_dir():
        found = (parts / PLAN).read_text(encoding="utf-8") if (parts / PLAN).is_file() else said
        if found != said:
            raise InputError(f"{out} is half prepared as {found}, now {said}; go on as it was, or choose another --out")
    elif out.is_dir() and any(out.iterdir()):
        raise InputError(f"{out} is not empty and no prepared folder; choose another --out")
    elif out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file; --out names a folder")
    needed = 2 * sum(unit.expected for unit in plan.units) * int(np.prod(plan.shape)) * 3  # parts, then the arrays
    check_space(out, needed, plan.name, "free space or choose another --out")
    writable_folder(parts, "--out")
    with atomic_write(parts / PLAN) as temporary:
        temporary.write_text(said, encoding="utf-8")
    return parts


@dataclass(frozen=True)
class Assembled:
    """Counts of what was written."""

    images: int
    patients: int
    prepared: int


def assemble(plan: Plan, out: Path, bad: Sequence[tuple[str, str]]) -> Assembled:
    """Write arrays and tables from the parts, in the order of the units.

    Raises:
        InputError: no image came out of any unit.
    """
    parts = out / PARTS
    store = _store(plan, parts)
    read = {entry.key: entry for entry in store.entries}
    whole = [(unit, read[unit.fingerprint]) for unit in plan.units if unit.fingerprint in read]
    rows: list[Row] = []
    series: list[Row] = []
    for unit, entry in whole:
        rows += [{"series": unit.key, **row} for row in entry.facts["rows"]]
        about = {"series": unit.key, "patient_id": unit.patient_id, "images": len(entry.facts["rows"]), "reason": ""}
        series.append(about | entry.facts["about"])
    series += [{"series": key, "patient_id": "", "images": 0, "reason": reason} for key, reason in bad]
    if not rows:
        shutil.rmtree(parts)
        if not any(out.iterdir()):
            out.rmdir()
        reason = f"; the first: {bad[0][0]}: {bad[0][1]}" if bad else ""
        raise InputError(f"no image could be prepared from {len(plan.units)} series{reason}")
    for name in (IMAGES, MASKS):
        array = store.array(name.removesuffix(".npy"))
        _write_array(out / name, (len(rows), *array.shape[1:]), (array[entry.rows] for _, entry in whole))
    table = pd.DataFrame(rows)
    for name, frame in ((TABLE, table), (SERIES, pd.DataFrame(series))):
        with atomic_write(out / name) as temporary:
            frame.to_parquet(temporary, index=False)
    return Assembled(len(rows), int(table["patient_id"].nunique()), len(whole))


def _write_array(path: Path, shape: tuple[int, ...], pieces: Iterable[npt.NDArray[Any]]) -> None:
    """Write one array from pieces that need not fit into memory; by plain writes, so that a full disk is an error."""
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        for number, piece in enumerate(pieces):
            if not number:
                header = {"descr": piece.dtype.str, "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_1_0(file, header)
            file.write(piece.tobytes())


def finish(out: Path, card: Row, readable: str) -> None:
    """Write the card, which makes the folder complete, and drop the parts."""
    with atomic_write(out / "card.md") as temporary:
        temporary.write_text(readable, encoding="utf-8")
    with atomic_write(out / CARD) as temporary:
        temporary.write_text(json.dumps(card, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    shutil.rmtree(out / PARTS, ignore_errors=True)
