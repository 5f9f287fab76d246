"""Rendering on several processes: tasks in, renderings out, in order.

In: :class:`RenderTask` items, each complete in itself; out: one :class:`Rendering` a task. Workers are spawned,
import neither torch nor the cache, and end with the process that started them, even when it is killed.
"""

import concurrent.futures
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datamodules.errors import InputError
from datamodules.render_nodule import Appearance
from datamodules.rendering import render_mask

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
        InputError: the calling script starts its work on import, so that every worker would do it again.
    """
    if workers <= 1 or len(tasks) < _FEW or multiprocessing.current_process().daemon:
        yield from map(render_task, tasks)
        return
    context = multiprocessing.get_context("spawn")
    pool = concurrent.futures.ProcessPoolExecutor(workers, context, initializer=_settle_worker)
    try:
        yield from pool.map(render_task, tasks, chunksize=2)
    except BrokenProcessPool as error:
        raise InputError(
            "a rendering process died. If this is a script, put its work under `if __name__ == '__main__':`; "
            "if memory ran out, or to render in this process, pass workers=1. What was rendered is kept"
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def refuse_in_import() -> None:
    """Stop a script without a main guard from waiting, in its own worker, for the lock its parent holds.

    Raises:
        InputError: this process is a spawned worker that is still importing its parent's script.
    """
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise InputError("this script renders while it is imported; put its work under `if __name__ == '__main__':`")


def _settle_worker() -> None:
    """Leave Ctrl-C to the parent, and leave when the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_exit_with_parent, daemon=True).start()


def _exit_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
