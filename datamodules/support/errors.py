"""The one error that means "the input is wrong, not the program".

The command line prints it as a single line and exits with code 2; code that imports
the parts catches it as the ``ValueError`` it is.
"""

import pickle
from pathlib import Path


class InputError(ValueError):
    """Input that cannot be used: says what was found, where, what is allowed, what to do next."""


NO_CHECKPOINT = (
    pickle.UnpicklingError,  # weights_only refuses to run code
    RuntimeError,  # no archive, or weights of other shapes
    KeyError,
    TypeError,  # arguments of another module
    ValueError,
    IndexError,  # text
    AttributeError,
    EOFError,  # empty
)


def ended_early(error: EOFError, root: str | Path | None) -> str:
    """Return one line for a data file that ended before its reader did, as numpy says of an empty one without its name.

    Args:
        error: what the reader raised, in whichever process.
        root: ``--data-root``, if there is one.
    """
    files = sorted(path for path in Path(root).expanduser().rglob("*") if path.is_file()) if root else []
    empty = [path for path in files if path.stat().st_size == 0]
    if empty:
        return f"{', '.join(map(str, empty[:3]))}: empty; delete and get again"
    return f"a data file below {root or 'the cache'} ends too early ({error}); get it again"


def one_line(error: BaseException) -> str:
    """Return an error's text on one line, its type if it has none."""
    return " ".join(str(error).split())[:300] or type(error).__name__
