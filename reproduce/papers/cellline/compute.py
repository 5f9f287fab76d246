"""Compute trained cells of the cellline paper: a head on frozen features, or a whole network; rows without one.

A frozen backbone runs over the images once; every fold, strategy and head size then trains on the cached features.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import filelock
import torch

from medrepro.datamodules.cellline import CellLineDataModule, Extractor
from medrepro.datamodules.features.frozen import network_sha256
from medrepro.datamodules.support.cache import cache_root
from medrepro.datamodules.support.errors import InputError
from medrepro.lightning_modules.cellline import CellLineModule
from medrepro.lightning_modules.networks.counting import macs
from medrepro.lightning_modules.networks.keras_mobilenet import LAST_POINTWISE
from medrepro.lightning_modules.networks.transfer import TransferNet
from medrepro.lightning_modules.networks.weights import save_backbone
from medrepro.reproduce.evaluation.calibration import (
    at_temperature,
    confidence,
    expected_calibration_error,
    fit_temperature,
    unknown_threshold,
)
from medrepro.reproduce.papers.cellline.heads import train_head
from medrepro.reproduce.plan.cell import Cell
from medrepro.reproduce.plan.identity import code_sha256
from medrepro.reproduce.run.callbacks import extra_callbacks
from medrepro.reproduce.run.outcome import Context, Outcome
from medrepro.reproduce.run.ranks import first_only
from medrepro.reproduce.run.training import accumulated_batches, fit, predict
from medrepro.reproduce.run.trivial import predict_without_network

SOURCE_LR = 1e-3  # of the whole network on the source task: assumed


def train(cell: Cell, context: Context) -> Outcome | None:
    """Train a head on frozen features, or a whole network on images, and calibrate it on the validation part."""
    config = cell.config
    data = _datamodule(cell)
    records = data.load_records()
    module = dict(config["module"])
    module |= {
        "num_classes": len(records.classes),
        "weights": resolve_weights(cell, context),
        "in_channels": records.images.shape[1],
    }
    if module.get("freeze", "backbone") == "backbone":
        if accumulated_batches(cell) > 1:
            raise InputError(f"--accumulate: {cell.label} trains a head on features in memory; leave it out there")
        trained, outcome = train_head(cell, _frozen(cell, data, module), data, context)
        return _with_calibration(outcome, trained, data, module)
    made: list[CellLineModule] = []

    def make() -> CellLineModule:
        made.append(CellLineModule(**module))
        return made[-1]

    whole = fit(cell, make, data, context)
    return whole and _with_calibration(whole, made[-1], data, module)


def _frozen(cell: Cell, data: CellLineDataModule, module: dict[str, Any]) -> Callable[[], CellLineModule]:
    """Give the datamodule the frozen backbone; return what builds the module that learns on its features."""
    chosen = (module.get("backbone", "inception_resnet_v2"), module["weights"], module["in_channels"], cell.seed)
    backbone = frozen_backbone(*chosen)
    depends_on = {"backbone": type(backbone.backbone).__name__, "sha256": _frozen_sha256(*chosen)}
    data.use_features(Extractor(backbone.features, depends_on, backbone.num_features))

    def make() -> CellLineModule:
        head_only = CellLineModule(**module, inputs="features", num_features=backbone.num_features)
        head_only.head.standardise_by(data.images[torch.from_numpy(data.train_rows())])
        return head_only

    return make


@lru_cache(maxsize=4)
def frozen_backbone(name: str, weights: str, in_channels: int, seed: int) -> TransferNet:
    """Return a backbone with frozen weights; a random one is a function of the seed."""
    torch.manual_seed(seed)
    network = TransferNet(name, weights=weights, in_channels=in_channels)
    network.eval()
    torch.nn.Module.to(network, memory_format=torch.channels_last)  # a fifth faster on CPUs
    return network


@lru_cache(maxsize=4)
def _frozen_sha256(name: str, weights: str, in_channels: int, seed: int) -> str:
    """Return the hash of `frozen_backbone`, read once for all heads on it."""
    return network_sha256(frozen_backbone(name, weights, in_channels, seed))


def _with_calibration(
    outcome: Outcome, module: CellLineModule, data: CellLineDataModule, config: dict[str, Any]
) -> Outcome:
    """Add temperature and threshold, chosen on the validation part, and the calibration error left on the test."""
    frame = outcome.predictions
    if frame is None:
        return outcome
    validation, labels = predict(module, data, "val"), data.records.labels[data.parts.val]
    temperature = fit_temperature(validation, labels)
    test = frame.filter(like="prob_").to_numpy(dtype=float)
    truth = frame["label"].to_numpy()
    sure = confidence(test, truth)
    metrics = {
        "confidence/right": sure.right,
        "confidence/wrong": sure.wrong,
        "calibration/temperature": temperature,
        "calibration/ece": expected_calibration_error(test, truth),
        "calibration/ece-scaled": expected_calibration_error(at_temperature(test, temperature), truth),
        "calibration/threshold": unknown_threshold(at_temperature(validation, temperature), labels),
    }
    metrics_found = {name: value for name, value in metrics.items() if value is not None}
    size = data.records.images.shape
    whole = _macs(config.get("backbone", "inception_resnet_v2"), config["weights"], tuple(size[1:]))
    return replace(outcome, metrics={**outcome.metrics, **metrics_found}, macs=whole)


@lru_cache(maxsize=16)
def _macs(name: str, weights: str, shape: tuple[int, ...]) -> int:
    """Count the multiply-adds of a backbone for an image (C, H, W); once, for all heads on it."""
    return macs(frozen_backbone(name, weights, shape[0], 0), shape)


def resolve_weights(cell: Cell, context: Context) -> str:
    """Return what the network loads: none, ImageNet, a file, or the backbone pretrained on the source task."""
    weights = str(cell.config["module"]["weights"])
    stages = cell.config["train"]["source"]
    return str(pretrain(cell, stages, context)) if weights == "source" else weights


def pretrain(cell: Cell, stages: dict[str, Any], context: Context) -> Path:
    """Train the backbone on the source task, or on several in turn; done once, kept in the cache, reused by all cells.

    Args:
        cell: whose backbone, image size and seed are used.
        context: told of the epochs, and asked after every step whether to stop.
        stages: ``sets``: numbers of rendered source sets or ``breakhis``, each stage starting from the last
            one's checkpoint; ``epochs`` and ``share`` of each; ``start``: weights of the first (none).
    """
    start = str(stages.get("start", "none"))
    for number in stages["sets"]:
        start = str(_stage(cell, stages, number, start, context))
    return Path(start)


def _stage(cell: Cell, stages: dict[str, Any], number: int | str, start: str, context: Context) -> Path:
    """Train one stage from ``start`` (a file or ``none``); return its checkpoint.

    It is an entry of the cache, not a cell: tables, folds and runs of other folders share it by what it depends on.
    """
    stage = _stage_cell(cell, stages, number, start)
    path = cache_root(cell.runtime.cache_dir) / "backbones" / f"{_identity(stage)}.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    with first_only(filelock.FileLock(f"{path}.lock")):
        if not path.is_file():
            data = CellLineDataModule(**stage.config["data"])
            module = {**stage.config["module"], "num_classes": len(data.load_records().classes)}
            made: list[CellLineModule] = []

            def make() -> CellLineModule:
                made.append(CellLineModule(**module))
                return made[-1]

            told = Context(lambda done, _: context.report(0.0, f"source task, epoch {done:.1f}"), context.stop)
            with extra_callbacks():  # a sweep's are of the cell, not of its pretraining
                fit(stage, make, data, told)
            network = made[-1].network
            backbone = network.backbone if isinstance(network, TransferNet) else network
            save_backbone(backbone, path, layout="timm" if start == "none" else _layout(backbone))
    return path


def _layout(backbone: torch.nn.Module) -> str:
    """Return the file layout of a backbone: Keras's MobileNet ends before its last convolution."""
    return "timm" if LAST_POINTWISE in backbone.state_dict() or not hasattr(backbone, "blocks") else "keras"


def _stage_cell(cell: Cell, stages: dict[str, Any], number: int | str, start: str) -> Cell:
    """Return the stage as a cell of its own: the same backbone and image size, all of it trained."""
    module = {
        "backbone": cell.config["module"].get("backbone", "inception_resnet_v2"),
        "weights": start, "freeze": "none", "lr": SOURCE_LR, "lr_backbone": SOURCE_LR, "seed": cell.seed,
    }  # fmt: skip
    kept = {
        name: cell.config["data"][name] for name in ("image_size", "width", "flasks") if name in cell.config["data"]
    }
    data = {**kept, "data": "source", "source_set": number, "share": stages["share"], "augment": "none"}
    if number == "breakhis":
        data = {**kept, "data": "breakhis", "data_root": stages["breakhis_root"], "augment": "none"}
    folds = {"folds": 3, "fold": 0, "seed": cell.seed}
    train = {"epochs": stages["epochs"], "precision": cell.config["train"]["precision"], "select": "last"}
    return replace(
        cell, table="source", row=f"source-{number}", fold=0, runtime=replace(cell.runtime, wandb="disabled"),
        config={"module": module, "data": {**data, **folds}, "train": train},
    )  # fmt: skip


def _identity(stage: Cell) -> str:
    """Hash everything the checkpoint depends on: configuration, starting weights by content, and code."""
    start = Path(stage.config["module"]["weights"])
    content = hashlib.sha256(start.read_bytes()).hexdigest() if start.is_file() else str(start)
    config = {**stage.config, "module": {**stage.config["module"], "weights": content}}
    return hashlib.sha256(json.dumps([config, code_sha256(stage.key)], sort_keys=True).encode()).hexdigest()


def majority(cell: Cell, context: Context) -> Outcome:
    """Predict the classes' shares for every test image."""
    del context
    return predict_without_network(_datamodule(cell), "majority")


def grey(cell: Cell, context: Context) -> Outcome:
    """Predict the test images from their grey levels alone."""
    del context
    return predict_without_network(_datamodule(cell), "grey")


def _datamodule(cell: Cell) -> CellLineDataModule:
    return CellLineDataModule(**cell.config["data"], cache_dir=cell.runtime.cache_dir)
