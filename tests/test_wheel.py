"""What is published: the wheel holds what its commands need, and they run from it in another folder."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from medrepro.reproduce.plan.identity import ROOT

TOPS = ("datamodules", "lightning_modules", "reproduce", "sweeps")


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the files of this checkout: building beside them would leave a build folder there."""
    folder = tmp_path_factory.mktemp("tree")
    for name in (*TOPS, "pyproject.toml", "setup.py", "README.md", "LICENSE"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder)
    return folder


@pytest.fixture(scope="module")
def wheel(tree: Path) -> Path:
    words = [
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        str(tree / "dist"),
        str(tree),
    ]
    subprocess.run([sys.executable, "-m", *words], check=True)
    (built,) = (tree / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel in a folder of its own, beside the dependencies of this environment."""
    folder = tmp_path_factory.mktemp("site")
    words = ["pip", "install", "--quiet", "--no-deps", "--no-compile", "--target", str(folder), str(wheel)]
    subprocess.run([sys.executable, "-m", *words], check=True)
    return folder


def run(installed: Path, folder: Path, *words: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(installed), "COLUMNS": "200"}
    command = [sys.executable, "-m", "medrepro.reproduce", *words]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_holds_every_file_of_the_packages_under_one_import_name(tree: Path, wheel: Path) -> None:
    held = set(zipfile.ZipFile(wheel).namelist())
    wanted = {
        f"medrepro/{path.relative_to(tree).as_posix()}"
        for top in TOPS
        for path in (tree / top).rglob("*")
        if path.is_file() and not path.is_relative_to(tree / "dist")
    }
    assert sorted(wanted - held) == []
    assert {name.split("/")[0] for name in held if ".dist-info/" not in name} == {"medrepro"}


def test_its_commands_start_elsewhere(installed: Path, tmp_path: Path) -> None:
    assert "egfr" in run(installed, tmp_path, "--help")
    assert "regenerates" in run(installed, tmp_path, "egfr", "--help")
    found = run(installed, tmp_path, "audit", "multiscale", "--quiet")
    assert (tmp_path / found.strip().splitlines()[-1]).is_file()
    place = "import medrepro.datamodules as d; print(d.__file__)"
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    said = subprocess.run([sys.executable, "-c", place], env=environment, capture_output=True, text=True, check=True)
    assert said.stdout.startswith(str(installed))


@pytest.mark.slow
def test_claims_and_a_table_run_from_it(installed: Path, tmp_path: Path) -> None:
    assert "not run" not in run(installed, tmp_path, "claims")
    run(installed, tmp_path, "egfr", "--table", "complexity", "--preset", "smoke", "--out", "out")
    assert (tmp_path / "out" / "report.html").is_file()
