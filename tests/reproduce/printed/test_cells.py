"""Printed text to cells: every form the papers use, and what is refused."""

from pathlib import Path

import pytest

from medrepro.datamodules.support.errors import InputError
from medrepro.reproduce.printed.cells import parse_cell, read_cell
from medrepro.reproduce.printed.yaml_fields import read_fields


@pytest.mark.parametrize(
    ("printed", "value", "decimals"),
    [
        ("81.50", 81.5, 2),
        ("12,835", 12835.0, 0),
        ("1e-3", 0.001, 0),
        ("0", 0.0, 0),
        ("16.79%", 16.79, 2),
        ("-0.5", -0.5, 1),
    ],
)
def test_numbers_keep_their_digits(printed: str, value: float, decimals: int) -> None:
    cell = read_cell(printed)
    assert (cell.value, cell.decimals, cell.printed, cell.sd) == (value, decimals, printed, None)


@pytest.mark.parametrize("printed", ["93.11±0.180", "93.11 ± 0.180", "93.11+-0.180", "93.11± 0.180"])
def test_spreads(printed: str) -> None:
    cell = read_cell(printed)
    assert (cell.value, cell.decimals, cell.sd, cell.sd_decimals) == (93.11, 2, 0.18, 3)


def test_count_with_its_share_and_bold() -> None:
    cell = read_cell("57 (36.8%)")
    assert (cell.value, cell.percent, cell.percent_decimals) == (57.0, 36.8, 1)
    bold = read_cell("**0.990**")
    assert (bold.bold, bold.value, bold.printed, bold.decimals) == (True, 0.99, "0.990", 3)


@pytest.mark.parametrize("printed", ["", "-", "–", "—", "n/a"])
def test_blank_and_dash_hold_no_number(printed: str) -> None:
    assert read_cell(printed).value is None


def test_text_is_not_read_as_a_number() -> None:
    assert read_cell("3.7.6", is_text=True) == read_cell("3.7.6", is_text=True)
    assert read_cell("81.5", is_text=True).value is None


@pytest.mark.parametrize("printed", ["1,83", "81.5.2", "about 80", "81..5", "80 ± x", "57 (36.8)"])
def test_anything_else_is_refused_with_what_is_allowed(printed: str) -> None:
    with pytest.raises(ValueError, match="allowed: 81.50"):
        read_cell(printed)


def test_null_is_illegible_and_errors_name_the_line(tmp_path: Path) -> None:
    path = tmp_path / "cells.yaml"
    path.write_text("a: null\nb:\nc: '?'\nd: eighty\n", encoding="utf-8")
    fields = read_fields(path).mapping()
    assert parse_cell(fields["a"]).printed == "?"
    assert parse_cell(fields["b"]).printed == "?"
    with pytest.raises(InputError, match=r"cells\.yaml:4: 'eighty' is no number"):
        parse_cell(fields["d"])
