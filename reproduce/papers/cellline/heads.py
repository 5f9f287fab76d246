"""Train a head on features in memory: the steps of the shared trainer, without what surrounds them.

Outcome and weights are those that ``fit`` gives (a test compares them). A step on features takes a tenth of a
millisecond, a fraction of a trainer's bookkeeping for one; a cell lasts a fraction of a second, so there is nothing to
resume.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.adam import adam

from medrepro.datamodules.cellline import CellLineDataModule
from medrepro.datamodules.samplers import EpochBatchSampler
from medrepro.lightning_modules.cellline import CellLineModule
from medrepro.reproduce.evaluation.metrics import Weights
from medrepro.reproduce.evaluation.metrics import evaluate as value_of
from medrepro.reproduce.plan.cell import Cell
from medrepro.reproduce.run.callbacks import InterruptedCellError
from medrepro.reproduce.run.outcome import Context, Outcome
from medrepro.reproduce.run.training import predicted_test_part, save_model

TWO_CLASSES = {"auc": "auc", "acc": "accuracy", "se": "sensitivity", "sp": "specificity"}
MORE_CLASSES = {"auc": "auc", "acc": "accuracy", "f1": "f1"}


class HeadSteps:
    """Steps of a head: cross-entropy's gradient in closed form, then the module's own Adam, by torch's functional one.

    For a head this small, autograd and ``Optimizer.step``, which asks at every call for the machine's accelerators,
    take several times as long as what they compute.

    Args:
        module: whose fully connected layers are trained; its optimiser is read, once.
    """

    def __init__(self, module: CellLineModule) -> None:
        (self.group,) = module.configure_optimizers().param_groups
        self.layers = [layer for layer in module.head.layers if isinstance(layer, nn.Linear)]
        self.parameters: list[Tensor] = [value for layer in self.layers for value in (layer.weight, layer.bias)]
        self.first, self.second = ([torch.zeros_like(value) for value in self.parameters] for _ in range(2))
        self.taken = [torch.zeros(()) for _ in self.parameters]

    @torch.no_grad()
    def __call__(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """Take one step on standardised inputs (N, F) and one-hot targets (N, K); return the loss before it."""
        loss, gradients = self.gradients(inputs, targets)
        group = self.group
        adam(
            self.parameters,
            gradients,
            self.first,
            self.second,
            [],
            self.taken,
            fused=True,
            amsgrad=group["amsgrad"],
            beta1=group["betas"][0],
            beta2=group["betas"][1],
            lr=group["lr"],
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            maximize=group["maximize"],
        )
        return loss

    @torch.no_grad()
    def gradients(self, inputs: Tensor, targets: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return the mean cross-entropy of inputs (N, F) and its gradients, in the order of ``parameters``."""
        below = [inputs]  # of each layer
        for layer in self.layers[:-1]:
            below.append(torch.addmm(layer.bias, below[-1], layer.weight.t()).relu_())
        last = self.layers[-1]
        log_probabilities = torch.addmm(last.bias, below[-1], last.weight.t()).log_softmax(dim=1)
        error = (log_probabilities.exp() - targets) / len(inputs)
        found: list[Tensor] = []
        for layer, values in zip(reversed(self.layers), reversed(below), strict=True):
            found = [error.t() @ values, error.sum(dim=0), *found]
            error = (error @ layer.weight) * (values > 0) if values is not inputs else error
        return -(log_probabilities * targets).sum() / len(inputs), found


def train_head(
    cell: Cell, make: Callable[[], CellLineModule], data: CellLineDataModule, context: Context
) -> tuple[CellLineModule, Outcome]:
    """Fit a head for the cell's epochs, or as long as its patience lasts, and predict the test part.

    Raises:
        InterruptedCellError: the user asked to stop.
    """
    data.setup()
    pl.seed_everything(cell.seed, verbose=False)
    module = make()
    inputs = (data.images - module.head.mean) / module.head.scale
    step, sampler, train = HeadSteps(module), data.train_sampler(0, 1), torch.from_numpy(data.train_rows())
    chosen, targets = inputs[train], functional.one_hot(data.labels[train], module.num_classes).float()
    history: dict[str, list[float]] = {}
    settings, best = cell.config["train"], _Best(module)
    for epoch in range(settings["epochs"]):
        sampler.set_epoch(epoch)
        losses = [step(*batch) for batch in epoch_batches(sampler, chosen, targets)]
        for name, value in _epoch_values(module, inputs, data, losses).items():
            history.setdefault(name, []).append(value)
        context.report(epoch + 1.0, f"loss {history['train/loss'][-1]:.3f}")
        if context.stop():
            raise InterruptedCellError
        best.see(history["val/auc"][-1])
        if settings.get("patience") and best.waited >= settings["patience"]:
            break
    if settings["select"] == "best":
        best.restore()
    cell.work_dir.mkdir(parents=True, exist_ok=True)
    save_model(module, cell.work_dir / "model.ckpt")
    outcome = predicted_test_part(cell, module, data, history)
    run = len(history["train/loss"])
    trained = {"train/epochs": float(run), "train/capped": float(run == settings["epochs"])}
    return module, replace(outcome, metrics={**outcome.metrics, **(trained if settings.get("patience") else {})})


class _Best:
    """The weights of the epoch with the highest validation AUC, and how many epochs ago that was."""

    def __init__(self, module: CellLineModule) -> None:
        self.module, self.value, self.waited = module, -math.inf, 0
        self.weights: dict[str, Tensor] = {}

    def see(self, value: float) -> None:
        """Keep the weights if this epoch is the best so far."""
        if value > self.value:
            self.value, self.waited = value, 0
            self.weights = {name: tensor.clone() for name, tensor in self.module.state_dict().items()}
        else:
            self.waited += 1

    def restore(self) -> None:
        """Put the best epoch's weights back."""
        self.module.load_state_dict(self.weights)


def epoch_batches(sampler: EpochBatchSampler, inputs: Tensor, targets: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the epoch's batches of inputs (B, F) and targets (B, K), fetched in one go: each is a slice."""
    batches = list(sampler)
    order = torch.tensor([position for batch in batches for position in batch])
    sizes = [len(batch) for batch in batches]
    return zip(torch.split(inputs[order], sizes), torch.split(targets[order], sizes), strict=True)


@torch.no_grad()
def _epoch_values(
    module: CellLineModule, inputs: Tensor, data: CellLineDataModule, losses: list[Tensor]
) -> Mapping[str, float]:
    """Return the epoch's mean training loss, and loss and metrics of the validation part."""
    rows = torch.from_numpy(data.parts.val)
    probabilities = functional.softmax(module.head.layers(inputs[rows]), dim=1)
    labels = data.labels[rows]
    everyone = Weights(np.zeros(len(rows), dtype=np.int64), np.ones((1, 1)))
    return {
        "train/loss": float(torch.stack(losses).mean()),
        "val/loss": float(functional.nll_loss(probabilities.clamp_min(1e-12).log(), labels)),
        **{
            f"val/{name}": float(value_of(statistic, labels.numpy(), probabilities.double().numpy(), everyone)[0])
            for name, statistic in (TWO_CLASSES if module.num_classes == 2 else MORE_CLASSES).items()
        },
    }
