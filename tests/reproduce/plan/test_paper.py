"""Papers as values: found by folder or entry point, planned without torch, targets with a plan or a reason."""

import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from medrepro.reproduce import papers
from medrepro.reproduce.papers import KEYS, find_papers, folder_of
from medrepro.reproduce.plan.identity import ROOT, code_sha256
from medrepro.reproduce.plan.options import Options
from medrepro.reproduce.plan.paper import Reason, load

PLANNED = """
import sys
from medrepro.reproduce.plan.options import Options
from medrepro.reproduce.plan.paper import load
paper = load("{key}")
for target in paper.offered:
    paper.plan(Options(command="", target=target, out="runs/x"))
sys.exit(" ".join(name for name in ("torch", "matplotlib") if name in sys.modules) or None)
"""


def test_every_folder_with_a_paper_is_found() -> None:
    assert set(KEYS) == {path.parent.name for path in (ROOT / "reproduce" / "papers").glob("*/paper.py")}
    assert all((folder_of(key) / "printed.yaml").is_file() for key in KEYS)


@pytest.mark.parametrize("key", KEYS)
def test_planning_every_target_imports_neither_torch_nor_matplotlib(key: str) -> None:
    done = subprocess.run([sys.executable, "-c", PLANNED.format(key=key)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.strip()) == (0, "")


def test_a_reason_is_not_offered() -> None:
    paper = load("egfr")
    assert isinstance(paper.targets["figure 1"], Reason)
    assert "figure 1" not in paper.offered
    assert paper.plan(Options(command="", target="table 5", out="runs/x")).spec.number == "5"


def test_a_paper_may_live_in_another_distribution(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "paper.py").write_text("PAPER = 'the sixth'\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    entry = EntryPoint("sixth", "elsewhere.paper:PAPER", "medrepro.papers")
    monkeypatch.setattr(papers, "entry_points", lambda group: [entry])
    for cached in (find_papers, folder_of, code_sha256):
        cached.cache_clear()
    try:
        assert str(load("sixth")) == "the sixth"
        assert folder_of("sixth") == folder
        before = code_sha256("sixth")
        (folder / "paper.py").write_text("PAPER = 'changed'\n")
        code_sha256.cache_clear()
        assert code_sha256("sixth") != before
    finally:
        for cached in (find_papers, folder_of, code_sha256):
            cached.cache_clear()
