"""The module base: random draws are a function of the step, metrics equal scikit-learn's, losses are logged once."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from sklearn.metrics import accuracy_score, recall_score, roc_auc_score

from medrepro.lightning_modules.base import classification_metrics, step_seed
from tests._toy import ToyData, ToyModule


def test_step_seeds_never_meet() -> None:
    seeds = {step_seed(seed, step, rank) for seed in range(5) for step in range(200) for rank in range(4)}
    assert len(seeds) == 5 * 200 * 4
    assert step_seed(0, 1_000_002) != step_seed(1, 0)


def test_the_same_step_draws_the_same_whatever_came_before(monkeypatch: pytest.MonkeyPatch) -> None:
    data = ToyData()
    data.setup()
    batch = next(iter(data.train_dataloader()))
    losses: list[tuple[float, dict[str, Any]]] = []
    for history in (0, 100):
        torch.manual_seed(history)
        torch.rand(history)
        module = ToyModule()
        if losses:
            module.load_state_dict(losses[0][1])
        monkeypatch.setattr(type(module), "global_step", property(lambda self: 7))
        monkeypatch.setattr(module, "log", lambda *args, **kwargs: None)
        module.on_train_batch_start(batch, 0)
        losses.append((module.training_step(batch, 0).item(), module.state_dict()))
    assert losses[0][0] == losses[1][0]


def test_validation_metrics_equal_scikit_learn() -> None:
    data, module = ToyData(), ToyModule()
    trainer = pl.Trainer(max_epochs=1, logger=False, enable_checkpointing=False, enable_progress_bar=False,
                         enable_model_summary=False, use_distributed_sampler=False, accelerator="cpu")  # fmt: skip
    trainer.fit(module, data)
    found = trainer.callback_metrics
    module.eval()
    with torch.no_grad():
        scores = module.probabilities(data.images[data.parts.val])[:, 1].numpy()
    labels = data.records.labels[data.parts.val]
    guess = scores >= 0.5
    assert float(found["val/auc"]) == pytest.approx(roc_auc_score(labels, scores), abs=1e-6)
    assert float(found["val/acc"]) == pytest.approx(accuracy_score(labels, guess), abs=1e-6)
    assert float(found["val/se"]) == pytest.approx(recall_score(labels, guess), abs=1e-6)
    assert float(found["val/sp"]) == pytest.approx(recall_score(1 - labels, ~guess), abs=1e-6)
    likelihood = np.where(labels == 1, scores, 1 - scores)
    assert float(found["val/loss"]) == pytest.approx(-np.log(likelihood).mean(), abs=1e-5)
    assert float(found["train/loss"]) > 0


def test_metrics_of_more_classes() -> None:
    metrics = classification_metrics(3)
    labels = torch.tensor([0, 1, 2, 0, 1, 2])
    scores = torch.softmax(torch.randn(6, 3, generator=torch.Generator().manual_seed(0)), dim=1)
    found = metrics(scores, labels)
    assert set(found) == {"auc", "acc", "f1"}
    assert float(found["acc"]) == pytest.approx(accuracy_score(labels, scores.argmax(1)))
    assert float(found["auc"]) == pytest.approx(roc_auc_score(labels, scores, multi_class="ovr"), abs=1e-6)


def test_channels_last_changes_memory_and_not_numbers() -> None:
    module = ToyModule()
    x = torch.rand(3, 1, 8, 8)
    expected = module.eval().probabilities(x)
    module.memory_format = torch.channels_last
    module.setup("fit")
    assert torch.allclose(module.probabilities(x), expected, atol=1e-6)


def test_probabilities_sum_to_one() -> None:
    module = ToyModule().eval()
    assert torch.allclose(module.probabilities(torch.rand(4, 1, 8, 8)).sum(dim=1), torch.ones(4))
    assert SimpleNamespace(**module.hparams).dropout == 0.3
