"""Read a CSV that a user or an archive delivers, as checked text."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from medrepro.datamodules.support.errors import InputError


def read_table(path: Path, needed: Sequence[str], purpose: str, missing_as_empty: bool = False) -> pd.DataFrame:
    """Read a CSV as text: column names and cells stripped, empty cells as "".

    Args:
        path: the file.
        needed: columns that it must have; others are read too.
        purpose: what the file is, for the error if it is not there.
        missing_as_empty: read ``NA``, ``nan``, ``null`` and the like as empty, too.

    Raises:
        FileNotFoundError: there is no such file.
        InputError: it is no CSV, or lacks a column.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} not found: {purpose}")
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=missing_as_empty).fillna("")
    except ValueError as error:  # pandas' parser errors and a wrong encoding among them
        raise InputError(f"{path} is not a CSV table: {' '.join(str(error).split())}") from error
    table = table.rename(columns=str.strip).map(str.strip)
    lacking = [name for name in needed if name not in table.columns]
    if lacking:
        found = ", ".join(map(str, table.columns[:8]))
        raise InputError(f"{path} lacks the columns {', '.join(lacking)}; found: {found}; needed: {', '.join(needed)}")
    return table


def line_of(row: object) -> int:
    """Return the line of the file that a row's index belongs to; the header is line 1."""
    return int(str(row)) + 2
