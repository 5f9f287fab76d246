"""RAM, the residual attention module: which channel matters for this nodule?

In: one map (N, c, D, H, W) a channel; out: the same maps, each weighted and added to itself.
Sec. 3.2.2 of seed 001.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional


class RAM(nn.Module):
    """``f + a f``, with weights ``a`` from the global averages of all branches.

    GAP of the branches -> FC(branches c / 4, at least 8) -> ReLU -> FC(branches c) -> softmax over the
    branches, so these share a weight of one at each of the c features.

    Args:
        channels: width c of each branch.
        branches: number of branches.
    """

    def __init__(self, channels: int, branches: int = 3) -> None:
        super().__init__()
        self.channels, self.branches = channels, branches
        hidden = max(8, branches * channels // 4)  # assumed: a reduction of 4, which keeps 8 units
        self.squeeze = nn.Linear(branches * channels, hidden)
        self.excite = nn.Linear(hidden, branches * channels)

    def weights(self, maps: list[Tensor]) -> Tensor:
        """Weights (N, branches, c) in (0, 1) from maps (N, c, D, H, W); they sum to one over the branches."""
        averages = torch.cat([x.mean(dim=(2, 3, 4)) for x in maps], dim=1)
        scores: Tensor = self.excite(functional.relu(self.squeeze(averages)))
        return scores.view(-1, self.branches, self.channels).softmax(dim=1)

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """Map ``branches`` maps (N, c, D, H, W) to as many of the same shape.

        Raises:
            ValueError: the number of maps is not ``branches``.
        """
        if len(maps) != self.branches:
            raise ValueError(f"{len(maps)} feature maps given; this module takes {self.branches}")
        weights = self.weights(maps)[:, :, :, None, None, None]
        return [x + weights[:, i] * x for i, x in enumerate(maps)]
