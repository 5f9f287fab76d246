"""CRFE against its formula, composed by hand."""

import torch

from medrepro.lightning_modules.networks.crfe import CRFE
from tests.lightning_modules.networks._volumes import doubled, halved, parameters, random_maps


def test_parameters() -> None:
    assert parameters(CRFE(16)) == 13_888


def test_it_is_its_formula() -> None:
    module, x = CRFE(4).eval(), random_maps()
    detour = halved(module.contract(doubled(module.expand(x)).relu())).relu()
    assert torch.equal(module(x), x + detour)
    assert detour.abs().max() > 0
