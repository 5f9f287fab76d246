"""Train a head on features in memory: the steps of the shared trainer, without what surrounds them.

In: a module of features and its datamodule; out: the same Outcome and the same weights as ``train_cell`` gives (a
test compares them). A step on features takes a fifth of a millisecond, a tenth of a trainer's bookkeeping for one;
a cell lasts a fraction of a second, so there is nothing to resume.
"""

from collections.abc import Callable, Iterator, Mapping

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.nn import functional
from torch.optim.adam import adam
from torchmetrics import MetricCollection

from datamodules.cellline import CellLineDataModule
from datamodules.samplers import EpochBatchSampler
from lightning_modules.base import classification_metrics
from lightning_modules.cellline import CellLineModule
from reproduce._callbacks import InterruptedCellError, Report, Stop
from reproduce._cell import Cell
from reproduce._outcome import Outcome
from reproduce._training import evaluate, save_model


class HeadSteps:
    """The optimiser that a module configures, stepped by torch's functional Adam.

    ``Optimizer.step`` asks at every call which accelerators the machine has, which takes several times as long as the
    step itself does for a head.

    Args:
        module: whose parameters are trained; its optimiser is read, once.
    """

    def __init__(self, module: CellLineModule) -> None:
        (self.group,) = module.configure_optimizers().param_groups
        self.parameters: list[Tensor] = list(self.group["params"])
        self.first, self.second = ([torch.zeros_like(value) for value in self.parameters] for _ in range(2))
        self.taken = [torch.zeros(()) for _ in self.parameters]

    def __call__(self, loss: Tensor) -> None:
        """Take one step down the gradient of ``loss``, a scalar."""
        gradients = list(torch.autograd.grad(loss, self.parameters))
        group = self.group
        with torch.no_grad():
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


def train_head(
    cell: Cell, make: Callable[[], CellLineModule], data: CellLineDataModule, report: Report, stop: Stop
) -> tuple[CellLineModule, Outcome]:
    """Fit a head for the cell's epochs and predict the test part; the last epoch counts.

    Raises:
        InterruptedCellError: the user asked to stop.
    """
    data.setup()
    pl.seed_everything(cell.seed, verbose=False)
    module = make()
    inputs = (data.images - module.head.mean) / module.head.scale
    step, metrics = HeadSteps(module), classification_metrics(module.num_classes)
    sampler, train = data.train_sampler(0, 1), torch.from_numpy(data.train_rows())
    history: dict[str, list[float]] = {}
    for epoch in range(cell.config["train"]["epochs"]):
        sampler.set_epoch(epoch)
        losses = []
        for features, labels in epoch_batches(sampler, inputs[train], data.labels[train]):
            loss = functional.cross_entropy(module.head.layers(features), labels)
            step(loss)
            losses.append(loss.detach())
        for name, value in _epoch_values(module, inputs, data, losses, metrics).items():
            history.setdefault(name, []).append(value)
        report(epoch + 1.0, f"loss {history['train/loss'][-1]:.3f}")
        if stop():
            raise InterruptedCellError
    cell.work_dir.mkdir(parents=True, exist_ok=True)
    save_model(module, cell.work_dir / "model.ckpt")
    return module, evaluate(cell, module, data, history)


def epoch_batches(sampler: EpochBatchSampler, inputs: Tensor, labels: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the epoch's batches of inputs (B, F) and labels (B,), fetched in one go: each is a slice."""
    batches = list(sampler)
    order = torch.tensor([position for batch in batches for position in batch])
    sizes = [len(batch) for batch in batches]
    return zip(torch.split(inputs[order], sizes), torch.split(labels[order], sizes), strict=True)


@torch.no_grad()
def _epoch_values(
    module: CellLineModule, inputs: Tensor, data: CellLineDataModule, losses: list[Tensor], metrics: MetricCollection
) -> Mapping[str, float]:
    """Return the epoch's mean training loss, and loss and metrics of the validation part."""
    rows = torch.from_numpy(data.parts.val)
    probabilities = functional.softmax(module.head.layers(inputs[rows]), dim=1)
    labels = data.labels[rows]
    metrics.reset()
    metrics.update(probabilities[:, 1] if module.num_classes == 2 else probabilities, labels)
    return {
        "train/loss": float(torch.stack(losses).mean()),
        "val/loss": float(functional.nll_loss(probabilities.clamp_min(1e-12).log(), labels)),
        **{f"val/{name}": float(value) for name, value in metrics.compute().items()},
    }
