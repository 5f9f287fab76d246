"""Work on several processes, torch-free: items in, results out as they are ready.

In: a function and its items; out: (item, result) pairs in no order. Workers are spawned, leave Ctrl-C to the parent,
and end with the process that started them, even when it is killed.
"""

import concurrent.futures
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from medrepro.datamodules.support.errors import InputError

Item = TypeVar("Item")
Result = TypeVar("Result")


def each(function: Callable[[Item], Result], items: Sequence[Item], workers: int) -> Iterator[tuple[Item, Result]]:
    """Yield every item with what ``function`` returns for it, as soon as it is there.

    Args:
        function: importable by its name; what it raises is raised here, and the rest is given up.
        items: what it is called with, one by one.
        workers: processes; with one, or one item, the work is done in this process and in order.

    Raises:
        InputError: a worker died.
    """
    if workers <= 1 or len(items) <= 1 or multiprocessing.current_process().daemon:
        for item in items:
            yield item, function(item)
        return
    context = multiprocessing.get_context("spawn")
    pool = concurrent.futures.ProcessPoolExecutor(min(workers, len(items)), context, initializer=settle)
    try:
        waiting = {pool.submit(function, item): item for item in items}
        for future in concurrent.futures.as_completed(waiting):
            yield waiting.pop(future), future.result()
    except BrokenProcessPool as error:
        raise InputError(
            "a worker process died, perhaps for want of memory; start again with fewer --workers, "
            "what is finished is kept"
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def settle() -> None:
    """Leave Ctrl-C to the parent, and leave when the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_exit_with_parent, daemon=True).start()


def _exit_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
