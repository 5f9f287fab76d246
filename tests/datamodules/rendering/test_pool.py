"""Rendering tasks: in order, in this process or others, and a dead worker is explained."""

import os
from dataclasses import dataclass
from typing import cast

import numpy as np
import pytest

from medrepro.datamodules.rendering.nodule import Appearance
from medrepro.datamodules.rendering.pool import RenderTask, render_task, render_tasks
from medrepro.datamodules.support.errors import InputError


@dataclass(frozen=True)
class Deadly:
    """Takes its process with it when a worker unpacks it."""

    def __reduce__(self) -> tuple[object, tuple[int]]:
        return os._exit, (1,)


def task(name: str, planes_only: bool = False) -> RenderTask:
    appearance = Appearance(name, 5.0, 4.0, 6, 1, 1.0)
    return RenderTask(appearance, np.ones((3, 5, 5), dtype=bool), (1.0, 1.0, 1.0), 12, 1.0, 0, planes_only)


def test_planes_of_the_nodule_only() -> None:
    whole, cut = render_task(task("a")), render_task(task("a", planes_only=True))
    assert whole.planes.tolist() == list(range(12))
    assert 3 <= len(cut.planes) <= 4
    np.testing.assert_array_equal(cut.images, whole.images[cut.planes])
    assert cut.masks.any(axis=(1, 2)).all()


def test_order_is_that_of_the_tasks() -> None:
    tasks = [task(f"nodule {number}") for number in range(10)]
    alone, together = list(render_tasks(tasks, 1)), list(render_tasks(tasks, 2))
    assert [each.nodule_id for each in together] == [each.appearance.nodule_id for each in tasks]
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one.images, other.images)


def test_dead_worker_is_explained() -> None:
    tasks: list[RenderTask] = [task("a")] * 8
    tasks[3] = cast("RenderTask", Deadly())  # stands for a worker killed from outside
    with pytest.raises(InputError, match="a rendering process died.*workers=1"):
        list(render_tasks(tasks, 2))
