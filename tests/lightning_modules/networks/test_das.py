"""The dual-branch network: two views, one weight to share."""

import torch

from medrepro.lightning_modules.networks.das import DualBranchBlock, DualBranchNet
from tests.lightning_modules.networks._volumes import random_maps, unused_weights


def test_a_block_weighs_the_near_and_the_far_view() -> None:
    block, x = DualBranchBlock(4, 6).eval(), random_maps()
    near, far = block.near(x), block.far(x)
    weights = block.attention.weights([near, far])[..., None, None, None]
    torch.testing.assert_close(block(x), (near * (1 + weights[:, 0]) + far * (1 + weights[:, 1])).relu())


def test_the_far_view_reaches_two_voxels() -> None:
    block = DualBranchBlock(1, 1).eval()
    x = torch.zeros(1, 1, 9, 9, 9)
    x[0, 0, 4, 4, 4] = 1
    reach = [
        (part(x) - part(torch.zeros_like(x))).nonzero()[:, 2:].sub(4).abs().max() for part in (block.near, block.far)
    ]
    assert [int(r) for r in reach] == [1, 2]


def test_classifies_through_all_weights() -> None:
    network = DualBranchNet((4, 4, 8, 8))
    logits = network(torch.rand(2, 1, 16, 16, 16))
    assert logits.shape == (2, 1)
    assert unused_weights(network, logits) == []
