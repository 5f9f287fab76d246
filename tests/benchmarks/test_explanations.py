"""The comparison of class activation maps: formulas against formulas, and one small run of the whole script."""

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch


@pytest.fixture
def explanations(script: Callable[[str], ModuleType]) -> ModuleType:
    pytest.importorskip("pytorch_grad_cam", reason="pip install 'medrepro[benchmarks]'")
    return script("explanations")


@pytest.mark.parametrize("axes", [2, 3])
def test_grad_cams_agree_before_they_are_enlarged(explanations: ModuleType, axes: int) -> None:
    net = explanations.network(axes)
    maps = explanations.layer_maps(net, torch.rand(2, 1, *[16] * axes))
    for whose in ("MONAI", "pytorch-grad-cam"):
        assert explanations.correlation(maps["Grad-CAM", "ours"], maps["Grad-CAM", whose]) == pytest.approx(1, abs=1e-4)
        assert explanations.correlation(maps["Grad-CAM++", "ours"], maps["Grad-CAM++", whose]) < 1 - 1e-6
    assert explanations.against_loop(axes, 1) < 1e-5


def test_correlation_ignores_scale_and_offset(explanations: ModuleType) -> None:
    first = np.random.default_rng(0).random((3, 4, 4))
    assert explanations.correlation(first, 2 * first + 1) == pytest.approx(1)
    assert explanations.correlation(first, -first) == pytest.approx(-1)


def test_the_script_writes_its_table(
    explanations: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    explanations.main(["--images", "1", "--rounds", "1", "--out", str(tmp_path)])
    content = json.loads((tmp_path / "explanations.json").read_text())
    assert len(content["rows"]) == 2 * 2 * 3
    assert "(sum A) * g^3" in (tmp_path / "explanations.md").read_text() == capsys.readouterr().out
