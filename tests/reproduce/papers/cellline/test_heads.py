from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from medrepro.datamodules.cellline import CellLineDataModule, Extractor
from medrepro.lightning_modules.cellline import CellLineModule
from medrepro.reproduce.papers.cellline.heads import HeadSteps, train_head
from medrepro.reproduce.plan.cell import Cell
from medrepro.reproduce.run.callbacks import InterruptedCellError
from medrepro.reproduce.run.outcome import Context
from medrepro.reproduce.run.training import fit
from tests.reproduce.papers.cellline.conftest import Run

FEATURES = 12


def features(images: torch.Tensor) -> torch.Tensor:
    """Twelve numbers of an image: means of a 2 x 2 grid in each channel."""
    return torch.nn.functional.adaptive_avg_pool2d(images, 2).flatten(1)


def data_of(cell: Cell, cache: Path) -> CellLineDataModule:
    data = CellLineDataModule(**cell.config["data"], cache_dir=str(cache))
    data.use_features(Extractor(features, {"name": "grid"}, FEATURES))
    data.setup()
    return data


@pytest.fixture
def cell(run: Run, tmp_path: Path) -> Cell:
    (found,) = [cell for cell in run("--table", "5", execute=False).cells if cell.row == "frozen-nearest"]
    return replace(found, out=str(tmp_path))


def test_the_short_loop_is_the_shared_trainers(cell: Cell, tmp_path: Path) -> None:
    """Same weights, same predictions, same curves as Lightning's trainer: only its bookkeeping is missing."""

    def make() -> CellLineModule:
        module = CellLineModule(8, inputs="features", num_features=FEATURES, hidden=(7,), seed=cell.seed)
        module.head.standardise_by(data.images[torch.from_numpy(data.train_rows())])
        return module

    data = data_of(cell, tmp_path)
    _, ours = train_head(cell, make, data, Context())
    theirs = fit(cell, make, data_of(cell, tmp_path), Context())
    assert theirs is not None
    assert ours.predictions is not None
    assert theirs.predictions is not None
    np.testing.assert_allclose(
        ours.predictions.filter(like="prob_"), theirs.predictions.filter(like="prob_"), atol=1e-5
    )
    for name in ("train/loss", "val/loss", "val/auc", "val/f1"):
        np.testing.assert_allclose(ours.history[name], theirs.history[name], atol=1e-4, err_msg=name)
    assert ours.parameters == theirs.parameters


@pytest.mark.parametrize("hidden", [(), (5,), (6, 4)])
def test_the_gradient_in_closed_form_is_autograds(hidden: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    module = CellLineModule(3, inputs="features", num_features=FEATURES, hidden=hidden)
    inputs, labels = torch.randn(9, FEATURES), torch.arange(9) % 3
    loss = torch.nn.functional.cross_entropy(module.head.layers(inputs), labels)
    expected = torch.autograd.grad(loss, list(module.head.parameters()))
    found, gradients = HeadSteps(module).gradients(inputs, torch.nn.functional.one_hot(labels, 3).float())
    torch.testing.assert_close(found, loss.detach())
    torch.testing.assert_close(tuple(gradients), expected)


def test_it_stops_when_asked_and_writes_no_model(cell: Cell, tmp_path: Path) -> None:
    data = data_of(cell, tmp_path)
    with pytest.raises(InterruptedCellError):
        train_head(
            cell, lambda: CellLineModule(8, inputs="features", num_features=FEATURES), data, Context(stop=lambda: True)
        )
    assert not (cell.work_dir / "model.ckpt").exists()
