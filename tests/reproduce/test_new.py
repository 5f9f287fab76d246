"""A sixth paper: a skeleton that runs and is as clean as the house, and that no other command stumbles over."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from medrepro.reproduce import new
from medrepro.reproduce.plan.identity import ROOT

FOLDERS = ("datamodules", "lightning_modules", "reproduce", "sweeps", "tests")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the packages, without results, and begin a sixth paper there."""
    folder = tmp_path_factory.mktemp("checkout")
    left_out = shutil.ignore_patterns("results", "__pycache__", ".*")
    for name in FOLDERS:
        shutil.copytree(ROOT / name, folder / name, ignore=left_out)
    for name in ("pyproject.toml", "README.md"):
        shutil.copyfile(ROOT / name, folder / name)
    links = folder / "links" / "medrepro"
    links.mkdir(parents=True)
    for name in FOLDERS[:-1]:
        (links / name).symlink_to(folder / name)
    assert new.main(["sixth", "--title", "A sixth paper", "--into", str(folder)]) == 0
    return folder


def run(checkout: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(checkout / "links")}
    command = [sys.executable, *words]
    return subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True, check=False)


def written(checkout: Path) -> list[str]:
    places = (*new.PLACES.values(), *(f"{package}/__init__.py" for package in new.PACKAGES))
    return [str(checkout / place.format(key="sixth")) for place in places]


def test_it_is_few_files_and_clean(checkout: Path) -> None:
    files = written(checkout)
    assert all(Path(file).is_file() for file in files)
    assert len([file for file in files if Path(file).read_text()]) <= 12
    code = [file for file in files if file.endswith(".py")]
    for words in (["check"], ["format", "--check"]):
        done = run(checkout, "-m", "ruff", *words, *code)
        assert done.returncode == 0, done.stdout


def test_it_is_planned_without_torch(checkout: Path) -> None:
    code = (
        "import sys; from medrepro.reproduce.plan.options import Options;"
        "from medrepro.reproduce.plan.paper import load;"
        "job = load('sixth').plan(Options(command='', target='table 1', out='runs/x'));"
        "print(len(job.cells), 'torch' in sys.modules)"
    )
    done = run(checkout, "-c", code)
    assert (done.stdout.strip(), done.stderr) == ("3 False", "")


@pytest.mark.slow
def test_it_runs_and_every_command_takes_six_papers(checkout: Path, tmp_path: Path) -> None:
    done = run(checkout, "reproduce/sixth.py", "--preset", "smoke", "--out", str(tmp_path / "run"))
    assert done.returncode == 0, done.stderr
    assert "SIXTH · Table 1 · smoke" in done.stdout
    assert (tmp_path / "run/report.html").is_file()
    (checkout / "reproduce/results").mkdir()
    for words in (["audit.py"], ["claims.py"]):
        told = run(checkout, f"reproduce/{words[0]}", *words[1:], "--out", str(tmp_path / "out"))
        assert told.returncode == 0, told.stderr
        assert "sixth" in told.stdout
    blank = run(checkout, "reproduce/everything.py", "sixth", "--check", "--out", str(tmp_path / "none"))
    assert "sixth table 1 network: 3 of 3 cells without a result" in blank.stdout
    assert run(checkout, "-m", "medrepro.reproduce", "--help").stdout.count("reproduce this paper") == 6
    tests = run(checkout, "-m", "pytest", "-q", "tests/reproduce/papers/sixth")
    assert tests.returncode == 0, tests.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["6th"], "a paper's key is one lower-case word"),
        (["Sixth"], "a paper's key is one lower-case word"),
        (["class"], "a paper's key is one lower-case word"),
        (["egfr"], "there is a paper 'egfr' already"),
        (["sixth", "--into", "/nowhere"], "/nowhere: no checkout of this repository"),
    ],
)
def test_bad_input_is_one_line(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        new.main(words)
    error = capsys.readouterr().err
    assert (stopped.value.code, error.count("\n"), message in error) == (2, 1, True)


def test_nothing_that_is_there_is_touched(tmp_path: Path) -> None:
    (tmp_path / "reproduce/papers").mkdir(parents=True)
    there = tmp_path / "datamodules/sixth.py"
    there.parent.mkdir()
    there.write_text("mine")
    with pytest.raises(SystemExit):
        new.main(["sixth", "--into", str(tmp_path)])
    assert there.read_text() == "mine"
    assert sorted(path.name for path in tmp_path.rglob("*.py")) == ["sixth.py"]
