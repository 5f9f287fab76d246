"""The scaling benchmark: speed-up and efficiency by hand, the text, and one tiny run of both."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from tests.benchmarks.conftest import FOLDER


@pytest.fixture
def scaling(script: Callable[[str], ModuleType]) -> ModuleType:
    return script("scaling")


def test_rounds_are_paired(scaling: ModuleType) -> None:
    speeds = {1: [100.0, 50.0, 100.0], 2: [180.0, 80.0, 150.0]}
    assert scaling.speed_up(speeds) == [1.8, 1.6, 1.5]
    assert scaling.efficiency(speeds) == 0.8


def test_the_text_states_the_efficiency(scaling: ModuleType) -> None:
    settings = {"backbone": "resnet18", "scale": "quick", "samples": 10, "rounds": 1, "epochs": 2}
    record = {"settings": settings, "machine": {"threads": 1}, "images_per_second": {36: {1: [100.0], 2: [150.0]}}}
    assert "| 36 | 100 (100 to 100) | 150 (150 to 150) | 1.50 | 75% |" in scaling.markdown(record)


@pytest.mark.slow
def test_a_failing_process_is_said(scaling: ModuleType) -> None:
    with pytest.raises(RuntimeError, match="a process of 1 failed"):
        scaling.measure(1, 36, scaling.parse(["--samples", "0"]))


@pytest.mark.slow
def test_a_tiny_run_writes_both_files(tmp_path: Path) -> None:
    words = ["--samples", "24", "--batch-sizes", "8", "--rounds", "1", "--epochs", "2", "--out", str(tmp_path)]
    command = [sys.executable, str(FOLDER / "scaling.py"), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    record = json.loads((tmp_path / "scaling_egfr_resnet18_quick_cpu.json").read_text())
    assert set(record["images_per_second"]["8"]) == {"1", "2"}
    assert "efficiency" in (tmp_path / "scaling_egfr_resnet18_quick_cpu.md").read_text()
