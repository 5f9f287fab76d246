"""Dual path: the first channels are summed, the others grow."""

import torch
from torch import nn

from medrepro.lightning_modules.networks.dual_path3d import DualPathBlock3D, DualPathNet3D
from tests.lightning_modules.networks._budget import assert_learns, assert_matched


def test_matched_and_learning() -> None:
    assert_matched(DualPathNet3D(), DualPathNet3D(42))
    assert_learns(DualPathNet3D(8, 4))


def test_residual_channels_are_summed_and_dense_channels_appended() -> None:
    torch.manual_seed(0)
    block = DualPathBlock3D(10, residual=6, dense=3).eval()
    x = torch.randn(2, 10, 4, 4, 4)
    branch, out = block.branch(x), block(x)
    assert out.shape == (2, 13, 4, 4, 4)
    torch.testing.assert_close(out[:, :6], (x[:, :6] + branch[:, :6]).relu())
    torch.testing.assert_close(out[:, 6:10], x[:, 6:].relu())
    torch.testing.assert_close(out[:, 10:], branch[:, 6:].relu())


def test_a_silent_branch_leaves_the_residual_path_and_appends_zeros() -> None:
    block = DualPathBlock3D(8, residual=6, dense=2).eval()
    last = list(block.branch.modules())[-1]
    assert isinstance(last, nn.BatchNorm3d)
    nn.init.zeros_(last.weight)
    x = torch.rand(1, 8, 4, 4, 4)
    torch.testing.assert_close(block(x), torch.cat([x, torch.zeros(1, 2, 4, 4, 4)], dim=1))


def test_channels_grow_by_dense_in_each_block() -> None:
    blocks = [m for m in DualPathNet3D(8, 4, (2, 3, 1)).modules() if isinstance(m, DualPathBlock3D)]
    assert [block.channels_out for block in blocks] == [16, 20, 24, 28, 32, 40]
