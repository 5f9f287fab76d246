"""Fit the toy, or the egfr module on toy patches, as a process of its own: what kill and DDP tests start.

``python -m tests.reproduce._fit FOLDER kill|ddp --devices N``; a log line a step goes to ``FOLDER/steps.<rank>.log``.
"""

import argparse
import os
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback
from torch import nn

from medrepro.datamodules.records import Records
from medrepro.datamodules.splits import Split
from medrepro.lightning_modules.base import ReproModule
from medrepro.lightning_modules.egfr import EGFRModule
from medrepro.reproduce.plan.cell import Cell, Runtime
from medrepro.reproduce.run.callbacks import AtomicCheckpoint, History
from medrepro.reproduce.run.training import build_trainer
from tests._toy import ToyData, ToyModule


class StepLog(Callback):
    """Append each finished step and its loss, flushed, so that a killed run leaves the truth behind."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def on_train_batch_end(self, trainer: pl.Trainer, module: pl.LightningModule, outputs: Any, *_: Any) -> None:
        with (self.folder / f"steps.{trainer.global_rank}.log").open("a") as log:
            log.write(f"{trainer.global_step} {float(outputs['loss']):.9f}\n")


class FrozenNorm(Callback):
    """Keep batch statistics out of the comparison: each rank would otherwise normalise its own shard."""

    def on_train_batch_start(self, trainer: pl.Trainer, module: pl.LightningModule, *_: Any) -> None:
        for layer in module.modules():
            if isinstance(layer, nn.modules.batchnorm._BatchNorm):
                layer.eval()


class BrokenData(ToyData):
    """Data that one of the ranks cannot read."""

    def split(self, records: Records) -> Split:
        if os.environ.get("LOCAL_RANK") == "1":
            raise RuntimeError("the disk of rank 1 is gone")
        return super().split(records)


def cell(folder: Path, devices: int, resume: bool, every: int, epochs: int) -> Cell:
    config = {"module": {}, "data": {}, "train": {"epochs": epochs, "precision": "32-true", "select": "last"}}
    runtime = Runtime(devices=devices, resume=resume, checkpoint_every=every)
    return Cell("egfr", "5", "toy", "toy", 0, 0, "smoke", config, str(folder), runtime=runtime)


def fit(folder: Path, what: str, devices: int, resume: bool) -> None:
    torch.set_num_threads(1)
    job = cell(folder, devices, resume, every=3, epochs=1 if what == "ddp" else 3)
    job.work_dir.mkdir(parents=True, exist_ok=True)
    pl.seed_everything(0, verbose=False)
    module: ReproModule
    if what == "kill":
        module, data = ToyModule(), ToyData()
    elif what == "ddp":
        module, data = EGFRModule("resnet18", scale="quick"), ToyData(batch_size=9)
    else:
        module, data = ToyModule(), BrokenData()
    log = AtomicCheckpoint(job.work_dir, 0 if what == "ddp" else 3)
    callbacks = [History(lambda *_: None, lambda: False), log, StepLog(folder)]
    trainer = build_trainer(job, [*callbacks, *([FrozenNorm()] if what == "ddp" else [])])
    last = job.work_dir / "last.ckpt"
    trainer.fit(module, data, ckpt_path=last if resume and last.is_file() else None, weights_only=True)
    if trainer.is_global_zero:
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
        torch.save({"weights": module.state_dict(), "metrics": metrics}, folder / "final.pt")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("what")
    parser.add_argument("--devices", type=int, default=1)
    parser.add_argument("--resume", action="store_true")
    chosen = parser.parse_args()
    fit(chosen.folder, chosen.what, chosen.devices, chosen.resume)
