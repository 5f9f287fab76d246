"""The three channels: each against its formula, all of one shape."""

import pytest
import torch

from medrepro.lightning_modules.networks.channels import (
    ChannelName,
    GeneralChannel,
    OverCompleteChannel,
    UnderCompleteChannel,
    channel,
)
from medrepro.lightning_modules.networks.crfe import CRFE
from tests.lightning_modules.networks._volumes import doubled, halved, parameters, random_maps


def test_the_under_complete_channel_mirrors_crfe() -> None:
    module, x = UnderCompleteChannel(4).eval(), random_maps()
    detour = doubled(module.expand(halved(module.contract(x)).relu())).relu()
    torch.testing.assert_close(module(x), x + detour)
    assert parameters(module) == parameters(CRFE(4))


def test_the_general_channel_keeps_the_grid() -> None:
    module, x = GeneralChannel(4).eval(), random_maps()
    torch.testing.assert_close(module(x), x + module.branch(x).relu())


@pytest.mark.parametrize(
    ("name", "kind"), [("oa", OverCompleteChannel), ("dt", UnderCompleteChannel), ("general", GeneralChannel)]
)
def test_channels_are_called_by_name(name: ChannelName, kind: type) -> None:
    module = channel(name, 4)
    assert type(module) is kind
    assert module(random_maps()).shape == (2, 4, 8, 8, 8)


def test_an_odd_grid_survives_the_under_complete_channel() -> None:
    assert UnderCompleteChannel(4)(random_maps(4, 9)).shape == (2, 4, 9, 9, 9)


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(ValueError, match="'macro' is unknown; allowed are oa, dt, general"):
        channel("macro", 4)  # type: ignore[arg-type]  # the error under test
