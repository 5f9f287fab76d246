"""Benchmarks are scripts: they are imported by their file's name, from their folder."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """Return what imports a benchmark."""
    monkeypatch.syspath_prepend(str(FOLDER))
    return __import__
