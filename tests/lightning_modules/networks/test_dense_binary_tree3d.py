"""Dense binary tree: both children of every map, all leaves after every transition, dense reuse."""

import torch
from torch import nn

from medrepro.lightning_modules.networks.dense_binary_tree3d import DenseBinaryTree3D, DenseBlock3D, TreeTransition3D
from medrepro.lightning_modules.networks.multicrop3d import centre_crop
from tests.lightning_modules.networks._budget import assert_learns, assert_matched


def test_matched_and_learning() -> None:
    assert_matched(DenseBinaryTree3D(), DenseBinaryTree3D(16))
    assert_learns(DenseBinaryTree3D(4, (1, 1, 1)))


def test_two_transitions_hold_the_four_leaves() -> None:
    first, second = TreeTransition3D(2), TreeTransition3D(2)
    mean = nn.Conv3d(2, 1, 1, bias=False)
    nn.init.constant_(mean.weight, 0.5)
    first.compress, second.compress = nn.Sequential(mean), nn.Sequential()
    x = torch.randn(1, 1, 8, 8, 8).expand(1, 2, 8, 8, 8)
    leaves = second(first(x))[0]

    def pooled(maps: torch.Tensor) -> torch.Tensor:
        return nn.functional.avg_pool3d(maps, 2)

    root = x[:, :1]
    expected = [
        pooled(pooled(root)),
        pooled(centre_crop(root, 4)),
        centre_crop(pooled(root), 2),
        centre_crop(centre_crop(root, 4), 2),
    ]
    torch.testing.assert_close(leaves, torch.cat(expected, dim=1)[0])


def test_every_layer_sees_all_maps_before_it() -> None:
    block = DenseBlock3D(3, growth=2, layers=3).eval()
    x = torch.randn(1, 3, 4, 4, 4)
    out = block(x)
    assert out.shape == (1, 9, 4, 4, 4)
    assert torch.equal(out[:, :3], x)
    for position, layer in enumerate(block.layers):
        seen = 3 + 2 * position
        torch.testing.assert_close(out[:, seen : seen + 2], layer(out[:, :seen]))
