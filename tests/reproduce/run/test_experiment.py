"""Cells in the order of what they need: each after its needs, and what a finished one needs is left out."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from medrepro.datamodules.support.errors import InputError
from medrepro.reproduce.plan.cell import Cell
from medrepro.reproduce.run.execute import execute, write_result
from medrepro.reproduce.run.experiment import plan, run, waves
from medrepro.reproduce.run.outcome import NO_DATA, Context, Outcome, read_outcome


class Silent:
    def start(self, cell_id: str, label: str, epochs: int) -> None: ...

    def epoch(self, cell_id: str, done: float, detail: str = "") -> None: ...

    def finish(self, cell_id: str) -> None: ...


def one(cell: Cell, context: Context) -> Outcome:
    """Count 1."""
    del context
    if cell.row == "broken":
        raise InputError("this cell cannot be run")
    return Outcome(NO_DATA, {"count": 1.0})


def total(cell: Cell, context: Context) -> Outcome:
    """Add up what the needed cells counted, and 1."""
    del context
    return Outcome(NO_DATA, {"count": 1.0 + sum(float(read_outcome(need).metrics["count"]) for need in cell.needs)})


def cell(folder: Path, row: str, needs: Sequence[Cell] = ()) -> Cell:
    function = f"{__name__}:{'total' if needs else 'one'}"
    config: dict[str, object] = {"module": {}, "data": {}}
    return Cell("egfr", "t", row, row, 0, 0, "smoke", config, str(folder), function=function, needs=tuple(needs))


@pytest.fixture
def diamond(tmp_path: Path) -> tuple[Cell, ...]:
    """Top needs left and right, both of which need bottom; listed top first."""
    bottom = cell(tmp_path, "bottom")
    left, right = (cell(tmp_path, row, [bottom]) for row in ("left", "right"))
    return cell(tmp_path, "top", [left, right]), left, right, bottom


def test_a_cell_stands_after_its_needs(diamond: tuple[Cell, ...]) -> None:
    assert [found.row for found in plan(diamond).todo] == ["bottom", "left", "right", "top"]
    assert [found.row for found in plan(diamond[:1]).todo] == ["bottom", "left", "right", "top"]
    assert [[found.row for found in wave] for wave in waves(diamond)] == [["bottom"], ["left", "right"], ["top"]]


def test_what_a_finished_cell_needs_is_not_run_for_it(diamond: tuple[Cell, ...]) -> None:
    top, left, *_ = diamond
    write_result(top, Outcome(NO_DATA), 0.0)
    assert plan([top]).todo == ()
    assert [found.row for found in plan([top, left]).todo] == ["bottom", "left"]
    assert [found.row for found in plan([top], reuse=False).todo] == ["bottom", "left", "right", "top"]


def test_the_pool_runs_needs_first_and_hands_their_results_on(diamond: tuple[Cell, ...]) -> None:
    run(plan(diamond).todo, 2, Silent())
    assert read_outcome(diamond[0]).metrics["count"] == 1 + 2 * 2
    assert json.loads(diamond[0].path.read_text())["needs"] == ["t/left__0__0", "t/right__0__0"]
    assert plan(diamond).todo == ()


def test_a_cell_whose_need_fails_is_not_run(tmp_path: Path) -> None:
    broken = cell(tmp_path, "broken")
    above = cell(tmp_path, "above", [broken])
    with pytest.raises(InputError, match="this cell cannot be run"):
        run(plan([above]).todo, 2, Silent())
    assert not above.path.exists()


def test_function_and_needs_are_part_of_the_identity(diamond: tuple[Cell, ...]) -> None:
    top, left, right, bottom = diamond
    assert Cell.from_json(top.to_json()) == top
    assert replace(left, function="other:total").config_sha256 != left.config_sha256
    changed = replace(bottom, config={"module": {"lr": 0.1}, "data": {}})
    above = replace(top, needs=(replace(left, needs=(changed,)), right))
    assert above.config_sha256 != top.config_sha256


def test_one_process_computes_a_cell_by_the_function_it_names(diamond: tuple[Cell, ...]) -> None:
    bottom = diamond[-1]
    execute(bottom, Context())
    assert bottom.finished() is not None
    assert bottom.epochs is None
