import pytest

from medrepro.reproduce.plan.paper import load
from medrepro.reproduce.printed.load import load_paper
from tests.reproduce.papers.cellline.conftest import Run, networks

TRAINED = {"table 2": 9, "table 3": 2, "table 4": 2, "table 5": 7, "table 6": 5, "table 7": 5, "table 10": 2}
COMPUTED = {"table 1": 8, "table 8": 8, "table 9": 9}
TASKS = {"table 4": 2, "table 6": 4, "table 10": 2}  # of the others each trains on one


@pytest.mark.parametrize(("target", "cells"), list({**TRAINED, **COMPUTED}.items()))
def test_each_table_has_the_papers_rows(run: Run, target: str, cells: int) -> None:
    assert len(TRAINED) + len(COMPUTED) == 10
    number = target.split()[1]
    job = run("--table", number, execute=False)
    printed = load_paper("cellline").table(number)
    ids = [row.id for row in job.spec.rows if not row.below]
    below = [row.id for row in job.spec.rows if row.below]
    assert len(networks(job)) == cells
    assert {cell.row for cell in networks(job)} <= set(ids)
    assert len(below) == len(job.cells) - cells == (2 * TASKS.get(target, 1) if target in TRAINED else 0)
    if number == "5":
        assert job.spec.rows[0].paper == {"f1": "0.91 ± 0.03"}
    else:
        assert set(ids) == set(printed.rows)


def test_every_target_can_be_planned(run: Run) -> None:
    for target in load("cellline").offered:
        kind, _, name = target.partition(" ")
        job = run(f"--{kind}", name, execute=False)
        assert job.cells
        assert f"{job.spec.kind.lower()} {job.spec.number}" == target


def test_rows_from_imagenet_stay_blank_and_say_why(run: Run) -> None:
    job = run("--table", "5", execute=False)
    row = next(row for row in job.spec.rows if row.id == "imagenet-nearest")
    assert "--weights" in row.reason
    assert "imagenet-nearest" not in {cell.row for cell in job.cells}


def test_table_5_tells_transfer_from_scratch(run: Run) -> None:
    job = run("--table", "5", execute=False)
    weights = {cell.row: cell.config["module"]["weights"] for cell in networks(job)}
    assert weights == {
        **{f"source-{name}": "source" for name in ("none", "nearest", "constant")},
        **{f"frozen-{name}": "none" for name in ("none", "nearest", "constant")},
        "trained-none": "none",
    }
    (trained,) = [cell for cell in job.cells if cell.row == "trained-none"]
    assert trained.config["module"]["freeze"] == "none"
