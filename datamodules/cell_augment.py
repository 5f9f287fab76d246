"""Augmentation of whole image sets for frozen features: a draw is made once, then its features are cached.

In: 8-bit images, a seed and the number of the draw; out: images of the same shape. The paper compares two
fills of a random width shift; flips, zoom and rotation, which its introduction names, are here and off.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from datamodules.errors import InputError

Fill = Literal["nearest", "constant"]
CHUNK = 256


@dataclass(frozen=True)
class CellAugment:
    """Random width shift, and on request flips, zoom and rotation, of square images.

    Attributes:
        fill: what comes in from the side: the ``nearest`` pixel, or ``constant`` black.
        shift: largest shift, as a share of the width, uniform in both directions; the paper prints none.
        flips: mirror each axis with probability 1/2.
        zoom: largest relative change of size, uniform in both directions.
        rotation_degrees: largest rotation, uniform in both directions.
    """

    fill: Fill = "nearest"  # the better of the paper's two, "Pilot classification"
    shift: float = 0.2  # assumed
    flips: bool = False
    zoom: float = 0.0
    rotation_degrees: float = 0.0

    def __post_init__(self) -> None:
        if self.fill not in ("nearest", "constant") or not 0 <= self.shift < 1 or not 0 <= self.zoom < 1:
            raise InputError(
                f"augmentation: fill {self.fill!r}, shift {self.shift}, zoom {self.zoom}; "
                "allowed: nearest or constant, and shares in [0, 1)"
            )

    def __call__(self, images: npt.NDArray[np.uint8], seed: int, draw: int) -> npt.NDArray[np.uint8]:
        """Return draw number ``draw`` of ``(N, C, S, S)`` images: a function of (seed, draw, position)."""
        theta = self._affine(len(images), np.random.default_rng([seed, draw]))
        parts = [
            self._resample(torch.from_numpy(images[start : start + CHUNK]), theta[start : start + CHUNK])
            for start in range(0, len(images), CHUNK)
        ]
        return torch.cat(parts).numpy()

    def _affine(self, count: int, rng: np.random.Generator) -> Tensor:
        """Draw ``(count, 2, 3)`` maps from output to input coordinates in [-1, 1]."""
        draws = torch.from_numpy(rng.uniform(-1, 1, size=(count, 5))).float()
        angle = draws[:, 0] * float(np.deg2rad(self.rotation_degrees))
        size = 1 + self.zoom * draws[:, 1]
        mirror = torch.where(draws[:, 2:4] < 0, -1.0, 1.0) if self.flips else torch.ones(count, 2)
        theta = torch.zeros(count, 2, 3)
        theta[:, 0, 0], theta[:, 0, 1] = mirror[:, 0] * size * angle.cos(), -mirror[:, 0] * size * angle.sin()
        theta[:, 1, 0], theta[:, 1, 1] = mirror[:, 1] * size * angle.sin(), mirror[:, 1] * size * angle.cos()
        theta[:, 0, 2] = 2 * self.shift * draws[:, 4]
        return theta

    def _resample(self, images: Tensor, theta: Tensor) -> Tensor:
        """Resample 8-bit images (N, C, S, S) at the places ``theta`` maps to."""
        grid = functional.affine_grid(theta, list(images.shape), align_corners=False)
        padding = "border" if self.fill == "nearest" else "zeros"
        moved = functional.grid_sample(images.float(), grid, padding_mode=padding, align_corners=False)
        return moved.round().clamp(0, 255).to(torch.uint8)
