"""Train a head on features in memory: the steps of the shared trainer, without what surrounds them.

In: a module of features and its datamodule; out: the same Outcome and the same weights as ``train_cell`` gives (a
test compares them). A step on features takes a third of a millisecond, a tenth of a trainer's bookkeeping for one;
a cell lasts a second, so there is nothing to resume.
"""

from collections.abc import Callable, Mapping

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.nn import functional

from datamodules.cellline import CellLineDataModule
from lightning_modules.base import classification_metrics
from lightning_modules.cellline import CellLineModule
from reproduce._callbacks import InterruptedCellError, Report, Stop
from reproduce._cell import Cell
from reproduce._outcome import Outcome
from reproduce._training import evaluate, save_model


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
    optimizer = module.configure_optimizers()
    sampler, train = data.train_sampler(0, 1), torch.from_numpy(data.train_rows())
    history: dict[str, list[float]] = {}
    for epoch in range(cell.config["train"]["epochs"]):
        sampler.set_epoch(epoch)
        losses = []
        for positions in sampler:
            rows = train[positions]
            optimizer.zero_grad()
            loss = functional.cross_entropy(module.head.layers(inputs[rows]), data.labels[rows])
            torch.autograd.backward(loss)
            optimizer.step()
            losses.append(loss.detach())
        for name, value in _epoch_values(module, inputs, data, losses).items():
            history.setdefault(name, []).append(value)
        report(epoch + 1.0, f"loss {history['train/loss'][-1]:.3f}")
        if stop():
            raise InterruptedCellError
    cell.work_dir.mkdir(parents=True, exist_ok=True)
    save_model(module, cell.work_dir / "model.ckpt")
    return module, evaluate(cell, module, data, history)


@torch.no_grad()
def _epoch_values(
    module: CellLineModule, inputs: Tensor, data: CellLineDataModule, losses: list[Tensor]
) -> Mapping[str, float]:
    """Return the epoch's mean training loss, and loss and metrics of the validation part."""
    rows = torch.from_numpy(data.parts.val)
    probabilities = functional.softmax(module.head.layers(inputs[rows]), dim=1)
    labels = data.labels[rows]
    scores = probabilities[:, 1] if module.num_classes == 2 else probabilities
    metrics = classification_metrics(module.num_classes)(scores, labels)
    return {
        "train/loss": float(torch.stack(losses).mean()),
        "val/loss": float(functional.nll_loss(probabilities.clamp_min(1e-12).log(), labels)),
        **{f"val/{name}": float(value) for name, value in metrics.items()},
    }
