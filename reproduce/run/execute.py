"""Run one cell in this process and write its result, whole or not at all."""

import os
import pkgutil
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from medrepro.datamodules.support.cache import atomic_write
from medrepro.reproduce.plan.cell import SCHEMA, Cell, write_json
from medrepro.reproduce.plan.identity import ROOT, code_sha256, source_fingerprint
from medrepro.reproduce.run.outcome import Context, Outcome
from medrepro.reproduce.run.ranks import is_first_process
from medrepro.reproduce.run.tuned import tuned

VERSIONS = ("torch", "pytorch-lightning", "monai", "timm", "torchmetrics", "numpy", "scikit-learn")


def execute(cell: Cell, context: Context) -> None:
    """Run one cell in this process by the function that it names, and write its result, whole or not at all."""
    if cell.epochs:  # a count needs no torch, whose import takes longer than counting
        import torch

        torch.set_num_threads(cell.runtime.threads)
    started = time.monotonic()
    function = pkgutil.resolve_name(cell.function)
    with _logged(cell):
        ready, chosen = tuned(cell)
        outcome: Outcome | None = function(ready, context)
        if outcome is not None and is_first_process():
            whole = replace(outcome, metrics={**outcome.metrics, **chosen})
            write_result(cell, whole, time.monotonic() - started)


@contextmanager
def _logged(cell: Cell) -> Iterator[None]:
    """Keep the cell's W&B run open inside and give it the result, if W&B was asked for; else do nothing."""
    if cell.runtime.wandb == "disabled" or not is_first_process():
        yield
        return
    from medrepro.reproduce.run import wandb_cells

    with wandb_cells.cell_run(cell):
        yield
        wandb_cells.log_cell(cell)


def write_result(cell: Cell, outcome: Outcome, seconds: float) -> None:
    """Write predictions, the resolved configuration and, last, the JSON that says the cell is finished."""
    if outcome.predictions is not None:
        with atomic_write(cell.path.with_suffix(".parquet")) as temporary:
            outcome.predictions.to_parquet(temporary, index=False, compression="zstd")
    with atomic_write(cell.path.with_suffix(".yaml")) as temporary:
        temporary.write_text(yaml.safe_dump(cell.config, sort_keys=False))
    write_json(cell.path, _result(cell, outcome, seconds))


def _result(cell: Cell, outcome: Outcome, seconds: float) -> dict[str, Any]:
    from medrepro.reproduce.evaluation.summary import summarise

    metrics, intervals, baselines = summarise(outcome.predictions)
    commit, dirty = checkout()
    return {
        "schema": SCHEMA,
        "key": cell.key,
        "table": cell.table,
        "row": cell.row,
        "row_label": cell.label,
        "seed": cell.seed,
        "fold": cell.fold,
        "preset": cell.preset,
        "data": dict(outcome.data),
        "marks": list(outcome.marks),
        "metrics": {**metrics, **outcome.metrics},
        "ci": intervals,
        "baselines": baselines,
        "predictions": f"{cell.name}.parquet" if outcome.predictions is not None else None,
        "history": dict(outcome.history),
        "function": cell.function,
        "needs": [need.id for need in cell.needs],
        "config": cell.config,
        "config_sha256": cell.config_sha256,
        "code_sha256": code_sha256(cell.key),
        "source_fingerprint": source_fingerprint(cell.config["data"].get("data_root")),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in VERSIONS}},
        "commit": commit,
        "dirty": dirty,
        "command": cell.command,
        "hardware": hardware(cell.runtime.accelerator),
        "seconds": round(seconds, 1),
        "peak_rss_mb": peak_rss_mb(),
        "parameters": outcome.parameters,
        "macs": outcome.macs,
    }


def checkout() -> tuple[str | None, bool]:
    """Return the commit of the checkout and whether it has changes; (None, False) outside one."""
    try:
        head, status = (
            subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
            for words in (["rev-parse", "HEAD"], ["status", "--porcelain", "--untracked-files=no"])
        )
    except (OSError, subprocess.CalledProcessError):
        return None, False
    return head, bool(status)


def hardware(accelerator: str) -> str:
    """Describe the machine in one phrase."""
    if accelerator in ("gpu", "cuda"):
        import torch

        return torch.cuda.get_device_name()
    return f"{_processor()}, {os.cpu_count()} cores"


def _processor() -> str:
    """Return the processor's model, which decides the last bits of what is trained, or else its architecture."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or f"{platform.machine()} CPU"


def peak_rss_mb() -> int:
    """Return the largest resident memory of this process so far, in MB."""
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // (1024 * 1024) if sys.platform == "darwin" else peak // 1024
