from collections.abc import Callable
from types import ModuleType

import pytest

from medrepro.reproduce.papers.cellline.protocol import STRATEGIES


@pytest.fixture
def features(script: Callable[[str], ModuleType]) -> ModuleType:
    return script("features")


def test_the_extrapolation_counts_every_fold_strategy_and_epoch(features: ModuleType) -> None:
    """Nine strategies, six of them augmented; the first fold computes features, the nine others train heads."""
    seconds = {
        "cached, nine strategies, first fold": 20.0,
        "cached, nine strategies, later fold": 2.0,
        "through, augmentation none": 10.0,
        "through, augmentation nearest": 25.0,
    }
    through, cached = features.extrapolate(seconds)
    assert through == pytest.approx(10 * (3 * 10.0 + 6 * 25.0))
    assert cached == pytest.approx(20.0 + 9 * 2.0)


def test_what_is_timed_is_the_quick_preset(features: ModuleType) -> None:
    cells = [features.planned(strategy, 0, "out") for strategy in STRATEGIES]
    assert {cell.preset for cell in cells} == {"quick"}
    assert {cell.config["train"]["epochs"] for cell in cells} == {10}
    assert [cell.config["data"]["grey"] for cell in cells] == [strategy.grey for strategy in STRATEGIES]
    assert {cell.config["module"]["weights"] for cell in cells} == {"none"}
