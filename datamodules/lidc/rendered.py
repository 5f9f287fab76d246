"""Rendered LIDC nodules for training: each selection is rendered once and mapped from the cache.

:class:`RenderedVolumes` holds whole cubes, :class:`NoduleSlices` the planes that a nodule touches, for 2-D networks.
Processes that ask for a selection at the same time render it once, and a killed one is continued where it stopped.
"""

import dataclasses
import functools
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from medrepro.datamodules.lidc.database import database_path, database_stamp
from medrepro.datamodules.lidc.nodules import appearance_of
from medrepro.datamodules.lidc.table import TABLE_VERSION, NoduleStore, load_store
from medrepro.datamodules.rendering.render import RENDER_VERSION, Nodule, check_grid, render_planes
from medrepro.datamodules.support.array_store import STORE_VERSION, ArrayStore, Entry
from medrepro.datamodules.support.cache import cache_root, check_space, locked
from medrepro.datamodules.support.errors import InputError
from medrepro.datamodules.support.processes import each
from medrepro.datamodules.support.progress import reporter

_PLANES_PER_NODULE = 10  # of 1 mm, for the estimate of the space needed
_FEW = 8  # fewer nodules are rendered before a worker has started


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
        table: one row per plane: sample_id, nodule_id, patient_id, z_mm (scanner's z), mask_pixels.
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
    images = store.array("images").reshape(-1, size, size, size)
    masks = store.array("masks").reshape(len(images), size, -1)
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
    planes = _slice_table(store.entries, nodules, size)
    return NoduleSlices(store.array("images"), store.array("masks"), planes, store.sha256())


def _slice_table(entries: list[Entry], nodules: pd.DataFrame, size: int) -> pd.DataFrame:
    counts = [len(entry.facts["planes"]) for entry in entries]
    planes = np.array([plane for entry in entries for plane in entry.facts["planes"]])
    ids = [entry.key for entry in entries for _ in entry.facts["planes"]]
    return pd.DataFrame(
        {
            "sample_id": [f"{nodule_id}_z{plane:03d}" for nodule_id, plane in zip(ids, planes, strict=True)],
            "nodule_id": ids,
            "patient_id": np.repeat(nodules["patient_id"].to_numpy(), counts),
            "z_mm": np.repeat(nodules["centroid_z_mm"].to_numpy(), counts) + planes - (size - 1) / 2,
            "mask_pixels": [pixels for entry in entries for pixels in entry.facts["mask_pixels"]],
        }
    )


@dataclass(frozen=True)
class _Request:
    """Everything that the bytes of a folder of the cache depend on."""

    kind: Literal["volumes", "slices"]
    size: int
    spacing: float
    seed: int
    nodules: list[str]

    def header(self) -> dict[str, object]:
        source = f"v{TABLE_VERSION} {database_stamp(database_path())}"
        return {"version": RENDER_VERSION, "source": source, **dataclasses.asdict(self)}

    def store(self, cache_dir: str | Path | None) -> ArrayStore:
        arrays = {"images": (np.int16, (self.size, self.size)), "masks": (np.uint8, ((self.size**2 + 7) // 8,))}
        return ArrayStore(self.folder(cache_dir), self.header(), arrays)

    def folder(self, cache_dir: str | Path | None) -> Path:
        header = {"store": STORE_VERSION, **self.header()}
        key = hashlib.sha256(json.dumps(header, sort_keys=True).encode()).hexdigest()[:16]
        return cache_root(cache_dir) / f"lidc-{self.kind}-{key}"


def _filled(request: _Request, cache_dir: str | Path | None, progress: bool, workers: int) -> ArrayStore:
    """Return the complete store of a selection, rendering what is missing."""
    check_grid(request.size, request.spacing)
    nodules, folder = load_store(cache_dir), request.folder(cache_dir)
    chosen = [_nodule(nodules, nodules.row(nodule_id)) for nodule_id in request.nodules]
    with locked(folder):
        store = request.store(cache_dir)
        todo = chosen[len(store.entries) :]
        if todo:
            planes = len(todo) * (request.size if request.kind == "volumes" else _PLANES_PER_NODULE)
            advice = "free space or choose another folder with --cache-dir or MEDREPRO_CACHE"
            check_space(folder.parent, planes * request.size**2 * 2, "rendering", advice)
            with reporter("rendering nodules", len(chosen), len(store.entries), quiet=not progress) as report:
                _render(todo, request, store, workers, report)
        store.sha256()
    return store


def _render(todo: list[Nodule], request: _Request, store: ArrayStore, workers: int, report: Callable[[], None]) -> None:
    """Append the rendering of each nodule to the store."""
    size, spacing, seed, slices = request.size, request.spacing, request.seed, request.kind == "slices"
    work = functools.partial(render_planes, size=size, spacing=spacing, seed=seed, mask_only=slices)
    workers = workers if len(todo) >= _FEW else 1
    for nodule, (planes, images, masks) in each(work, todo, workers, ordered=True, setting="workers"):
        packed = np.packbits(masks.reshape(len(planes), -1), axis=1)
        facts = {"planes": planes.tolist(), "mask_pixels": masks.sum(axis=(1, 2)).tolist()}
        store.append(nodule.appearance.nodule_id, facts, images=images, masks=packed)
        report()


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


def _nodule(nodules: NoduleStore, row: int) -> Nodule:
    appearance, spacing = appearance_of(nodules.table.iloc[row])
    return Nodule(appearance, nodules.mask(row), spacing)
