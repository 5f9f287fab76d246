"""How much time do cached features save? Ten folds x nine strategies of the quick cell-line task, both ways.

In: nothing (rendered cells). Out: JSON in ``benchmarks/results/``. Run: ``python benchmarks/features.py``.
Cached, as the command does it: all nine strategies on one fold with an empty cache, then on a second fold, which only
trains heads; the other eight folds are taken to cost what the second did. Through the frozen backbone in the shared
trainer: one fold without and one with augmentation, all epochs; the other strategies and folds are extrapolated.
Drawing cells and augmented copies is for both ways and not timed. Seconds are of this process's CPU time on one thread,
so that other programs do not count.
"""

import json
import platform
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from medrepro.datamodules.cellline import CellLineDataModule
from medrepro.datamodules.support.cache import atomic_write
from medrepro.lightning_modules.cellline import CellLineModule
from medrepro.reproduce.papers.cellline.compute import train
from medrepro.reproduce.papers.cellline.protocol import PRESETS, PROTOCOL, STRATEGIES, Strategy, line
from medrepro.reproduce.plan.cell import Cell
from medrepro.reproduce.plan.options import Options
from medrepro.reproduce.run.outcome import Context
from medrepro.reproduce.run.training import fit

RESULTS = Path(__file__).parent / "results"
TARGET = 50.0


def planned(strategy: Strategy, fold: int, out: str, epochs: int | None = None) -> Cell:
    """Return one fold of a strategy at quick, on random frozen weights: what is timed does not depend on them."""
    options = Options(command="", target="table 2", out=out, epochs=epochs, cache_dir=out)
    data = {"augment": strategy.augment, "grey": strategy.grey}
    return PROTOCOL.cell(options, "2", line(options, strategy.number, strategy.number, "frozen", data=data), 0, fold)


def cpu_seconds(work: Callable[[], object]) -> float:
    """Return the CPU time ``work`` takes in this process."""
    started = time.process_time()
    work()
    return time.process_time() - started


def fit_cached(fold: int, folder: str) -> None:
    """Train and calibrate the heads of all strategies on one fold, on cached features, as the command does."""
    for strategy in STRATEGIES:
        timed = replace(planned(strategy, fold, folder), seed=int(strategy.transfer))  # transferred weights are others
        train(timed, Context())


def fit_through(augment: str, epochs: int | None, folder: str) -> None:
    """Train the head of one cell through the frozen backbone, by the shared trainer."""
    strategy = next(found for found in STRATEGIES if found.augment == augment and not found.grey)
    timed = planned(strategy, 0, folder, epochs)
    module = {**timed.config["module"], "num_classes": 8}
    data = CellLineDataModule(**timed.config["data"])
    fit(timed, lambda: CellLineModule(**module), data, Context())


def measure(folder: str) -> dict[str, float]:
    """Return CPU seconds: nine strategies on a first and on a later fold, and one fold through the backbone."""
    for strategy in STRATEGIES:
        CellLineDataModule(**planned(strategy, 0, folder).config["data"]).setup()
    fit_through("none", 1, folder)  # warm up
    seconds = {
        f"cached, nine strategies, {name} fold": cpu_seconds(partial(fit_cached, fold, folder))
        for fold, name in enumerate(("first", "later"))
    }
    for augment in ("none", "nearest"):
        seconds[f"through, augmentation {augment}"] = cpu_seconds(partial(fit_through, augment, None, folder))
    return seconds


def extrapolate(seconds: dict[str, float]) -> tuple[float, float]:
    """Return the CPU seconds of all folds and strategies: through the backbone, and cached."""
    folds = PRESETS["quick"].folds
    kinds = [strategy.augment if strategy.augment == "none" else "nearest" for strategy in STRATEGIES]
    through = folds * sum(seconds[f"through, augmentation {kind}"] for kind in kinds)
    first, later = (seconds[f"cached, nine strategies, {fold} fold"] for fold in ("first", "later"))
    return through, first + (folds - 1) * later


def main() -> int:
    """Measure, extrapolate, write."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        seconds = measure(folder)
    through, cached = extrapolate(seconds)
    found = {
        "measured, CPU s": {name: round(value, 2) for name, value in seconds.items()},
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
