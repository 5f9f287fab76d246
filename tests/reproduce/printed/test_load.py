"""The papers as data: every table is there, with the numbers that others print."""

import pytest

from medrepro.datamodules.support.errors import InputError
from medrepro.reproduce.printed.load import KEYS, load_paper

TABLES = {
    "egfr": {"1": 4, "2": 4, "3": 12, "4": 5, "5": 4, "6": 20, "7": 7},
    "multiscale": {"1": 5, "2": 7, "3-parameters": 7, "3": 8, "4": 6},
    "cellline": {"1": 8, "2": 9, "3": 2, "4": 2, "5": 1, "6": 5, "7": 5, "8": 8, "9": 9, "10": 2},
    "segradcam": {"1": 1, "2": 1, "3": 8, "4": 7},
    "quadsnet": {"1": 7, "2": 7, "3": 21, "4": 14},
}


@pytest.mark.parametrize("key", KEYS)
def test_all_tables_are_there(key: str) -> None:
    assert {name: len(table.rows) for name, table in load_paper(key).tables.items()} == TABLES[key]
    assert load_paper(key) is load_paper(key)


@pytest.mark.parametrize(
    ("key", "table", "row", "column", "value"),
    [
        ("egfr", "5", "resnet34-ce-rs", "acc", 78.07),
        ("egfr", "6", "densenet-ml", "auc", 0.8741),
        ("egfr", "2", "total", "mutant", 16040.0),
        ("multiscale", "3", "zioa", "precision", 91.95),
        ("multiscale", "3", "ol", "auc", None),
        ("cellline", "8", "efo-27-cddp", "f1", 0.71),
        ("quadsnet", "2", "qn", "parameters", 5235944.0),
        ("segradcam", "3", "ours", "auc", None),
    ],
)
def test_values(key: str, table: str, row: str, column: str, value: float | None) -> None:
    assert load_paper(key).table(table).value(row, column) == value


@pytest.mark.parametrize("key", KEYS)
def test_lost_tables_hold_nothing_and_no_other_cell_is_illegible(key: str) -> None:
    for table in load_paper(key).tables.values():
        illegible = [cell for row in table.rows.values() for cell in row.cells.values() if cell.printed == "?"]
        assert bool(illegible) == table.lost
        if table.lost:
            assert all(cell.value is None for row in table.rows.values() for cell in row.cells.values())


@pytest.mark.parametrize("key", KEYS)
def test_each_file_records_its_second_reading(key: str) -> None:
    assert {"cells", "quotes", "differences"} <= set(load_paper(key).reading)


def test_unknown_keys_are_refused_with_the_list() -> None:
    with pytest.raises(InputError, match="no paper 'egrf'; the papers are cellline, egfr"):
        load_paper("egrf")
