"""Three planes: exactly the three central slices count."""

import pytest
import torch

from medrepro.lightning_modules.networks.three_plane import ThreePlaneResNet, orthogonal_planes
from tests.lightning_modules.networks._budget import assert_learns, assert_matched


def test_matched_and_learning() -> None:
    assert_matched(ThreePlaneResNet(), ThreePlaneResNet(15))
    assert_learns(ThreePlaneResNet(8))


def test_planes_are_axial_coronal_sagittal() -> None:
    z, y, x = torch.meshgrid(*[torch.arange(8.0)] * 3, indexing="ij")
    cube = (100 * z + 10 * y + x)[None, None]
    planes = orthogonal_planes(cube)[0]
    rows, columns = torch.meshgrid(*[torch.arange(8.0)] * 2, indexing="ij")
    assert torch.equal(planes[0], 400 + 10 * rows + columns)
    assert torch.equal(planes[1], 100 * rows + 40 + columns)
    assert torch.equal(planes[2], 100 * rows + 10 * columns + 4)


def test_only_the_central_planes_count() -> None:
    torch.manual_seed(0)
    network, cube = ThreePlaneResNet(4).eval(), torch.rand(1, 1, 32, 32, 32)
    before = network(cube)
    off = cube.clone()
    off[0, 0, :16, :16, :16] += 5  # touches no central plane
    assert torch.equal(network(off), before)
    for axis in range(3):
        on = cube.clone()
        on[0, 0].select(axis, 16)[:16, :16] += 5
        assert not torch.equal(network(on), before)


def test_errors() -> None:
    with pytest.raises(ValueError, match="cubes"):
        orthogonal_planes(torch.zeros(1, 1, 8, 8, 6))
