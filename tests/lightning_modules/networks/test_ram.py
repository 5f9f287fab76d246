"""RAM: weights that share one, applied by plain loops."""

import pytest
import torch

from medrepro.lightning_modules.networks.ram import RAM
from tests.lightning_modules.networks._volumes import parameters, random_maps


def test_weights_share_one_over_the_branches_and_scale_each_feature() -> None:
    module, x = RAM(4), random_maps()
    branches = [x, 2 * x, -x]
    weights, out = module.weights(branches), module(branches)
    assert weights.shape == (2, 3, 4)
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(2, 4))
    for n in range(2):
        for i in range(3):
            for c in range(4):
                torch.testing.assert_close(out[i][n, c], branches[i][n, c] * (1 + weights[n, i, c]))


def test_a_change_in_one_branch_moves_the_weights_of_another() -> None:
    module, x = RAM(4), random_maps()
    before, after = module.weights([x, x, x]), module.weights([x, x, x + 5])
    assert not torch.allclose(before[:, 0], after[:, 0])


def test_samples_do_not_mix() -> None:
    module, x = RAM(4), random_maps()
    alone = module.weights([x[:1], x[:1], x[:1]])
    torch.testing.assert_close(alone, module.weights([x, x, x])[:1])


@pytest.mark.parametrize(("width", "hidden"), [(4, 8), (8, 8), (16, 12)])
def test_the_hidden_layer_has_a_quarter_but_at_least_eight_units(width: int, hidden: int) -> None:
    assert parameters(RAM(width)) == 3 * width * hidden + hidden + hidden * 3 * width + 3 * width


def test_another_number_of_maps_is_refused() -> None:
    with pytest.raises(ValueError, match="2 feature maps given; this module takes 3"):
        RAM(4)([random_maps(), random_maps()])
