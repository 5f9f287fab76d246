"""Autoencoder: reconstruction learns without labels and shares the classifier's encoder."""

import torch

from medrepro.lightning_modules.networks.autoencoder3d import Autoencoder3D
from tests.lightning_modules.networks._budget import assert_matched


def test_matched_budget() -> None:
    assert_matched(Autoencoder3D(), Autoencoder3D(28))


def test_pre_training_reduces_the_error_and_moves_the_encoder_only_it_shares() -> None:
    torch.manual_seed(0)
    network, coarse = Autoencoder3D(4), torch.rand(4, 1, 2, 2, 2).round()
    x = coarse.repeat_interleave(4, 2).repeat_interleave(4, 3).repeat_interleave(4, 4)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    head, losses = network.classifier.weight.clone(), []
    encoder = next(network.encoder.parameters()).clone()
    for _ in range(40):
        loss = network.reconstruction_loss(x)
        losses.append(float(loss.detach()))
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
    assert losses[-1] < 0.8 * losses[0]
    assert torch.equal(network.classifier.weight, head)
    assert not torch.equal(next(network.encoder.parameters()), encoder)


def test_classifier_uses_the_encoder_and_not_the_decoder() -> None:
    network = Autoencoder3D(4)
    logits = network(torch.rand(2, 1, 16, 16, 16))
    assert logits.shape == (2, 2)
    logits.square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.encoder.parameters())
    assert all(p.grad is None for p in network.decoder.parameters())


def test_reconstruction_has_the_input_s_shape_and_range() -> None:
    out = Autoencoder3D(4).reconstruct(torch.rand(2, 1, 16, 24, 8))
    assert out.shape == (2, 1, 16, 24, 8)
    assert out.min() >= 0
    assert out.max() <= 1
