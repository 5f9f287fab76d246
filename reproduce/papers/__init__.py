"""Find the papers: folders here that have a ``paper.py``, and entry points ``medrepro.papers`` of other distributions.

Such an entry point names a paper outside this repository: ``mykey = "mypackage.paper:PAPER"``.
"""

from functools import cache
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).resolve().parent


@cache
def find_papers() -> dict[str, str]:
    """Return each paper's key and where its value is, ``module:name``; nothing is imported."""
    ours = {path.parent.name: f"{__name__}.{path.parent.name}.paper:PAPER" for path in sorted(HERE.glob("*/paper.py"))}
    return {**{found.name: found.value for found in entry_points(group="medrepro.papers")}, **ours}


KEYS = tuple(find_papers())


@cache
def folder_of(key: str) -> Path:
    """Return the folder of a paper's own files: code, ``printed.yaml``."""
    found = find_spec(find_papers()[key].partition(":")[0])
    if found is None or found.origin is None:
        raise ModuleNotFoundError(f"paper {key}: {find_papers()[key]} is not installed")
    return Path(found.origin).resolve().parent
