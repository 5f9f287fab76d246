import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from medrepro.lightning_modules.networks.transfer import TransferHead, TransferNet, backbone_units, centre_channels

SMALL = "mobilenetv3_small_050"


@pytest.fixture(scope="module")
def network() -> TransferNet:
    torch.manual_seed(0)
    return TransferNet(SMALL, num_classes=3)


@settings(max_examples=20, deadline=None)
@given(shift=st.floats(-0.5, 0.5), seed=st.integers(0, 99))
def test_normalisation_removes_what_is_constant_in_a_channel(shift: float, seed: int) -> None:
    images = torch.rand(2, 3, 5, 7, generator=torch.Generator().manual_seed(seed))
    moved = images + shift * torch.tensor([1.0, -1.0, 0.5])[:, None, None]
    torch.testing.assert_close(centre_channels(moved), centre_channels(images), atol=1e-6, rtol=0)
    torch.testing.assert_close(centre_channels(images).mean((2, 3)), torch.zeros(2, 3), atol=1e-6, rtol=0)


def test_features_then_head_are_the_whole_network(network: TransferNet) -> None:
    images = torch.rand(4, 3, 64, 64)
    network.eval()
    with torch.no_grad():
        torch.testing.assert_close(network.head(network.features(images)), network(images), atol=0, rtol=0)
    assert network(images).shape == (4, 3)


def test_a_frozen_backbone_changes_nothing_but_the_head(network: TransferNet) -> None:
    before = {name: value.clone() for name, value in network.state_dict().items()}
    network.train()
    optimiser = torch.optim.SGD([p for p in network.parameters() if p.requires_grad], lr=1.0)
    torch.nn.functional.cross_entropy(network(torch.rand(4, 3, 64, 64)), torch.tensor([0, 1, 2, 0])).backward()
    optimiser.step()
    changed = {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == {"head.layers.0.weight", "head.layers.0.bias"}


def test_freezing_a_number_of_units_freezes_the_first_ones() -> None:
    whole = TransferNet(SMALL, 3, freeze="none")
    units = len(backbone_units(whole.backbone))
    counts = [
        sum(p.numel() for p in TransferNet(SMALL, 3, freeze=number).parameters() if p.requires_grad)
        for number in (0, 1, 3, units)
    ]
    head = sum(p.numel() for p in whole.head.parameters())
    assert counts[0] == sum(p.numel() for p in whole.parameters() if p.requires_grad)
    assert counts == sorted(counts, reverse=True)
    assert len(set(counts)) == 4
    assert counts[-1] == head
    partly = TransferNet(SMALL, 3, freeze=2).train()
    modes = [unit.training for unit in backbone_units(partly.backbone)]
    assert modes == [False, False] + [True] * (units - 2)


def test_hidden_layers_have_the_widths_asked_for() -> None:
    network = TransferNet(SMALL, 5, hidden=(32, 16))
    shapes = [tuple(p.shape) for p in network.head.parameters() if p.ndim == 2]
    assert shapes == [(32, network.num_features), (16, 32), (5, 16)]


def test_standardising_makes_training_features_unit_scale(network: TransferNet) -> None:
    features = torch.randn(50, network.num_features) * 1e-3 + 4
    head = TransferHead(network.num_features, 3)
    head.standardise_by(features)
    seen: list[torch.Tensor] = []
    head.layers.register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0]))
    head(features)
    torch.testing.assert_close(seen[0].mean(0), torch.zeros(network.num_features), atol=1e-2, rtol=0)
    torch.testing.assert_close(seen[0].std(0), torch.ones(network.num_features), atol=1e-2, rtol=0)


@pytest.mark.parametrize("freeze", ["all", -1, 99, True])
def test_an_unknown_freeze_is_refused(freeze: object) -> None:
    with pytest.raises(ValueError, match=r"freeze is 'backbone', 'none' or 0\.\.\d+ units"):
        TransferNet(SMALL, 3, freeze=freeze)  # type: ignore[arg-type] # the point of the test


def test_sizes_below_one_are_refused() -> None:
    with pytest.raises(ValueError, match="num_classes >= 2 and hidden widths >= 1"):
        TransferNet(SMALL, 1)
    with pytest.raises(ValueError, match="num_classes >= 2 and hidden widths >= 1"):
        TransferNet(SMALL, 3, hidden=(0,))


def test_a_batch_of_random_images_on_the_papers_backbones_gives_their_widths() -> None:
    with torch.device("meta"):
        wide = TransferNet("inception_resnet_v2", 8)
    assert wide.num_features == 1536
    assert sum(p.numel() for p in wide.backbone.parameters()) > 50e6  # "over 50 million", page 8
    assert 3e6 < sum(p.numel() for p in TransferNet("mobilenetv1_100", 8).parameters()) < 4.5e6  # "around 4 million"
