"""Lightning callbacks that whoever runs a cell brings along, such as a sweep's pruner.

In: callbacks, for the length of a block; out: the same, where a cell's module is made. A cell is plain values and goes
through JSON; what watches it is not part of it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from pytorch_lightning.callbacks import Callback

_callbacks: ContextVar[tuple[Callback, ...]] = ContextVar("callbacks", default=())


@contextmanager
def bringing(*callbacks: Callback) -> Iterator[None]:
    """Give the cells that are trained in this block further callbacks."""
    token = _callbacks.set(callbacks)
    try:
        yield
    finally:
        _callbacks.reset(token)


def brought() -> tuple[Callback, ...]:
    """Return the callbacks that hold now."""
    return _callbacks.get()
