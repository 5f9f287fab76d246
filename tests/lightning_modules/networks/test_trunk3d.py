"""The residual trunk: which maps it returns, and the image added at its end."""

import pytest
import torch
from torch.nn import functional

from medrepro.lightning_modules.networks.trunk3d import ResidualTrunk, resolution_widths
from tests.lightning_modules.networks._volumes import random_maps


def test_the_pooled_image_is_added_at_the_end_only() -> None:
    trunk, x = ResidualTrunk(4, (5, 6), (2, 1)).eval(), random_maps()
    image = torch.rand(2, 1, 8, 8, 8)
    added = functional.conv3d(functional.avg_pool3d(image, 2), trunk.compensate.weight)
    with_image, without = trunk(x, image), trunk(x, torch.zeros_like(image))
    torch.testing.assert_close(with_image[-1] - without[-1], added, atol=1e-5, rtol=1e-4)
    assert torch.equal(with_image[0], without[0])


@pytest.mark.parametrize(
    ("blocks", "strides", "widths"),
    [((5, 6), (2, 1), (4, 6)), ((5, 6), (2, 2), (4, 5, 6)), ((5, 6, 7), (1, 2, 1), (5, 7))],
)
def test_one_map_a_resolution(blocks: tuple[int, ...], strides: tuple[int, ...], widths: tuple[int, ...]) -> None:
    maps = ResidualTrunk(4, blocks, strides)(random_maps(), torch.rand(2, 1, 8, 8, 8))
    assert tuple(m.shape[1] for m in maps) == widths == resolution_widths(4, blocks, strides)
    assert [m.shape[-1] for m in maps] == [8 // 2**i for i in range(len(widths))]


def test_a_stride_a_block_is_wanted() -> None:
    with pytest.raises(ValueError, match="4 widths and 3 strides"):
        ResidualTrunk(4, strides=(2, 2, 1))
