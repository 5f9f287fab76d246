"""The command line of studies: what it leaves and prints, how a study goes on, what it refuses."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from medrepro.reproduce import command as _cli
from medrepro.reproduce.plan.paper import Paper, load
from medrepro.reproduce.run.storage import Address
from medrepro.reproduce.run.workers import Task, serve
from medrepro.sweeps import cellline as sweep_cellline
from medrepro.sweeps import command as _command
from medrepro.sweeps import egfr as sweep
from medrepro.sweeps import multiscale as sweep_multiscale
from medrepro.sweeps import quadsnet as sweep_quadsnet
from medrepro.sweeps import segradcam as sweep_segradcam
from medrepro.sweeps import study
from medrepro.sweeps.outputs import write_best, write_plots
from tests.sweeps._sham import Sham
from tests.sweeps.test_outputs import trial

pytestmark = pytest.mark.filterwarnings("ignore")
SMOKE = ["--study", "loss", "--preset", "smoke", "--sampler", "random"]


@pytest.fixture
def sham(monkeypatch: pytest.MonkeyPatch) -> Sham:
    """Studies in this process, on cells that train nothing."""

    def here(
        address: Address, task: Task, devices: list[object], look: Callable[[], None], deadline: float | None = None
    ) -> list[int]:
        serve(task.queue(address, 0), task, lambda: False, deadline)
        look()
        return [0] * len(devices)

    made = Sham()
    monkeypatch.setattr(study, "execute", made)
    monkeypatch.setattr(_command, "run_workers", here)
    monkeypatch.setattr(_command, "write_plots", lambda *_: [])  # they take seconds
    monkeypatch.setattr(sweep, "preparation", lambda options: lambda: None)
    return made


def test_a_study_leaves_its_table_its_best_and_its_plots(
    sham: Sham, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_command, "write_plots", write_plots)
    out = tmp_path / "run"
    assert sweep.main([*SMOKE, "--trials", "3", "--seeds", "0", "1", "--out", str(out)]) == 0
    told = capsys.readouterr().out
    table = pd.read_csv(out / "trials.csv")
    assert table["state"].tolist() == ["complete"] * 3
    assert table["module.gamma"].iloc[0] == 0.5  # the paper's point comes first
    best = yaml.safe_load((out / "best.yaml").read_text())
    assert best["module"]["gamma"] == table["module.gamma"].iloc[int(table["value"].argmax())]
    assert len(sham.cells) == 6
    for word in (
        "trials   ",
        "best     python reproduce/egfr.py --preset smoke --config",
        "optuna-dashboard sqlite:///",
    ):
        assert word in told
    assert (out / "plots.html").is_file()


def test_the_same_command_goes_on_and_a_larger_number_adds(sham: Sham, tmp_path: Path) -> None:
    words = [*SMOKE, "--seeds", "0", "--out", str(tmp_path / "run")]
    sweep.main([*words, "--trials", "2"])
    sweep.main([*words, "--trials", "2"])
    assert len(sham.cells) == 2
    sweep.main([*words, "--trials", "3"])
    table = pd.read_csv(tmp_path / "run" / "trials.csv")
    assert len(sham.cells) == len(table) == 3
    assert table["module.gamma"].nunique() == 3  # a sampler that starts again does not repeat itself


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    capsys.readouterr()
    with pytest.raises(SystemExit) as stopped:
        sweep.main(list(words))
    assert stopped.value.code == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    return lines[0]


def test_other_settings_do_not_join_a_study(sham: Sham, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [*SMOKE, "--out", str(tmp_path / "run")]
    sweep.main([*words, "--seeds", "0", "--trials", "1"])
    assert "study run was begun with another seeds" in refused(capsys, *words, "--seeds", "1", "--trials", "1")
    assert "was begun with another epochs" in refused(capsys, *words, "--seeds", "0", "--epochs", "7")
    sweep.main([*words, "--seeds", "1", "--trials", "1", "--name", "other"])
    assert len(sham.cells) == 2


def test_a_study_without_any_value_says_why(sham: Sham, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sham.curve = lambda cell: [float("nan")]
    line = refused(capsys, *SMOKE, "--trials", "1", "--out", str(tmp_path / "run"))
    assert "no trial of 1 has a value: the training loss is nan" in line
    assert (tmp_path / "run" / "trials.csv").is_file()


def test_a_study_that_had_no_time_says_so(sham: Sham, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = refused(capsys, *SMOKE, "--timeout", "1e-9", "--out", str(tmp_path / "run"))
    assert "no trial of 20 has a value: none was begun; give it more --timeout" in line


MISTAKES = [
    (["--study", "margins"], "--study: invalid choice: 'margins'"),
    (["--trials", "9"], "--trials 9: the grid of study batch has 8 points"),
    (["--trials", "0"], "--trials 0: must be at least 1"),
    (["--workers", "0"], "--workers 0: must be at least 1"),
    (["--data", "mine"], "--data mine: not known; allowed: embedded"),
    (["--data", "lidc-nodules", "--data-root", "/nowhere"], "--data lidc-nodules needs --data-root DIR"),
    (["--storage", "mysql://h/db"], "--storage mysql://h/db: not known"),
    (["--sampler", "guess"], "--sampler: invalid choice: 'guess'"),
]


@pytest.mark.parametrize(("words", "message"), MISTAKES)
def test_a_mistake_is_one_line(
    words: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(MISTAKES) == 8
    assert message in refused(capsys, *words, "--out", str(tmp_path / "run"))


TAKES: list[tuple[Paper, Any, dict[str, Any]]] = [
    (load("egfr"), sweep.STUDIES["loss"], {"module.gamma": 0.5, "module.lr": 1e-4}),
    (load("egfr"), sweep.STUDIES["batch"], {"datamodule.batch_size": 36}),
    (load("multiscale"), sweep_multiscale.STUDIES["auc-term"], {"module.alpha": 0.5, "module.power": 2.0}),
    (load("cellline"), sweep_cellline.STUDIES["head"], {"datamodule.batch_size": 16, "module.hidden": "none"}),
    (load("quadsnet"), sweep_quadsnet.STUDIES["margins"], {"module.m_pos": 0.9, "module.down_weight": 0.25}),
    (load("segradcam"), sweep_segradcam.STUDIES["squeeze"], {"module.reduction": 8, "module.lr": 1e-3}),
]


@pytest.mark.parametrize(("command", "one", "params"), TAKES)
def test_the_papers_command_takes_the_best_configuration(
    command: Paper, one: Any, params: dict[str, Any], tmp_path: Path
) -> None:
    """Values that equal a class's default count too: a preset may set another."""
    assert len(TAKES) == 6
    best = trial(0, 0.8)
    best.params = params
    write_best(tmp_path / "best.yaml", one, best, "preset quick")
    (options,) = _cli.parse(command, ["--config", str(tmp_path / "best.yaml")])
    wanted = yaml.safe_load((tmp_path / "best.yaml").read_text())
    assert options.module == wanted.get("module", {})
    assert options.datamodule == wanted.get("datamodule", {})
