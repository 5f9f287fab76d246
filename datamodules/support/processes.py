"""Run a function on many items in worker processes; imports no torch.

Workers are spawned, leave Ctrl-C to the parent, and end with the process that started them, even when it is killed.
"""

import concurrent.futures
import contextlib
import multiprocessing
import os
import pickle
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from medrepro.datamodules.support.errors import InputError

Item = TypeVar("Item")
Result = TypeVar("Result")
GRACE_S = 60.0  # in which an orphan that asks `stopping` may end its step


def each(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    workers: int,
    *,
    ordered: bool = False,
    listener: Callable[..., object] | None = None,
    threads: int = 0,
    setting: str = "--workers",
) -> Iterator[tuple[Item, Result]]:
    """Yield every item with the result of ``function`` for it, as soon as it is there.

    When the loop over the results is left, be it by Ctrl-C or an error, :func:`stopping` becomes true in the workers,
    the items that have not begun are dropped, and the call waits for those that have.

    Args:
        function: importable by its name; an error that it raises is raised here.
        items: its arguments, one per call.
        workers: processes; with one, or one item, the work is done in this process and in order.
        ordered: yield in the order of ``items``.
        listener: called, in a thread of this process, with the arguments of each :func:`tell`. With a listener the work
            is done in worker processes even if there is only one.
        threads: ``OMP_NUM_THREADS`` of a worker; 0 keeps this process's.
        setting: what the user can lower when a worker ran out of memory.

    Raises:
        InputError: a worker died.

    Example:
        >>> list(each(abs, [-1, 2], workers=1))
        [(-1, 1), (2, 2)]
    """
    if not items:
        return
    if listener is None and (min(workers, len(items)) <= 1 or multiprocessing.current_process().daemon):
        yield from ((item, function(item)) for item in items)
        return
    context = multiprocessing.get_context("spawn")
    stop = context.RawValue("b", 0)  # has no lock, so a killed worker cannot take the lock with it
    with _relayed(listener, context) as events:
        settings = (stop, events, threads)
        pool = concurrent.futures.ProcessPoolExecutor(min(workers, len(items)), context, _start_worker, settings)
        try:
            with _main_hidden(function, items[0]):
                waiting = {pool.submit(_work, function, item): item for item in items}
            finished = (next(iter(waiting)) for _ in items) if ordered else concurrent.futures.as_completed(waiting)
            for future in finished:
                yield waiting.pop(future), future.result()
        except BrokenProcessPool as error:
            raise InputError(
                "a worker process died, perhaps for want of memory; what is finished is kept: run the same again, "
                f"with fewer {setting} if memory was short"
            ) from error
        finally:
            stop.value = 1
            pool.shutdown(wait=True, cancel_futures=True)


def tell(*message: object) -> None:
    """Send a message from a worker to the parent's listener; without a listener it is dropped."""
    if _events is not None:
        _events.put(message)


def stopping() -> bool:
    """Return whether the work of this worker is no longer wanted: the parent stops, or is gone."""
    return _orphaned.is_set() or (_stop is not None and bool(_stop.value))


_events: Any = None
_stop: Any = None
_orphaned = threading.Event()
_working = threading.Lock()  # held while an item is worked on


def _start_worker(stop: Any, events: Any, threads: int) -> None:
    global _events, _stop
    _events, _stop = events, stop
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if threads:
        os.environ["OMP_NUM_THREADS"] = str(threads)
    threading.Thread(target=_end_with_parent, args=(GRACE_S if events else 0.0,), daemon=True).start()


def _work(function: Callable[[Item], Result], item: Item) -> Result:
    with _working:
        return function(item)


def _end_with_parent(grace_s: float) -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        _orphaned.set()
        _working.acquire(timeout=grace_s)
        os._exit(1)


@contextlib.contextmanager
def _relayed(listener: Callable[..., object] | None, context: Any) -> Iterator[Any]:
    """Yield a queue whose messages go to ``listener``, all of them before this returns; None without a listener."""
    if listener is None:
        yield None
        return
    events = context.Queue()

    def relay() -> None:
        for message in iter(events.get, None):
            listener(*message)

    thread = threading.Thread(target=relay, daemon=True)
    thread.start()
    try:
        yield events
    finally:
        events.put(None)
        thread.join(timeout=5)


@contextlib.contextmanager
def _main_hidden(*needed: object) -> Iterator[None]:
    """Keep workers that start now from importing the calling script, unless they need it to unpickle ``needed``.

    The script may import torch, or (without a main guard) repeat its work in each of them.
    """
    if b"__main__" in pickle.dumps(needed):
        yield
        return
    main = sys.modules["__main__"].__dict__
    hidden = {name: main.get(name) for name in ("__file__", "__spec__")}
    main.update(dict.fromkeys(hidden))
    try:
        yield
    finally:
        main.update(hidden)
