"""Compute cells of the quadsnet paper: trained ones, baselines, and the two tables that are only counted."""

from dataclasses import replace

import numpy as np
import torch
from torch import nn

from medrepro.datamodules.images.duplicates import across_parts, duplicates_sentence
from medrepro.datamodules.quadsnet import QuadSNetDataModule
from medrepro.datamodules.splits import PARTS
from medrepro.lightning_modules.networks.counting import keras_parameter_count, macs, trainable_count
from medrepro.lightning_modules.networks.quadsnet import QuadSNet
from medrepro.lightning_modules.networks.timm_classifier import TimmClassifier
from medrepro.lightning_modules.quadsnet import QuadSNetModule
from medrepro.reproduce.plan.cell import Cell
from medrepro.reproduce.run.outcome import NO_DATA, Context, Outcome, data_block
from medrepro.reproduce.run.training import fit
from medrepro.reproduce.run.trivial import predict_without_network


def train(cell: Cell, context: Context) -> Outcome | None:
    """Train the cell's network on its data; channels, classes and class counts are the data's."""
    data = QuadSNetDataModule(**cell.config["data"], cache_dir=cell.runtime.cache_dir)

    def module() -> QuadSNetModule:
        return QuadSNetModule(
            in_channels=data.images.shape[1],
            num_classes=len(data.records.classes),
            class_counts=data.class_counts,
            **cell.config["module"],
        )

    outcome = fit(cell, module, data, context)
    if outcome is None:
        return None
    about = {"classes": list(data.records.classes), "class_counts": list(data.class_counts)}
    return replace(outcome, data={**outcome.data, **about, "duplicates": duplicates_sentence(data.copies)})


def majority(cell: Cell, context: Context) -> Outcome:
    """Predict the classes' shares for every test image."""
    del context
    return _without_network(cell, "majority")


def grey(cell: Cell, context: Context) -> Outcome:
    """Predict the test images from their grey levels alone."""
    del context
    return _without_network(cell, "grey")


def _without_network(cell: Cell, baseline: str) -> Outcome:
    data = QuadSNetDataModule(**cell.config["data"], cache_dir=cell.runtime.cache_dir)
    outcome = predict_without_network(data, baseline)
    return replace(outcome, data={**outcome.data, "duplicates": duplicates_sentence(data.copies)})


def count_images(cell: Cell, context: Context) -> Outcome:
    """Count one data set of Table I: images, parts, classes, copies across parts."""
    del context
    data = QuadSNetDataModule(**cell.config["data"])
    data.setup()
    parts = {f"images/{name}": float(len(getattr(data.parts, name))) for name in PARTS}
    classes = np.bincount(data.records.labels)
    numbers = {
        "images/all": float(len(data.records)),
        "images/classes": float(len(classes)),
        "images/ratio": float(classes.max() / classes.min()),
        "images/copies": float(len(across_parts(data.copies))),
    }
    return Outcome(
        data={**data_block(data), "duplicates": duplicates_sentence(data.copies)}, metrics={**numbers, **parts}
    )


def count_parameters(cell: Cell, context: Context) -> Outcome:
    """Count one network of Table II, without memory for its weights."""
    del context
    name = cell.config["module"]["network"]
    with torch.device("meta"):
        built = QuadSNet(3, 2) if name == "quadsnet" else TimmClassifier(name, 3, 2)
        own = QuadSNet(3, 2) if name == "quadsnet" else _published(name)
    numbers = {
        "parameters/keras-total": float(keras_parameter_count(own)),
        "parameters/own": float(trainable_count(own)),
        "parameters/here": float(trainable_count(built)),
        "macs/here": macs(built, (3, 224, 224)) / 1e9,
    }
    return Outcome(data=NO_DATA, metrics=numbers)


def _published(name: str) -> nn.Module:
    """Return timm's own network with its 1000-class output."""
    import timm

    network: nn.Module = timm.create_model(name)
    return network
