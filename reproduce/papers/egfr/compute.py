"""Compute cells of the egfr paper: trained ones, groups (Table 1), image counts (2), networks (4), cost of the loss."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from medrepro.datamodules.base import ReproDataModule
from medrepro.datamodules.egfr import EGFRDataModule
from medrepro.datamodules.samplers import ClusterBatchSampler, cluster_within_classes
from medrepro.lightning_modules.base import ReproModule
from medrepro.lightning_modules.egfr import EGFRModule
from medrepro.lightning_modules.losses.complexity import batch_training_flops, mixed_loss_flops, mixed_loss_operations
from medrepro.lightning_modules.networks.counting import keras_parameter_count, macs
from medrepro.lightning_modules.networks.egfr import EGFRNet
from medrepro.reproduce.plan.cell import Cell
from medrepro.reproduce.printed.load import load_paper
from medrepro.reproduce.run.outcome import NO_DATA, Context, Outcome, data_block
from medrepro.reproduce.run.training import fit

MILLION = 1e6
PATCH = (1, 64, 64)


def datamodule(cell: Cell) -> EGFRDataModule:
    """Return the cell's datamodule."""
    config = cell.config["data"]
    return EGFRDataModule(**config, cache_dir=cell.runtime.cache_dir)


def train(cell: Cell, context: Context) -> Outcome | None:
    """Train the cell's network and predict the test part."""
    return fit(cell, lambda: EGFRModule(**cell.config["module"]), datamodule(cell), context)


def train_with_cosines(cell: Cell, context: Context) -> Outcome | None:
    """Train the cell's network, and compare the features of test images of one class and of different ones."""
    return fit(cell, lambda: EGFRModule(**cell.config["module"]), datamodule(cell), context, cosines)


def groups(cell: Cell, context: Context) -> Outcome:
    """Table 1: one cluster of one class, its size, and its seats in the batches of the first epoch.

    The row is ``<class>-<rank>``; clusters of a class are ranked by size, largest first.
    """
    del context
    data = datamodule(cell)
    data.setup()
    label, rank = (int(part) for part in cell.row.split("-"))
    index = data.parts.train
    labels = data.records.labels[index]
    clusters = cluster_within_classes(data.images[index].numpy(), labels, data.groups, data.seed)
    sizes = [int(((labels == label) & (clusters == number)).sum()) for number in range(data.groups)]
    chosen = int(np.argsort(sizes)[::-1][rank])
    member = (labels == label) & (clusters == chosen)
    sampler = ClusterBatchSampler(labels, clusters, data.batch_size, seed=data.seed)
    seats = [int(member[batch].sum()) for batch in sampler.global_batches(0) if len(batch) == data.batch_size]
    return Outcome(
        data=data_block(data),
        metrics={
            "group/images": float(member.sum()),
            "group/share": float(member.mean()),
            "group/expected": float(member.mean() * data.batch_size),
            "group/least": float(min(seats)),
            "group/most": float(max(seats)),
        },
    )


def counts(cell: Cell, context: Context) -> Outcome:
    """Table 2: images of each class in the training or test cohort, or both."""
    del context
    data = datamodule(cell)
    data.setup()
    fitted = np.concatenate([data.parts.train, data.parts.val])
    part = {"training": fitted, "validation": data.parts.test}.get(cell.row, np.arange(len(data.records)))
    labels, patients = data.records.labels[part], data.records.patients[part]
    metrics = {
        "images/positive": float((labels == 1).sum()),
        "images/negative": float((labels == 0).sum()),
        "images/share": float((labels == 1).mean()),
        "images/patients": float(len(np.unique(patients))),
    }
    if cell.row == "total":
        metrics = {"images/positive": float(len(labels)), "images/patients": metrics["images/patients"]}
    return Outcome(data=data_block(data), metrics=metrics)


def network(cell: Cell, context: Context) -> Outcome:
    """Table 4: a network's parameters as Keras counts them, and its multiply-adds at 64 x 64 x 1."""
    del context
    net = EGFRNet(cell.config["module"]["backbone"], scale=cell.config["module"]["scale"])
    parameters, operations = keras_parameter_count(net), macs(_Logits(net), PATCH)
    printed = load_paper("egfr").table("4").value(cell.row, "parameters") or float("nan")
    return Outcome(
        data=NO_DATA,
        metrics={
            "network/parameters": parameters / MILLION,
            "network/difference": 100 * (parameters / MILLION / printed - 1),
            "network/macs": operations / MILLION,
            "network/flops": 2 * operations / MILLION,
        },
        parameters=parameters,
        macs=operations,
    )


class _Logits(torch.nn.Module):
    """A network's second output, for counting operations."""

    def __init__(self, net: EGFRNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return logits (N, K) of images (N, 1, 64, 64)."""
        result: torch.Tensor = self.net(images)[1]
        return result


def complexity(cell: Cell, context: Context) -> Outcome:
    """Eqs. 12-14 at the paper's sizes, and what the same operations come to when a dot product is counted once."""
    del context
    sizes: Mapping[str, Any] = cell.config["module"]
    n_b, train_images = sizes["batch_size"], sizes["images"]
    forward = macs(_Logits(EGFRNet("resnet34", scale="paper")), PATCH)
    value = {
        "ml-printed": mixed_loss_flops(n_b),
        "ml-counted": mixed_loss_operations(n_b),
        "bt": batch_training_flops(train_images, n_b),
        "total": mixed_loss_flops(n_b) + batch_training_flops(train_images, n_b),
        "network": 3 * 2 * forward * n_b,
    }[cell.row]
    return Outcome(data=NO_DATA, metrics={"cost/flops": value / MILLION, "cost/share": value / (6 * forward * n_b)})


@torch.no_grad()
def cosines(module: ReproModule, data: ReproDataModule) -> dict[str, float]:
    """Return the mean cosine between features of test images of one class, and of different classes.

    Raises:
        TypeError: the module has no features to compare.
    """
    if not isinstance(module, EGFRModule):
        raise TypeError(f"cosines need the features of an EGFRModule, not of {type(module).__name__}")
    module.eval()
    loader = data.eval_loader(data.parts.test)
    features = torch.cat([module.network(batch["image"].to(module.device))[0].cpu() for batch in loader])
    labels = data.labels[torch.from_numpy(data.parts.test)]
    return mean_cosines(features, labels)


def mean_cosines(features: Tensor, labels: Tensor) -> dict[str, float]:
    """Return mean cosines over pairs of different samples, of features (N, L) with labels (N,)."""
    unit = functional.normalize(features.double(), dim=1)
    similarity = unit @ unit.T
    same = labels[:, None] == labels[None, :]
    other = ~torch.eye(len(labels), dtype=torch.bool)
    return {
        "cosine/within": float(similarity[same & other].mean()),
        "cosine/between": float(similarity[~same].mean()),
    }
