"""Rendering on several processes: tasks in, renderings out, in order.

In: :class:`RenderTask` items, each complete in itself; out: one :class:`Rendering` a task. Workers are spawned,
import neither torch nor the cache, and end with the process that started them, even when it is killed.
"""

import concurrent.futures
import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medrepro.datamodules.rendering.nodule import Appearance
from medrepro.datamodules.rendering.render import render_mask
from medrepro.datamodules.support.errors import InputError

_FEW = 8  # fewer tasks are done sooner than a worker starts


@dataclass(frozen=True)
class RenderTask:
    """Everything that one rendering depends on.

    Attributes:
        appearance: what of the nodule's record may be rendered.
        mask: bool (D, H, W) in the scan's grid.
        native_spacing: its voxels in mm (z, y, x).
        size: voxels along each side of the output.
        spacing: mm.
        seed: of every draw.
        mask_planes_only: keep only the planes (z) that the nodule touches.
    """

    appearance: Appearance
    mask: NDArray[np.bool_]
    native_spacing: tuple[float, float, float]
    size: int
    spacing: float
    seed: int
    mask_planes_only: bool


@dataclass(frozen=True)
class Rendering:
    """The kept planes of one rendered nodule.

    Attributes:
        nodule_id: whose.
        planes: (P,) their indices along z.
        images: int16 (P, H, W) in HU.
        masks: bool (P, H, W).
    """

    nodule_id: str
    planes: NDArray[np.int64]
    images: NDArray[np.int16]
    masks: NDArray[np.bool_]


def render_task(task: RenderTask) -> Rendering:
    """Render one task."""
    volume, mask = render_mask(task.appearance, task.mask, task.native_spacing, task.size, task.spacing, task.seed)
    planes = np.flatnonzero(mask.any(axis=(1, 2))) if task.mask_planes_only else np.arange(task.size)
    return Rendering(task.appearance.nodule_id, planes, volume[planes], mask[planes])


def render_tasks(tasks: Sequence[RenderTask], workers: int) -> Iterator[Rendering]:
    """Render tasks on ``workers`` processes and yield the results in the tasks' order.

    Raises:
        InputError: a worker died.
    """
    if workers <= 1 or len(tasks) < _FEW or multiprocessing.current_process().daemon:
        yield from map(render_task, tasks)
        return
    context = multiprocessing.get_context("spawn")
    pool = concurrent.futures.ProcessPoolExecutor(workers, context, initializer=_settle_worker)
    try:
        with _main_hidden():
            renderings = pool.map(render_task, tasks, chunksize=2)
        yield from renderings
    except BrokenProcessPool as error:
        raise InputError(
            "a rendering process died, perhaps for want of memory; start again, what was rendered is kept; "
            "workers=1 renders in this process"
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@contextlib.contextmanager
def _main_hidden() -> Iterator[None]:
    """Keep workers that start now from importing the calling script.

    They need nothing of it; it may import torch, or (without a main guard) do its work again in each of them.
    """
    main = sys.modules["__main__"].__dict__
    hidden = {name: main.get(name) for name in ("__file__", "__spec__")}
    main.update(dict.fromkeys(hidden))
    try:
        yield
    finally:
        main.update(hidden)


def _settle_worker() -> None:
    """Leave Ctrl-C to the parent, and leave when the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_exit_with_parent, daemon=True).start()


def _exit_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
