"""Multi-crop pooling against its definition, voxel by voxel."""

import pytest
import torch

from medrepro.lightning_modules.networks.multicrop3d import MultiCropNet3D, MultiCropPool3D, centre_crop
from tests.lightning_modules.networks._budget import assert_learns, assert_matched


def test_matched_and_learning() -> None:
    assert_matched(MultiCropNet3D(), MultiCropNet3D(25))
    assert_learns(MultiCropNet3D(4))


def test_three_zooms_of_one_size() -> None:
    x = torch.randn(2, 3, 8, 8, 8)
    out = MultiCropPool3D()(x)
    assert out.shape == (2, 9, 2, 2, 2)
    for i in range(2):
        for j in range(2):
            for k in range(2):
                whole = x[:, :, 4 * i : 4 * i + 4, 4 * j : 4 * j + 4, 4 * k : 4 * k + 4].amax(dim=(2, 3, 4))
                half = x[:, :, 2 + 2 * i : 4 + 2 * i, 2 + 2 * j : 4 + 2 * j, 2 + 2 * k : 4 + 2 * k].amax(dim=(2, 3, 4))
                quarter = x[:, :, 3 + i, 3 + j, 3 + k]
                torch.testing.assert_close(out[..., i, j, k], torch.cat([whole, half, quarter], dim=1))


def test_crop_is_central_and_refuses_to_grow() -> None:
    x = torch.arange(6.0).expand(1, 1, 6, 6, 6)
    assert centre_crop(x, 2)[0, 0, 0, 0].tolist() == [2, 3]
    with pytest.raises(ValueError, match="cannot crop 8"):
        centre_crop(x, 8)
