from dataclasses import replace

from medrepro.reproduce.papers.cellline.bases import base_cells, derive
from medrepro.reproduce.plan.cell import Cell

CELL = Cell(
    key="cellline", table="6", row="efo-21", label="EFO-21", seed=3, fold=2, preset="smoke", out="runs/a",
    config={"module": {"seed": 3}, "data": {"task": "efo-21", "fold": 2}, "train": {"epochs": 5, "source": None}},
)  # fmt: skip


def test_a_derived_cell_names_its_bases_exactly() -> None:
    other = replace(CELL, row="efo-27", config={**CELL.config, "data": {"task": "efo-27", "fold": 2}})
    derived = derive((CELL, other), "6", "average", "Average", "average", "runs/b")
    assert derived.path.parts[:2] == ("runs", "b")
    assert derived.config["train"]["epochs"] == 0
    assert base_cells(derived) == [CELL, other]
    assert [base.config_sha256 for base in base_cells(derived)] == [CELL.config_sha256, other.config_sha256]


def test_bases_may_be_of_several_folds() -> None:
    folds = tuple(replace(CELL, fold=n, config={**CELL.config, "data": {"fold": n}}) for n in range(3))
    derived = derive(folds, "leakage", "pooled", "Pooled", "pooled", "runs/a")
    assert base_cells(derived) == list(folds)


def test_another_class_is_another_cell() -> None:
    first, second = (derive((CELL,), "8", "row", "label", "per-class", "runs/a", of_class) for of_class in (0, 1))
    assert first.config_sha256 != second.config_sha256
