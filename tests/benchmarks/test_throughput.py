"""The throughput benchmark: ratios and verdicts by hand, and one tiny run of every loop."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from tests.benchmarks.conftest import FOLDER


@pytest.fixture
def throughput(script: Callable[[str], ModuleType]) -> ModuleType:
    return script("throughput")


def test_ratios_pair_the_rounds(throughput: ModuleType) -> None:
    speeds = {"ours": [90.0, 50.0, 30.0], "bare loop": [100.0, 50.0, 60.0]}
    assert throughput.ratio(speeds, "ours", "bare loop") == 0.9


def test_markdown_says_what_was_reached_and_shows_the_bare_loop(throughput: ModuleType) -> None:
    options = throughput.parse(["egfr", "--rounds", "1"])
    speeds = {"bare loop": [100.0], "ours": [94.0], "naive loop": [80.0], "tutorial pipeline": [50.0]}
    record = {
        "settings": {name: value for name, value in vars(options).items() if name != "out"},
        "machine": throughput.machine(options),
        "images_per_second": {"off": speeds, "on": speeds},
    }
    text = throughput.markdown(record)
    assert "* ours over bare loop: 0.94, target 0.95, missed" in text
    assert "* ours over bare loop: 0.94, target 0.85, reached" in text
    assert "* ours over tutorial pipeline: 1.88, target 1.70, reached" in text
    assert "* bare loop over naive loop: 1.25, target 1.00, reached" in text
    assert "| ours | 94 (94 to 94) | 0.94 |" in text
    assert "def bare(work: Work)" in text


def test_an_unknown_key_is_refused(throughput: ModuleType) -> None:
    with pytest.raises(SystemExit, match="2"):
        throughput.parse(["quadsnet"])


@pytest.mark.slow
@pytest.mark.timeout(1200)  # a busy machine starts workers slowly
def test_every_loop_runs(tmp_path: Path) -> None:
    command = [sys.executable, str(FOLDER / "throughput.py"), "egfr", "--samples", "72", "--rounds", "1"]
    subprocess.run([*command, "--threads", "1", "--out", str(tmp_path)], check=True)
    (path,) = tmp_path.glob("*.json")
    record = json.loads(path.read_text())
    assert set(record["images_per_second"]) == {"off", "on"}
    for speeds in record["images_per_second"].values():
        assert set(speeds) == {"bare loop", "ours", "naive loop", "tutorial pipeline"}
        assert all(len(values) == 1 and values[0] > 0 for values in speeds.values())
