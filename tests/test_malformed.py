"""Malformed inputs, one by one: one line on stderr, exit code 2, nothing run, nothing written by halves.

All of it goes through ``main(args)`` in this process; the pool of workers is replaced by a loop, so that what a worker
would meet is met here.
"""

import hashlib
import importlib
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from medrepro.reproduce.plan.cell import Cell
from medrepro.reproduce.run import experiment as _experiment
from medrepro.reproduce.run.execute import execute
from medrepro.reproduce.run.outcome import Context
from tests._malformed import Case, Place
from tests._malformed_downloads import CASES as DOWNLOADS
from tests._malformed_models import CASES as MODELS
from tests._malformed_prepare import CASES as SCANS
from tests._malformed_tables import CASES as TABLES

CASES = (*TABLES, *DOWNLOADS, *SCANS, *MODELS)


def in_process(todo: Sequence[Cell], jobs: int, observer: object) -> None:
    for cell in todo:
        execute(cell, Context())


@pytest.fixture
def place(tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.delenv("MEDREPRO_DATA", raising=False)
    monkeypatch.setenv("MEDREPRO_CACHE", str(tmp_path / "cache"))
    assert callable(_experiment._run_pool)
    monkeypatch.setattr(_experiment, "_run_pool", in_process)
    monkeypatch.chdir(tmp_path)
    return Place(tmp_path, request)


def listing(folder: Path) -> dict[str, str]:
    """Every file with its hash."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock")
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_there_are_many_and_no_two_alike() -> None:
    assert len(CASES) == 165
    assert len({case.id for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_one_line_code_2_and_nothing_by_halves(case: Case, place: Place, capfd: pytest.CaptureFixture[str]) -> None:
    words = list(case.words(place))
    before = listing(place.root)
    capfd.readouterr()
    with pytest.raises(SystemExit) as stopped:
        importlib.import_module(case.command).main(words)
    lines = capfd.readouterr().err.splitlines()
    assert stopped.value.code == 2
    assert len(lines) == 1, lines
    assert ": error: " in lines[0]
    assert re.search(case.says, lines[0]), lines[0]
    assert not place.bait.exists()
    left = {name: digest for name, digest in listing(place.root).items() if Path(name).name not in case.kept}
    assert left == before
