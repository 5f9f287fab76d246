"""From printed text to a :class:`Cell`: the forms a table cell may take.

In: ``81.50``, ``93.11 ± 0.18``, ``57 (36.8%)``, ``12,835``, ``**0.990**``, ``–``, blank, null.
Out: the numbers with the count of their printed digits, which is what rounding tolerances come from.
"""

import re

from medrepro.reproduce.printed.model import Cell
from medrepro.reproduce.printed.yaml_fields import Field

_NUMBER = r"-?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:[eE]-?\d+)?"
_CELL = re.compile(
    rf"(?P<value>{_NUMBER})\s*(?:%)?"
    rf"(?:\s*(?:±|\+-|\+/-)\s*(?P<sd>\d+(?:\.\d+)?))?"
    rf"(?:\s*\(\s*(?P<percent>\d+(?:\.\d+)?)\s*%\s*\))?"
)
_DASHES = {"", "-", "–", "—", "n/a"}
ILLEGIBLE = "?"


def decimals_of(number: str) -> int:
    """Digits after the point, as printed.

    >>> decimals_of("81.50"), decimals_of("12,835")
    (2, 0)
    """
    mantissa = re.split("[eE]", number)[0]
    return len(mantissa.partition(".")[2])


def number_of(printed: str) -> float:
    """The value of a printed number, thousands separators allowed."""
    return float(printed.replace(",", ""))


def read_cell(printed: str, *, is_text: bool = False, line: int = 0) -> Cell:
    """The cell that this printed text stands for.

    Args:
        printed: as the paper prints it.
        is_text: the column holds words, so nothing is read as a number.
        line: line of the file it stands on.

    Raises:
        ValueError: the text is no known form of a number.
    """
    bold = printed.startswith("**") and printed.endswith("**") and len(printed) > 4
    bare = printed.strip("*").strip() if bold else printed
    if is_text or bare in _DASHES:
        return Cell(printed=bare, value=None, bold=bold, line=line)
    match = _CELL.fullmatch(bare)
    if match is None:
        raise ValueError(
            f"{printed!r} is no number; allowed: 81.50, 93.11 ± 0.18, 57 (36.8%), 12,835, **0.990** (bold, "
            "in quotes), – (a printed dash), null (illegible)"
        )
    sd, percent = match["sd"], match["percent"]
    return Cell(
        printed=bare,
        value=number_of(match["value"]),
        decimals=decimals_of(match["value"]),
        sd=number_of(sd) if sd else None,
        sd_decimals=decimals_of(sd) if sd else 0,
        percent=number_of(percent) if percent else None,
        percent_decimals=decimals_of(percent) if percent else 0,
        bold=bold,
        line=line,
    )


def parse_cell(field: Field, *, is_text: bool = False) -> Cell:
    """The cell a field of the file holds; ``null`` stands for an illegible one.

    Raises:
        InputError: the text is no known form of a number.
    """
    if field.is_null:
        return Cell(printed=ILLEGIBLE, value=None, line=field.line)
    try:
        return read_cell(field.text(), is_text=is_text, line=field.line)
    except ValueError as error:
        raise field.error(str(error)) from error
