from pathlib import Path
from typing import Any

from medrepro.reproduce.papers.cellline.studies import BATCHES, HEADS, RESIZES
from tests.reproduce.papers.cellline.conftest import Run, networks


def test_each_study_varies_one_thing(run: Run) -> None:
    varied: dict[str, tuple[str, str, list[Any]]] = {
        "resize": ("data", "resize", list(RESIZES)),
        "head": ("module", "hidden", [list(hidden) for hidden in HEADS]),
        "batch": ("data", "batch_size", list(BATCHES)),
    }
    for name, (part, key, values) in varied.items():
        cells = networks(run("--study", name, execute=False))
        assert sorted((cell.config[part][key] for cell in cells), key=str) == sorted(values, key=str)
        rest = [{k: v for k, v in cell.config[part].items() if k != key} for cell in cells]
        assert all(other == rest[0] for other in rest)


def test_the_control_of_two_stages_sees_as_many_images(run: Run) -> None:
    cells = networks(run("--study", "stages", execute=False))
    sources = {cell.row: cell.config["train"]["source"] for cell in cells}
    budget = {row: len(source["sets"]) * source["epochs"] for row, source in sources.items()}
    assert budget["two"] == budget["twice"] == 2 * budget["one"]


def test_transfer_has_one_budget_for_all_rows(run: Run) -> None:
    cells = networks(run("--study", "transfer", execute=False))
    assert len({cell.row for cell in cells}) == 3
    assert len({cell.config["train"]["epochs"] for cell in cells}) == 1


def test_on_real_images_pretrained_means_imagenet_and_stays_blank_without_it(run: Run, tmp_path: Path) -> None:
    job = run("--study", "transfer", "--data", "folder", "--data-root", str(tmp_path), execute=False)
    assert [row.id for row in job.spec.rows if not row.below] == ["imagenet", "frozen", "trained"]
    assert {cell.row for cell in networks(job)} == {"frozen", "trained"}
    assert "--weights" in job.spec.rows[0].reason
    rendered = run("--study", "transfer", execute=False)
    assert rendered.spec.rows[0].id == "source"


def test_leakage_pools_all_folds_of_both_kinds(run: Run) -> None:
    cells = {cell.row: cell for cell in run("--study", "leakage", execute=False).cells}
    assert len(cells) == 4
    for row, cell in cells.items():
        data = [need.config["data"] for need in cell.needs]
        assert [one["fold"] for one in data] == [need.fold for need in cell.needs] == [0, 1, 2]
        assert {one["leaky_split"] for one in data} == {row.endswith("images")}
