"""What reading a file that is none of ours may raise: damaged, hostile, of another class or another paper.

In: nothing, or an error and the data's folder; out: the exceptions of ``torch.load(weights_only=True)``, of the
module's constructor and of its weights, and the line that names an empty data file.
"""

import pickle
from pathlib import Path

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
