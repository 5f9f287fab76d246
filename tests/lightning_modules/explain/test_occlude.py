"""Occlusion against a plain loop over the patches."""

import torch
from torch import nn

from medrepro.lightning_modules.explain.occlude import occlusion


def test_equals_a_loop_over_patches_without_overlap() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv3d(1, 3, 3), nn.Tanh(), nn.Flatten(), nn.Linear(3 * 6 * 6 * 2, 3)).eval()
    x = torch.randn(2, 1, 8, 8, 4)
    targets = torch.tensor([2, 0])
    expected = torch.zeros(2, 8, 8, 4)
    for n, target in enumerate(targets.tolist()):
        whole = network(x[n : n + 1]).softmax(dim=1)[0, target]
        for z in (0, 4):
            for y in (0, 4):
                patch = (slice(z, z + 4), slice(y, y + 4), slice(0, 4))
                hidden = x[n : n + 1].clone()
                hidden[0, 0][patch] = x[n].mean()
                expected[n][patch] = (whole - network(hidden).softmax(dim=1)[0, target]).clamp_min(0).detach()
        expected[n] /= expected[n].max()
    torch.testing.assert_close(occlusion(network, x, targets, mask_size=4, overlap=0.0), expected, atol=1e-5, rtol=1e-4)


def test_finds_the_only_part_that_counts() -> None:
    class Corner(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            bright = x[:, 0, :4, :4].mean(dim=(1, 2))
            return torch.stack([-bright, bright], dim=1)

    x = torch.zeros(1, 1, 8, 8)
    x[:, :, :4, :4] = 1
    heat = occlusion(Corner(), x, 1, mask_size=4, overlap=0.0)
    assert heat[0, :4, :4].min() == 1
    assert heat[0, 4:].max() == heat[0, :, 4:].max() == 0
