"""Rendered LIDC nodules for training: a selection in, memory-mapped arrays out, rendered once.

In: rows of :func:`medrepro.datamodules.lidc.nodules.nodules`; out: :class:`RenderedVolumes` (whole cubes) or
:class:`NoduleSlices`
(only the planes that a nodule touches, for 2-D networks). Each selection has a folder of its own in the cache.
Two processes may ask at once (one renders, the other waits), and a killed one is continued where it stopped.
"""

import dataclasses
import hashlib
import json
import logging
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import filelock
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from medrepro.datamodules.lidc.database import database_path, database_stamp
from medrepro.datamodules.lidc.nodules import appearance_of
from medrepro.datamodules.lidc.table import TABLE_VERSION, NoduleStore, load_store
from medrepro.datamodules.rendering.pool import RenderTask, render_tasks
from medrepro.datamodules.rendering.render import RENDER_VERSION, check_grid
from medrepro.datamodules.support.array_store import LedgerEntry, RenderStore
from medrepro.datamodules.support.cache import cache_root
from medrepro.datamodules.support.errors import InputError

_log = logging.getLogger(__name__)
_PLANES_PER_NODULE = 10  # of 1 mm, for the guess at the space needed
_WAIT_S = 2.0  # after that the user is told what the process is waiting for


@dataclass(frozen=True)
class RenderedVolumes:
    """Rendered cubes of a selection, in the selection's order.

    Attributes:
        volumes: int16 (N, D, H, W) in HU, mapped read-only.
        packed_masks: uint8 (N, D, ceil(H * W / 8)), mapped read-only; :meth:`masks` unpacks them.
        nodule_ids: N ids.
        sha256: of volumes and masks.
    """

    volumes: NDArray[np.int16]
    packed_masks: NDArray[np.uint8]
    nodule_ids: list[str]
    sha256: str

    def masks(self, index: NDArray[np.int64] | list[int] | None = None) -> NDArray[np.bool_]:
        """Nodule masks of the chosen positions (all by default), bool (n, D, H, W)."""
        packed = self.packed_masks if index is None else self.packed_masks[index]
        side = self.volumes.shape[-1]
        bits = np.unpackbits(np.asarray(packed), axis=-1, count=side * side)
        return bits.view(np.bool_).reshape(*bits.shape[:2], side, side)


@dataclass(frozen=True)
class NoduleSlices:
    """The planes through a selection's nodules.

    Attributes:
        images: int16 (M, H, W) in HU, mapped read-only.
        packed_masks: uint8 (M, ceil(H * W / 8)), mapped read-only; :meth:`masks` unpacks them.
        table: one row a plane: sample_id, nodule_id, patient_id, z_mm (scanner's z), mask_pixels.
        sha256: of images and masks.
    """

    images: NDArray[np.int16]
    packed_masks: NDArray[np.uint8]
    table: pd.DataFrame
    sha256: str

    def masks(self) -> NDArray[np.bool_]:
        """Nodule masks of all planes, bool (M, H, W)."""
        bits = np.unpackbits(np.asarray(self.packed_masks), axis=-1, count=self.images[0].size)
        return bits.view(np.bool_).reshape(self.images.shape)


def rendered_volumes(
    table: pd.DataFrame,
    size: int,
    spacing: float,
    seed: int,
    cache_dir: str | Path | None = None,
    progress: bool = True,
    workers: int = 2,
) -> RenderedVolumes:
    """Render the nodules of ``table`` as cubes, or map them from the cache.

    Args:
        table: rows of the nodule table; only ``nodule_id`` is read.
        size: voxels along each side.
        spacing: mm.
        seed: of the renderer.
        cache_dir: cache folder; default ``MEDREPRO_CACHE`` or ``~/.cache/medrepro``.
        progress: show a progress bar on stderr while rendering.
        workers: rendering processes.

    Raises:
        InputError: empty or unknown selection, bad grid, full disk.
    """
    ids = _selection(table)
    store = _filled(_Request("volumes", size, spacing, seed, ids), cache_dir, progress, workers)
    images = np.memmap(store.images_path, np.int16, "r").reshape(len(ids), size, size, size)
    masks = np.memmap(store.masks_path, np.uint8, "r").reshape(len(ids), size, -1)
    return RenderedVolumes(images, masks, ids, store.sha256())


def nodule_slices(
    table: pd.DataFrame,
    size: int = 64,
    seed: int = 0,
    cache_dir: str | Path | None = None,
    progress: bool = True,
    workers: int = 2,
) -> NoduleSlices:
    """Render every plane, 1 mm apart, that a nodule of ``table`` touches, or map them from the cache.

    The planes are those of :func:`rendered_volumes` at 1 mm, pixel for pixel. Arguments and errors as there.
    """
    ids = _selection(table)
    store = _filled(_Request("slices", size, 1.0, seed, ids), cache_dir, progress, workers)
    nodules = load_store(cache_dir).table.set_index("nodule_id").loc[ids]
    images = np.memmap(store.images_path, np.int16, "r").reshape(-1, size, size)
    masks = np.memmap(store.masks_path, np.uint8, "r").reshape(len(images), -1)
    return NoduleSlices(images, masks, _slice_table(store.entries, nodules, size), store.sha256())


def _slice_table(entries: list[LedgerEntry], nodules: pd.DataFrame, size: int) -> pd.DataFrame:
    counts = [len(entry.planes) for entry in entries]
    planes = np.array([plane for entry in entries for plane in entry.planes])
    ids = [entry.nodule_id for entry in entries for _ in entry.planes]
    return pd.DataFrame(
        {
            "sample_id": [f"{nodule_id}_z{plane:03d}" for nodule_id, plane in zip(ids, planes, strict=True)],
            "nodule_id": ids,
            "patient_id": np.repeat(nodules["patient_id"].to_numpy(), counts),
            "z_mm": np.repeat(nodules["centroid_z_mm"].to_numpy(), counts) + planes - (size - 1) / 2,
            "mask_pixels": [pixels for entry in entries for pixels in entry.mask_pixels],
        }
    )


@dataclass(frozen=True)
class _Request:
    """What a folder of the cache holds: everything that its bytes depend on."""

    kind: Literal["volumes", "slices"]
    size: int
    spacing: float
    seed: int
    nodules: list[str]

    def header(self) -> dict[str, object]:
        source = f"v{TABLE_VERSION} {database_stamp(database_path())}"
        return {"version": RENDER_VERSION, "source": source, **dataclasses.asdict(self)}

    def folder(self, cache_dir: str | Path | None) -> Path:
        key = hashlib.sha256(json.dumps(self.header(), sort_keys=True).encode()).hexdigest()[:16]
        return cache_root(cache_dir) / f"lidc-{self.kind}-{key}"


def _filled(request: _Request, cache_dir: str | Path | None, progress: bool, workers: int) -> RenderStore:
    """Return the complete store of a selection, rendering what is missing."""
    check_grid(request.size, request.spacing)
    nodules, folder = load_store(cache_dir), request.folder(cache_dir)
    rows = [nodules.row(nodule_id) for nodule_id in request.nodules]
    with _locked(folder.with_suffix(".lock")):
        store = RenderStore(folder, request.header(), request.size)
        todo = rows[len(store.entries) :]
        if todo:
            planes = len(todo) * (request.size if request.kind == "volumes" else _PLANES_PER_NODULE)
            _check_space(folder, planes * request.size**2 * 2)
            tasks = [_task(nodules, row, request) for row in todo]
            with store, _reporter(progress, len(rows), len(store.entries)) as report:
                for rendering in render_tasks(tasks, workers):
                    store.append(rendering)
                    report()
        store.sha256()
    return store


def _selection(table: pd.DataFrame) -> list[str]:
    if "nodule_id" not in table.columns or not len(table):
        raise InputError(
            f"nothing to render in a table of {len(table)} rows and columns {list(table.columns)[:5]}; "
            "pass rows of medrepro.datamodules.lidc.nodules.nodules()"
        )
    ids = [str(nodule_id) for nodule_id in table["nodule_id"]]
    if len(set(ids)) != len(ids):
        raise InputError(f"the selection names {len(ids) - len(set(ids))} nodules twice; drop the duplicates")
    return ids


def _task(nodules: NoduleStore, row: int, request: _Request) -> RenderTask:
    appearance, native_spacing = appearance_of(nodules.table.iloc[row])
    planes_only = request.kind == "slices"
    mask = nodules.mask(row)
    return RenderTask(appearance, mask, native_spacing, request.size, request.spacing, request.seed, planes_only)


def _check_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise InputError(
            f"rendering needs {needed / 1e6:.0f} MB in {folder.parent}, {free / 1e6:.0f} MB are free; "
            "free space or choose another folder with --cache-dir or MEDREPRO_CACHE"
        )


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock of one selection; say so when another process holds it."""
    lock = filelock.FileLock(path)
    try:
        lock.acquire(timeout=_WAIT_S)
    except filelock.Timeout:
        _log.warning("another process is rendering the same nodules; waiting for it (%s)", path)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _reporter(progress: bool, total: int, done: int) -> Iterator[Callable[[], None]]:
    """Yield a function to call after each nodule: a bar on a terminal, a line every tenth elsewhere."""
    console = Console(stderr=True, quiet=not progress)
    if console.is_terminal:
        columns = (TextColumn("rendering nodules"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console) as bar:
            task = bar.add_task("render", total=total, completed=done)
            yield lambda: bar.advance(task)
        return
    finished = done

    def report() -> None:
        nonlocal finished
        finished += 1
        if finished * 10 // total > (finished - 1) * 10 // total:
            console.print(f"rendering nodules: {finished}/{total}", highlight=False)

    yield report
