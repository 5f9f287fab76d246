"""W&B: an offline run read back holds what was logged; nothing is imported, sent or asked for unless wanted."""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from medrepro.datamodules.support.errors import InputError
from medrepro.reproduce import egfr
from medrepro.reproduce.evaluation.table_view import build_table
from medrepro.reproduce.plan.cell import Cell, Printed, Runtime
from medrepro.reproduce.plan.identity import ROOT
from medrepro.reproduce.plan.options import Options
from medrepro.reproduce.plan.paper import load, plan_job
from medrepro.reproduce.report import wandb_tables as _wandb
from medrepro.reproduce.report.figures.standard import standard_figures
from medrepro.reproduce.report.html import Page, write_report
from medrepro.reproduce.run import execute as execute_module
from medrepro.reproduce.run import wandb_cells
from medrepro.reproduce.run.execute import write_result
from medrepro.reproduce.run.outcome import Context
from medrepro.reproduce.run.training import fit, logger_of
from tests._toy import ToyData, ToyModule
from tests.reproduce._fakes import SPEC, make_results, with_claims
from tests.reproduce._wandb_log import OfflineRun, offline_runs

EPOCHS = 2


@pytest.fixture(scope="module")
def calls() -> Iterator[list[bytes]]:
    """What anybody said to the server that W&B believes to be its own."""
    found: list[bytes] = []
    server = socket.create_server(("127.0.0.1", 0))

    def listen() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(5)
                found.append(connection.recv(1000))

    threading.Thread(target=listen, daemon=True).start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{server.getsockname()[1]}")
        patch.delenv("WANDB_API_KEY", raising=False)
        patch.setenv("NETRC", os.devnull)
        yield found
    server.close()


def toy_cell(folder: Path) -> Cell:
    config = {
        "module": {"lr": 0.01},
        "data": {"data": "toy"},
        "train": {"epochs": EPOCHS, "precision": "32-true", "select": "last"},
    }
    paper = (Printed("ACC", "78.07", "image/accuracy", 100), Printed("words", "see text", "image/none"))
    runtime = Runtime(wandb="offline", wandb_project="house", wandb_tags=("mine",), paper=paper)
    return Cell("egfr", "5", "toy", "a toy", 3, 1, "smoke", config, str(folder), "the command", runtime)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, calls: list[bytes]) -> tuple[Cell, OfflineRun]:
    cell = toy_cell(tmp_path_factory.mktemp("wandb"))
    with wandb_cells.cell_run(cell):
        outcome = fit(cell, ToyModule, ToyData(), Context())
        assert outcome is not None
        write_result(cell, outcome, 1.5)
        wandb_cells.log_cell(cell)
    (run,) = offline_runs(Path(cell.out))
    return cell, run


def test_a_cell_s_run_says_which_cell_it_is(trained: tuple[Cell, OfflineRun]) -> None:
    cell, found = trained
    assert found.run.project == "house"
    assert found.run.run_group == "egfr/5"
    assert found.run.display_name == "a toy · seed 3 · fold 1"
    assert list(found.run.tags) == ["egfr", "table 5", "smoke", "toy", "mine"]
    assert {name: found.config[name] for name in cell.config} == cell.config
    assert found.config["cell"]["config_sha256"] == cell.config_sha256
    assert found.config["cell"]["command"] == "the command"


def test_curves_are_logged_live_and_numbers_at_the_end(trained: tuple[Cell, OfflineRun]) -> None:
    cell, found = trained
    result = json.loads(cell.path.read_text())
    for name in ("train/loss", "val/loss", "val/auc"):
        assert found.curve(name) == pytest.approx(result["history"][name]), name
        assert len(found.curve(name)) == EPOCHS
    for name, value in result["metrics"].items():
        assert found.summary[name] == pytest.approx(value), name
    low, high = result["ci"]["image/auc"][:2]
    assert (found.summary["image/auc.low"], found.summary["image/auc.high"]) == pytest.approx((low, high))
    assert found.summary["paper/ACC"] == 78.07
    assert found.summary["ours/ACC"] == pytest.approx(100 * result["metrics"]["image/accuracy"])
    assert found.summary["paper/words"] == "see text"
    assert "ours/words" not in found.summary


def test_tables_figures_and_files_are_there(trained: tuple[Cell, OfflineRun]) -> None:
    cell, found = trained
    frame = pd.read_parquet(cell.path.with_suffix(".parquet"))
    table = found.table("predictions")
    assert table["columns"] == list(frame.columns)
    logged = pd.DataFrame(table["data"], columns=table["columns"])
    np.testing.assert_allclose(logged["prob_1"].astype(float), frame["prob_1"], rtol=1e-6)
    assert len(found.table("curves")["data"]) == EPOCHS
    assert found.media("figures/curves").read_bytes().startswith(b"\x89PNG")
    assert found.artifacts["model"] == ["model.ckpt"]
    assert sorted(found.artifacts["result"]) == [f"toy__3__1.{kind}" for kind in ("json", "parquet", "yaml")]


def test_a_failing_cell_is_a_failed_run(tmp_path: Path, calls: list[bytes]) -> None:
    import wandb

    with pytest.raises(InputError), wandb_cells.cell_run(toy_cell(tmp_path)):
        assert wandb.run is not None
        raise InputError("no")
    assert wandb.run is None
    assert len(offline_runs(tmp_path)) == 1


def test_a_table_s_run_holds_table_claims_figures_and_report(
    tmp_path: Path, calls: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    with_claims(monkeypatch, tmp_path / "ledger", clusters="no gain")
    view = build_table(SPEC, make_results(tmp_path / "results", seeds=(0,), patients=30), resamples=50)
    figures = standard_figures(view)[:2]
    report = write_report(tmp_path / "report.html", Page((view,), figures))
    options = Options("the command", "table 5", wandb="offline", wandb_project="house", out=str(tmp_path))
    _wandb.log_table(options, (view,), figures, report, tmp_path)
    (found,) = offline_runs(tmp_path)
    assert found.run.job_type == "table"
    assert found.run.run_group == "egfr/5"
    assert found.config["command"] == "the command"
    table = found.table("tables/Table 5")
    lines = [dict(zip(table["columns"], line, strict=True)) for line in table["data"]]
    assert [line["row"] for line in lines] == [row.label for row in view.rows]
    assert [line["paper ACC"] for line in lines[:4]] == ["78.07", "79.21", "80.65", "81.58"]
    first = view.rows[0].cells[1].estimate
    assert first is not None
    assert lines[0]["ours ACC, images value"] == pytest.approx(first.value)
    assert [line[1] for line in found.table("claims")["data"]] == ["not judged", "no gain"]
    for figure in figures:
        assert found.media(f"figures/{figure.id}").read_bytes().startswith(b"\x89PNG")
    assert "<table" in found.media("report").read_text()
    assert "report.html" in found.artifacts["report"]


def test_nobody_was_called(trained: tuple[Cell, OfflineRun], calls: list[bytes]) -> None:
    assert trained[1].history
    assert calls == []


def test_missing_package_or_account_is_one_line(monkeypatch: pytest.MonkeyPatch, calls: list[bytes]) -> None:
    wandb_cells.check_wandb("offline")
    with pytest.raises(InputError, match="--wandb online needs an account: `wandb login` or WANDB_API_KEY"):
        wandb_cells.check_wandb("online")
    monkeypatch.setenv("WANDB_API_KEY", "a" * 40)
    wandb_cells.check_wandb("online")
    monkeypatch.setattr(wandb_cells, "find_spec", lambda _: None)
    with pytest.raises(InputError, match=r"--wandb offline needs the wandb package: pip install 'medrepro\[wandb\]'"):
        wandb_cells.check_wandb("offline")
    wandb_cells.check_wandb("disabled")
    assert calls == []


def test_a_key_in_the_netrc_file_is_an_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "netrc"
    path.write_text("machine example.org login user password key\n")
    monkeypatch.setenv("NETRC", str(path))
    assert wandb_cells._stored_key("example.org") == "key"
    assert wandb_cells._stored_key("other.org") is None
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    assert wandb_cells._stored_key("example.org") is None


def test_the_command_line_says_it_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(wandb_cells, "find_spec", lambda _: None)
    with pytest.raises(SystemExit) as stop:
        egfr.main(["--wandb", "offline", "--out", str(tmp_path / "run")])
    assert stop.value.code == 2
    assert capsys.readouterr().err.startswith("reproduce/egfr.py: error: --wandb offline needs the wandb package")
    assert not (tmp_path / "run").exists()


STAND_IN = """
def init(*args, **kwargs): open({marker!r}, "w").close()
login = setup = Settings = Api = init
"""


def test_disabled_is_nothing_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import wandb

    def refuse(**_: object) -> None:
        raise AssertionError("a run was begun")

    monkeypatch.setattr(wandb, "init", refuse)
    logged = toy_cell(tmp_path)
    with pytest.raises(AssertionError, match="a run was begun"), execute_module._logged(logged):
        pass
    plain = replace(logged, runtime=Runtime())
    assert plain.runtime.wandb == "disabled"
    with execute_module._logged(plain):
        assert logger_of(plain) is False
    assert not list(tmp_path.rglob("offline-run-*"))


@pytest.mark.slow
def test_a_disabled_command_begins_no_run(tmp_path: Path) -> None:
    """timm imports whatever wandb there is; nobody may use it."""
    (tmp_path / "wandb").mkdir()
    marker = tmp_path / "used"
    (tmp_path / "wandb" / "__init__.py").write_text(STAND_IN.format(marker=str(marker)))
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    words = ["reproduce/egfr.py", "--table", "complexity", "--preset", "smoke", "--out", str(tmp_path / "run")]
    done = subprocess.run(
        [sys.executable, *words], cwd=ROOT, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "report.html").is_file()
    assert not marker.exists()


def test_rows_carry_the_paper_s_numbers_only_for_wandb(tmp_path: Path) -> None:
    options = Options("", "table 5", preset="smoke", out=str(tmp_path))
    plain, logged = (plan_job(load("egfr"), replace(options, wandb=mode)).cells for mode in ("disabled", "offline"))
    assert all(cell.runtime.paper == () for cell in plain)
    assert [cell.runtime.paper[0].value for cell in logged] == ["78.07", "79.21", "80.65", "81.58"]
    assert [cell.config_sha256 for cell in plain] == [cell.config_sha256 for cell in logged]
