"""How much time do cached features save? Ten folds x nine strategies of the quick cell-line task, both ways.

In: nothing (rendered cells). Out: JSON in ``benchmarks/results/``. Run: ``python benchmarks/features.py``.
One fold is measured with and without augmentation, through the backbone in the shared trainer and on cached features
as the command does; the other folds and strategies are extrapolated. Seconds are of this process's CPU time on one
thread, so that other programs on the machine do not count.
"""

import json
import platform
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from datamodules.cache import atomic_write
from datamodules.cellline import CellLineDataModule, Extractor
from datamodules.features import network_sha256
from lightning_modules.cellline import CellLineModule
from reproduce._cell import Cell
from reproduce._cellline.compute import frozen_backbone
from reproduce._cellline.heads import train_head
from reproduce._cellline.protocol import FOLDS, STRATEGIES, Recipe, cell
from reproduce._command import Options
from reproduce._training import train_cell

RESULTS = Path(__file__).parent / "results"
EPOCHS_THROUGH = 1  # through the backbone one epoch is measured, and multiplied
TARGET = 50.0


def planned(augment: str, out: str, epochs: int | None = None) -> Cell:
    """Return fold 0 of the quick preset, random frozen weights: what is timed does not depend on them."""
    options = Options(command="", target="table 2", out=out, epochs=epochs)
    return cell(options, "2", Recipe(augment, augment, "frozen", data={"augment": augment}), 0, 0, "")


def cpu_seconds(work: Callable[[], object]) -> float:
    """Return the CPU time ``work`` takes in this process."""
    started = time.process_time()
    work()
    return time.process_time() - started


def fit(timed: Cell, cached: bool) -> None:
    """Train the head of one cell, on cached features or through the frozen backbone."""
    data = CellLineDataModule(**timed.config["data"], cache_dir=timed.runtime.cache_dir)
    module: dict[str, Any] = {**timed.config["module"], "num_classes": 8}
    if cached:
        backbone = frozen_backbone(module["backbone"], "none", 3, 0)
        depends_on = {"sha256": network_sha256(backbone)}
        data.use_features(Extractor(backbone.features, depends_on, backbone.num_features))
        module |= {"inputs": "features", "num_features": backbone.num_features}
        train_head(timed, lambda: CellLineModule(**module), data, lambda _done, _detail: None, lambda: False)
        return
    train_cell(timed, lambda: CellLineModule(**module), data, lambda _done, _detail: None, lambda: False)


def measure(folder: str) -> dict[str, float]:
    """Return CPU seconds of one fold: features, heads, and epochs through the backbone, by augmentation."""
    seconds: dict[str, float] = {}
    for augment in ("none", "nearest"):
        whole = planned(augment, folder)
        timed = replace(whole, runtime=replace(whole.runtime, cache_dir=folder))
        CellLineDataModule(**timed.config["data"]).load_records()
        first = cpu_seconds(partial(fit, timed, True))
        seconds[f"cached/{augment}"] = cpu_seconds(partial(fit, timed, True))
        seconds[f"features/{augment}"] = max(0.0, first - seconds[f"cached/{augment}"])
        one, two = (cpu_seconds(partial(fit, planned(augment, folder, epochs), False)) for epochs in (1, 2))
        epochs = whole.config["train"]["epochs"]
        seconds[f"through/{augment}"] = one + (epochs - EPOCHS_THROUGH) * (two - one)
    return seconds


def extrapolate(seconds: dict[str, float]) -> tuple[float, float]:
    """Return the CPU seconds of all folds and strategies: through the backbone, and cached.

    Features are computed once for the originals and once for each fill's copies, for each of the three kinds
    of input and weights (grey, transferred, scratch): nine image sets in all.
    """
    folds = FOLDS["quick"]
    kinds = [strategy.augment if strategy.augment == "none" else "nearest" for strategy in STRATEGIES]
    through = folds * sum(seconds[f"through/{kind}"] for kind in kinds)
    one_set = seconds["features/none"]
    cached = folds * sum(seconds[f"cached/{kind}"] for kind in kinds) + len(STRATEGIES) * one_set
    return through, cached


def main() -> int:
    """Measure, extrapolate, write."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        fit(replace(planned("none", folder, 1)), cached=False)  # warm up
        seconds = measure(folder)
    through, cached = extrapolate(seconds)
    found = {
        "one fold, CPU s": {name: round(value, 2) for name, value in seconds.items()},
        "ten folds x nine strategies, extrapolated CPU s": {"through": round(through), "cached": round(cached)},
        "ratio": round(through / cached, 1),
        "target": TARGET,
        "machine": f"{platform.machine()}, 1 thread",
        "torch": torch.__version__,
    }
    RESULTS.mkdir(exist_ok=True)
    with atomic_write(RESULTS / "features.json") as temporary:
        temporary.write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found, indent=1))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
