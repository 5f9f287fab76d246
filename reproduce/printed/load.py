"""The papers' published numbers, for everything that prints them.

In: a paper's key. Out: a typed, cached :class:`Paper` read from ``reproduce/papers/<key>/printed.yaml``;
``load_paper("egfr").table("6").value("resnet34-ml", "acc")`` is 81.58. Torch-free, milliseconds.
"""

from functools import cache
from pathlib import Path

from medrepro.datamodules.support.errors import InputError
from medrepro.reproduce.papers import KEYS, folder_of
from medrepro.reproduce.printed.model import Cell, Column, Paper, Row, Table
from medrepro.reproduce.printed.reader import read_paper

__all__ = ["KEYS", "PAPERS", "Cell", "Column", "Paper", "Row", "Table", "load_paper"]

PAPERS = Path(__file__).parent.parent / "papers"


@cache
def load_paper(key: str) -> Paper:
    """The printed tables and statements of one paper.

    Raises:
        InputError: no such key, or the file breaks the format (with its line).
    """
    if key not in KEYS:
        raise InputError(f"no paper {key!r}; the papers are {', '.join(KEYS)}")
    return read_paper(folder_of(key) / "printed.yaml")
