import pytest
import torch

from medrepro.lightning_modules.cellline import CellLineModule
from medrepro.lightning_modules.networks.transfer import TransferHead, TransferNet

SMALL = "mobilenetv3_small_050"


def test_defaults_are_the_papers() -> None:
    with torch.device("meta"):
        module = CellLineModule()
    assert module.num_classes == 8
    assert len(module.head.layers) == 1
    assert isinstance(module.network.backbone, torch.nn.Module)
    assert not any(parameter.requires_grad for parameter in module.network.backbone.parameters())


def test_head_and_backbone_have_their_own_learning_rates() -> None:
    module = CellLineModule(3, SMALL, freeze="none", lr=1e-2, lr_backbone=1e-5)
    groups = module.configure_optimizers().param_groups
    assert [group["lr"] for group in groups] == [1e-2, 1e-5]
    counts = [sum(parameter.numel() for parameter in group["params"]) for group in groups]
    assert counts[0] == sum(parameter.numel() for parameter in module.head.parameters())
    assert sum(counts) == sum(parameter.numel() for parameter in module.network.parameters())
    frozen = CellLineModule(3, SMALL).configure_optimizers().param_groups
    assert len(frozen) == 1


def test_features_and_images_give_the_same_probabilities() -> None:
    torch.manual_seed(0)
    whole = CellLineModule(3, SMALL, hidden=(16,)).eval()
    assert isinstance(whole.network, TransferNet)
    head = CellLineModule(3, SMALL, hidden=(16,), inputs="features", num_features=whole.network.num_features).eval()
    assert isinstance(head.network, TransferHead)
    head.network.load_state_dict(whole.head.state_dict())
    images = torch.rand(4, 3, 32, 32)
    with torch.no_grad():
        features = whole.network.features(images)
        torch.testing.assert_close(head.probabilities(features), whole.probabilities(images), atol=1e-6, rtol=0)


def test_the_loss_is_cross_entropy_and_falls() -> None:
    torch.manual_seed(0)
    module = CellLineModule(3, inputs="features", num_features=5, lr=0.1)
    features, labels = torch.randn(30, 5), torch.arange(30) % 3
    features[labels == 1, 0] += 3
    features[labels == 2, 1] += 3
    expected = -torch.log_softmax(module.logits(features), 1)[torch.arange(30), labels].mean()
    torch.testing.assert_close(module.batch_loss(features, labels), expected)
    optimiser = module.configure_optimizers()
    for _ in range(60):
        optimiser.zero_grad()
        module.batch_loss(features, labels).backward()
        optimiser.step()
    assert module.batch_loss(features, labels).item() < 0.4 * expected.item()


def test_a_checkpoint_of_plain_values_loads(tmp_path: object) -> None:
    module = CellLineModule(3, inputs="features", num_features=5, hidden=(4,))
    path = f"{tmp_path}/model.ckpt"
    torch.save({"state_dict": module.state_dict(), "hyper_parameters": dict(module.hparams)}, path)
    saved = torch.load(path, weights_only=True)
    again = CellLineModule(**saved["hyper_parameters"])
    again.load_state_dict(saved["state_dict"])
    features = torch.randn(2, 5)
    assert torch.equal(again.logits(features), module.logits(features))


def test_wrong_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"hidden widths >= 1, found 3 and \(0,\)"):
        CellLineModule(3, inputs="features", num_features=5, hidden=(0,))
