"""Notebooks are their scripts, and the scripts run."""

import subprocess
import sys
from pathlib import Path

import jupytext
import pytest

from medrepro.reproduce.papers import KEYS
from medrepro.reproduce.plan.identity import ROOT


@pytest.mark.parametrize("key", KEYS)
def test_a_notebook_is_generated_from_its_script(key: str) -> None:
    assert len(KEYS) == 5
    script = jupytext.read(ROOT / "notebooks" / f"{key}.py")
    notebook = jupytext.read(ROOT / "notebooks" / f"{key}.ipynb")
    found = [(cell.cell_type, cell.source) for cell in notebook.cells]
    assert found == [(cell.cell_type, cell.source) for cell in script.cells], (
        f"run: jupytext --to ipynb notebooks/{key}.py"
    )


@pytest.mark.slow
@pytest.mark.parametrize("key", KEYS)
def test_a_notebook_runs(key: str, tmp_path: Path) -> None:
    assert len(KEYS) == 5
    lines = (ROOT / "notebooks" / f"{key}.py").read_text()
    head = "import matplotlib; matplotlib.use('Agg')"
    body = f"exec(compile({lines!r}, {key!r}, 'exec'), globals())"
    code = f"{head}\nif __name__ == '__main__':\n    {body}"  # guarded: cells may start processes
    (tmp_path / "run.py").write_text(code)
    done = subprocess.run([sys.executable, "run.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
