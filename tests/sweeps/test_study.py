"""Studies: what a trial runs, what it is worth, what it never looks at, when it is given up."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from medrepro.datamodules.support.errors import InputError
from medrepro.reproduce.plan.cell import Cell
from medrepro.reproduce.plan.options import Options
from medrepro.reproduce.run.queue import Queue
from medrepro.reproduce.run.storage import Address
from medrepro.reproduce.run.workers import serve
from medrepro.sweeps import cellline, egfr, multiscale, quadsnet, segradcam, study
from medrepro.sweeps.study import Choice, Study, TrialTask, nested, own_seed, score
from tests.sweeps._sham import Sham, sham_result

EVERY = [one for module in (egfr, multiscale, cellline, quadsnet, segradcam) for one in module.STUDIES.values()]
pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")


@pytest.fixture
def options(tmp_path: Path) -> Options:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return Options(command="", target="study", preset="smoke", seeds=(0, 1), out=str(tmp_path / "run"), named_out=True)


@pytest.fixture
def address(tmp_path: Path) -> Address:
    return Address(f"sqlite:///{tmp_path}/study.db", "toy", heartbeat=5)


def chosen(one: Study) -> dict[str, Any]:
    """Some point of the space: the paper's, or the first."""
    values = {axis.name: axis.values for axis in one.space if isinstance(axis, Choice)}
    point = one.points()[0]
    return {name: values[name][value] if name in values else value for name, value in point.items()}


@pytest.mark.parametrize("one", EVERY, ids=lambda one: f"{one.key}-{one.name}")
def test_a_trials_cells_hold_its_parameters_and_every_seed(one: Study, options: Options) -> None:
    assert len(EVERY) == 6
    cells = one.trial_cells(options, chosen(one))
    assert {cell.seed for cell in cells} == {0, 1}
    assert len({cell.row for cell in cells}) == 1
    for cell in cells:
        parts = nested(chosen(one))
        assert parts.get("module", {}).items() <= cell.config["module"].items()
        assert parts.get("datamodule", {}).items() <= cell.config["data"].items()
        assert cell.config["train"]["epochs"] > 0
    assert study.load(one.place, one.name) is one


@pytest.mark.parametrize("one", EVERY, ids=lambda one: f"{one.key}-{one.name}")
def test_other_parameters_are_another_row(one: Study, options: Options) -> None:
    assert len(EVERY) == 6
    other = {axis.name: list(axis.values.values())[-1] if isinstance(axis, Choice) else axis.high for axis in one.space}
    here, there = one.trial_cells(options, chosen(one))[0], one.trial_cells(options, other)[0]
    assert here.row != there.row
    assert here.table == there.table


def test_the_grids_are_what_the_papers_plot() -> None:
    sizes = [point["datamodule.batch_size"] for point in egfr.STUDIES["batch"].points()]
    assert sizes == [6, 12, 18, 24, 30, 36, 42, 48]
    assert len(cellline.STUDIES["head"].points()) == 16


def test_batch_trials_are_figure_5s_own_cells(options: Options) -> None:
    one = egfr.STUDIES["batch"]
    planned = {cell.config_sha256 for cell in egfr.figure5(options).cells}
    found = {cell.config_sha256 for point in one.points() for cell in one.trial_cells(options, point)}
    assert found == planned
    assert len(found) == 16


def finished(
    options: Options, history: list[float], metrics: dict[str, float] | None = None, select: str = "last"
) -> Cell:
    (cell, _) = egfr.STUDIES["loss"].trial_cells(options, {"module.gamma": 0.5})
    cell = replace(cell, config={**cell.config, "train": {**cell.config["train"], "select": select}})
    sham_result(cell, "val/auc", history)
    content = json.loads(cell.path.read_text())
    cell.path.write_text(json.dumps({**content, "metrics": metrics or {}}))
    return cell


def test_the_score_is_the_validation_metric_of_the_epoch_that_counts(options: Options) -> None:
    assert score(finished(options, [0.7, 0.9, 0.8]), "val/auc") == 0.8
    assert score(finished(options, [0.7, 0.9, 0.8], select="best"), "val/auc") == 0.9


def test_the_score_does_not_see_the_test_part(options: Options) -> None:
    worst = score(finished(options, [0.8], {"image/auc": 0.0, "patient/auc": 0.0}), "val/auc")
    best = score(finished(options, [0.8], {"image/auc": 1.0, "patient/auc": 1.0}), "val/auc")
    assert worst == best == 0.8


def test_a_cell_without_validation_data_is_refused(options: Options) -> None:
    with pytest.raises(InputError, match="no val/f1; a study needs validation data"):
        score(finished(options, [0.8]), "val/f1")


def run(address: Address, options: Options, trials: int = 1, pruner: str = "none", point: float | None = 0.5) -> Queue:
    task = TrialTask("medrepro.sweeps.egfr:STUDIES", "loss", options, "random", pruner)
    queue = task.queue(address, 0)
    queue.fill_up(trials, [{"module.gamma": point}] * trials if point is not None else [])
    serve(queue, task, lambda: False)
    return queue


def test_a_trial_is_worth_the_mean_over_seeds(
    options: Options, address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(study, "execute", Sham())
    (trial,) = run(address, options).trials()
    assert trial.value == pytest.approx(0.905)
    assert trial.user_attrs["values"] == pytest.approx([0.90, 0.91])
    assert trial.params["module.gamma"] == 0.5


def test_what_a_dead_worker_has_finished_is_not_run_again(
    options: Options, address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    sham = Sham()
    monkeypatch.setattr(study, "execute", sham)
    queue = run(address, options)
    first = sham.cells[0]
    sham.cells[1].path.unlink()
    task = TrialTask("medrepro.sweeps.egfr:STUDIES", "loss", options)
    queue.study.enqueue_trial(queue.trials()[0].params)
    serve(task.queue(address, 0), task, lambda: False)
    assert [cell.seed for cell in sham.cells] == [0, 1, 1]
    assert sham.cells[2].path != first.path
    assert queue.trials()[1].value == queue.trials()[0].value


def test_hopeless_trials_are_pruned_between_seeds(
    options: Options, address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    sham = Sham(lambda cell: [0.9 if cell.config["module"]["gamma"] == 0.5 else 0.6])
    monkeypatch.setattr(study, "execute", sham)
    queue = run(address, options, trials=5, pruner="median")
    task = TrialTask("medrepro.sweeps.egfr:STUDIES", "loss", options, pruner="median")
    queue.study.enqueue_trial({"module.gamma": 2.0})
    serve(task.queue(address, 0), task, lambda: False)
    assert queue.trials()[-1].state == TrialState.PRUNED
    assert len(sham.cells) % 2 == 1  # its second seed was spared


def test_a_trial_that_diverges_is_noted_and_the_study_goes_on(
    options: Options, address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = Sham(lambda cell: [float("nan") if cell.config["module"]["gamma"] > 1 else 0.8])
    monkeypatch.setattr(study, "execute", bad)
    queue = Queue(address)
    for gamma in (2.0, 0.5):
        queue.study.enqueue_trial({"module.gamma": gamma})
    task = TrialTask("medrepro.sweeps.egfr:STUDIES", "loss", options)
    serve(task.queue(address, 0), task, lambda: False)
    assert [trial.state for trial in queue.trials()] == [TrialState.FAIL, TrialState.COMPLETE]
    assert queue.errors() == ["the training loss is nan"]


def test_no_two_workers_suggest_the_same() -> None:
    here = Address("sqlite:///x", "toy")
    there = Address("postgresql+psycopg://h/x", "toy")
    cases = [(0, 0, 0, here), (1, 0, 0, here), (0, 1, 0, here), (0, 0, 5, here), (0, 0, 0, there)]
    assert len({own_seed(*case) for case in cases}) == len(cases)
    assert own_seed(*cases[0]) == own_seed(0, 0, 0, here)


@pytest.mark.parametrize("name", study.SAMPLERS)
def test_every_sampler_draws_from_a_studys_space(name: str) -> None:
    assert len(study.SAMPLERS) == 4
    found = optuna.create_study(sampler=study.sampler(name, 0))
    found.optimize(lambda trial: float(egfr.STUDIES["loss"].space[0].suggest(trial)), n_trials=2)
    assert all(0.25 <= trial.params["module.beta"] <= 2.0 for trial in found.trials)


def test_every_pruner_has_a_name() -> None:
    made = [type(study.pruner(name)).__name__ for name in study.PRUNERS]
    assert made == ["NopPruner", "MedianPruner", "SuccessiveHalvingPruner", "HyperbandPruner"]
