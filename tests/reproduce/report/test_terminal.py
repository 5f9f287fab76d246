"""What is printed: the form of the table, plain lines off a terminal, bars on one."""

import io
import re
import time
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from medrepro.reproduce.evaluation.results import Current
from medrepro.reproduce.evaluation.table_view import TableView, build_table
from medrepro.reproduce.report.terminal import Progress, RunSummary, default_console, show, show_table
from tests.reproduce._fakes import SPEC, make_results, with_claims

RUN = RunSummary(Path("runs/egfr-table5-quick/report.html"), 4, 1, 192.3)


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory) -> TableView:
    results = make_results(tmp_path_factory.mktemp("cells"), rows=("ce-rs", "ce-bt"), patients=30)
    with pytest.MonkeyPatch.context() as patch:
        with_claims(patch, tmp_path_factory.mktemp("ledger"), clusters="supported")
        return build_table(SPEC, results, resamples=100)


def plain(width: int = 200) -> Console:
    return Console(file=io.StringIO(), width=width, highlight=False)


def printed(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_form_of_the_table(view: TableView) -> None:
    console = plain()
    show(view, RUN, console=console)
    lines = [line.rstrip() for line in printed(console).splitlines()]
    assert lines[0] == "EGFR · Table 5 · quick (not the paper's protocol) · 3 seeds"
    assert lines[1].startswith("data  embedded: real annotations")
    assert set(lines[2]) == {"─"}
    assert "paper ACC" in lines[3]
    assert re.fullmatch(
        r"row +other data +ours ACC, images +ours AUC, patients \[95 % CI\] +- diameter +- diameter, .*", lines[4]
    )
    assert re.fullmatch(
        r"ResNet34 CE  random +78\.07 +\d\d\.\d ± \d\.\d +0\.\d{3} \[.*\] +[-+]?0\.\d{3} \[.*\].*", lines[6]
    )
    assert lines[8].startswith("ResNet34 ML  random  (not run)")
    assert set(lines[10]) == {"─"}
    assert lines[11].startswith("diameter alone")
    assert lines[-1] == "report runs/egfr-table5-quick/report.html · 4 cells trained, 1 reused · 3 min 12 s"
    claims = [line for line in lines if line.startswith("claim")]
    said = r"claim  clusters help cross-entropy   supported: so it is; judged at judge, 10 seeds; here [+-]"
    assert re.match(said + r"\S+ \[.*\] patient/auc over 3 seeds", claims[1])
    assert claims[0].startswith("claim  batch training beats random selection   not judged")


def test_off_a_terminal_there_are_no_colours(view: TableView, monkeypatch: pytest.MonkeyPatch) -> None:
    console = plain()
    show_table(view, console)
    assert "\x1b" not in printed(console)
    monkeypatch.setattr("sys.stdout", io.StringIO())
    assert default_console().width == 200


def test_on_a_terminal_there_are(view: TableView) -> None:
    console = Console(file=io.StringIO(), width=200, force_terminal=True, color_system="256")
    show_table(view, console)
    assert "\x1b[" in printed(console)


def test_a_narrow_terminal_folds_and_cuts_nothing_off(view: TableView) -> None:
    console = plain(width=90)
    show_table(view, console)
    words = printed(console)
    assert "78.07" in words
    assert "…" not in words
    assert max(len(line) for line in words.splitlines() if "─" in line) == 90


def test_quiet_prints_the_path_only(view: TableView) -> None:
    console = plain(width=20)
    show(view, RUN, quiet=True, console=console)
    assert printed(console) == f"{RUN.report}\n"


def test_labels_are_not_markup(tmp_path: Path) -> None:
    spec = replace(SPEC, rows=(replace(SPEC.rows[0], label="[bold]x[/bold] [95 %"),))
    console = plain()
    show_table(
        build_table(spec, make_results(tmp_path, rows=("ce-rs",), seeds=(0,), patients=10), resamples=20), console
    )
    assert "[bold]x[/bold] [95 %" in printed(console)


def test_stale_rows_and_notes_are_said(tmp_path: Path) -> None:
    results = make_results(tmp_path, rows=("ce-rs", "ml-rs"), seeds=(0,), patients=20)
    console = plain()
    show_table(build_table(SPEC, results, Current("b" * 64), 50), console)
    assert "ResNet34 CE  random  stale: other code" in printed(console)


def test_progress_off_a_terminal_prints_lines() -> None:
    console = plain()
    with Progress(cells=3, reused=1, console=console, every=0.05) as progress:
        progress.start("a", "ResNet34 CE", 4)
        progress.epoch("a", 1.5, "loss 0.41")
        time.sleep(0.3)
        progress.finish("a")
        progress.start("b", "ResNet34 ML", 4)
        progress.finish("b")
    lines = printed(console).splitlines()
    assert re.match(r"1 of 3 cells · about .* left · ResNet34 CE: epoch 2/4 loss 0\.41", lines[0])
    assert any(re.match(r"done  ResNet34 CE · 2 of 3 cells · about .* left", line) for line in lines)
    assert lines[-1] == "done  ResNet34 ML · 3 of 3 cells"
    assert len(lines) >= 3


def test_progress_on_a_terminal_draws_bars() -> None:
    console = Console(file=io.StringIO(), width=100, force_terminal=True)
    with Progress(cells=2, console=console) as progress:
        progress.start("a", "ResNet34 CE", 4)
        progress.epoch("a", 1.5, "loss 0.41")
        assert progress._bars is not None
        shown = [(task.description, task.total, task.completed) for task in progress._bars.tasks]
        assert shown == [("cells", 2, pytest.approx(0.375)), ("  ResNet34 CE", 4, 1.5)]
        assert "epoch 2/4  loss 0.41" in progress._bars.tasks[1].fields["detail"]
        progress.finish("a")
        assert len(progress._bars.tasks) == 1


def test_time_left_is_the_pace_so_far(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("medrepro.reproduce.report.terminal.time.monotonic", lambda: now[0])
    progress = Progress(cells=4, reused=1, quiet=True)
    progress.start("a", "x", 10)
    assert progress.left() == ""
    now[0] = 60.0
    progress.epoch("a", 5.0)  # half a cell a minute: two and a half cells are left
    assert progress.left() == "about 5 min 00 s left"
    progress.epoch("a", 12.0)  # an epoch too many is still one cell
    assert progress.done() == 1.0


def test_quiet_and_finished_progress_say_nothing() -> None:
    for how in ({"quiet": True}, {"reused": 2}):
        console = plain()
        with Progress(cells=2, console=console, every=0.01, **how) as progress:
            progress.start("a", "x", 1)
            time.sleep(0.05)
            progress.finish("a")
        assert printed(console) == ""


def test_progress_ends_when_training_fails() -> None:
    with pytest.raises(RuntimeError, match="out of memory"), Progress(cells=1, console=plain(), every=60) as progress:
        raise RuntimeError("out of memory")
    assert progress._ticker is not None
    assert not progress._ticker.is_alive()
