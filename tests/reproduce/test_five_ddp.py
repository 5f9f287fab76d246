"""Every paper trains on two processes what it trains on one: losses, weights, validation; BatchNorm frozen."""

from pathlib import Path

import numpy as np
import pytest

from medrepro.reproduce.papers import KEYS
from tests._gloo import Run
from tests.reproduce._five import BATCH, PAPERS, fit


@pytest.mark.parametrize("key", KEYS)
def test_two_processes_train_what_one_trains(key: str, gloo: Run, tmp_path: Path) -> None:
    assert len(KEYS) == len(PAPERS) == 5
    alone = fit(key, 1, str(tmp_path / "one"))
    first, second = gloo(2, fit, key, 2, str(tmp_path / "two"))

    shared = [sorted(a + b) for a, b in zip(first.batches, second.batches, strict=True)]
    assert shared == [sorted(batch) for batch in alone.batches]  # the global batches are the same
    assert len(alone.batches) >= 5
    assert len(alone.batches[0]) == BATCH
    assert {len(first.batches[0]), len(second.batches[0])} == {BATCH // 2, BATCH - BATCH // 2}

    both = [(a + b) / 2 for a, b in zip(first.losses, second.losses, strict=True)]
    assert both[:5] == pytest.approx(alone.losses[:5], abs=1e-5)
    for name, value in alone.weights.items():
        np.testing.assert_allclose(first.weights[name], value, rtol=0, atol=1e-5, err_msg=name)
        np.testing.assert_array_equal(first.weights[name], second.weights[name], err_msg=name)

    assert sorted(first.validated + second.validated) == sorted(alone.held_out)  # un-padded: each sample once
    assert {"val/loss", "val/auc", "val/acc"} <= set(alone.metrics)
    for name, number in alone.metrics.items():
        assert first.metrics[name] == second.metrics[name] == pytest.approx(number, abs=1e-5), name
    assert alone.losses[-1] != alone.losses[0]


def test_the_comparison_sees_a_wrong_gradient(gloo: Run, tmp_path: Path) -> None:
    """The same fit with each rank's loss left unscaled is told apart: the test above can fail."""
    alone = fit("multiscale", 1, str(tmp_path / "one"))
    first, _ = gloo(2, fit_unscaled, "multiscale", str(tmp_path / "two"))
    worst = max(float(np.abs(first.weights[name] - value).max()) for name, value in alone.weights.items())
    assert worst > 1e-4


def fit_unscaled(key: str, folder: str) -> object:
    """Fit with losses that forget the other ranks."""
    from medrepro.lightning_modules.losses import distributed

    kept = distributed.world_size
    distributed.world_size = lambda: 1
    try:
        return fit(key, 2, folder)
    finally:
        distributed.world_size = kept
