"""Random augmentation of a whole batch at once, on the device the batch is on.

In: images, their sample ids and a seed; out: images of the same shape. Each sample's draw is a pure function of
(seed, sample id), so it does not depend on the batch, the rank or the machine that the sample falls to; the caller
folds the training step into the seed. Per-sample transforms on the CPU would halve the speed of training.
"""

import itertools
import math

import torch
from torch import Tensor, nn
from torch.nn import functional

_MULTIPLIERS = (-7046029254386353131, -4658895280553007687, -7723592293110705685)  # splitmix64's, as signed integers
_MANTISSA = 24


def _scramble(value: Tensor) -> Tensor:
    """Mix 64-bit integers (splitmix64's finaliser); the shifts are logical, which torch's are not."""
    for shift, multiplier in zip((30, 27), _MULTIPLIERS[1:], strict=True):
        value = (value ^ ((value >> shift) & ((1 << (64 - shift)) - 1))) * multiplier
    return value ^ ((value >> 31) & ((1 << 33) - 1))


def sample_uniform(sample_ids: Tensor, draws: int, seed: int) -> Tensor:
    """Return ``(N, draws)`` float32 uniforms in [0, 1), a pure function of each sample's id and ``seed``.

    Args:
        sample_ids: ``(N,)`` int64.
        draws: how many numbers each sample needs.
        seed: any integer; fold the training step into it.
    """
    counter = torch.arange(1, draws + 1, device=sample_ids.device)
    base = torch.as_tensor(seed, dtype=torch.int64, device=sample_ids.device) * _MULTIPLIERS[0]
    state = _scramble(_scramble(sample_ids.to(torch.int64) + base)[:, None] + counter * _MULTIPLIERS[0])
    return ((state >> (64 - _MANTISSA)) & ((1 << _MANTISSA) - 1)).float() / (1 << _MANTISSA)


class BatchAugment(nn.Module):
    """Flips, quarter turns, free rotation and shifts of a batch of 2-D images or 3-D volumes.

    Args:
        spatial_dims: 2 or 3.
        flips: spatial axes (0 = first) that may be mirrored, each with probability 1/2.
        quarter_turns: turn by 0, 90, 180 or 270 degrees in every plane of two equally long axes.
        rotation: largest free rotation in degrees, uniform in both directions, in the last two axes.
        shift: largest shift in pixels along each axis, uniform in both directions.

    Raises:
        ValueError: ``spatial_dims`` is not 2 or 3, an axis does not exist, or a size is negative.
    """

    def __init__(
        self,
        spatial_dims: int = 2,
        flips: tuple[int, ...] = (0, 1),
        quarter_turns: bool = False,
        rotation: float = 0.0,
        shift: float = 0.0,
    ) -> None:
        super().__init__()
        if spatial_dims not in (2, 3) or any(not 0 <= axis < spatial_dims for axis in flips):
            raise ValueError(f"spatial_dims {spatial_dims} with flips {flips}; allowed: 2 or 3, axes below that")
        if rotation < 0 or shift < 0:
            raise ValueError(f"rotation {rotation} and shift {shift} must not be negative")
        self.spatial_dims = spatial_dims
        self.flips = flips
        self.quarter_turns = quarter_turns
        self.rotation = rotation
        self.shift = shift

    def forward(self, images: Tensor, sample_ids: Tensor, seed: int) -> Tensor:
        """Augment ``images`` of shape (N, C, *spatial) by draws for ``sample_ids`` (N,); same shape and type out."""
        draws = sample_uniform(sample_ids, 12, seed)
        for axis in self.flips:
            images = torch.where(_column(draws[:, axis] < 0.5, images), images.flip(axis + 2), images)
        if self.quarter_turns:
            planes = [
                pair
                for pair in itertools.combinations(range(2, self.spatial_dims + 2), 2)
                if images.shape[pair[0]] == images.shape[pair[1]]
            ]
            for column, plane in enumerate(planes, start=3):
                images = _turn(images, (4 * draws[:, column]).long(), plane)
        if self.rotation > 0 or self.shift > 0:
            images = self._resample(images, 2 * draws[:, 6:] - 1)
        return images

    def _resample(self, images: Tensor, draws: Tensor) -> Tensor:
        """Rotate in the last two axes and shift along all, by one interpolation; draws (N, >= 4) in [-1, 1)."""
        dims, size = self.spatial_dims, images.shape[2:]
        angle = draws[:, 0] * math.radians(self.rotation)
        theta = torch.eye(dims, dims + 1, device=images.device).repeat(len(images), 1, 1)
        aspect = size[-1] / size[-2]
        theta[:, 0, 0], theta[:, 0, 1] = angle.cos(), -angle.sin() / aspect
        theta[:, 1, 0], theta[:, 1, 1] = angle.sin() * aspect, angle.cos()
        extent = torch.tensor(size[::-1], device=images.device)
        theta[:, :, -1] = 2 * self.shift * draws[:, 1 : dims + 1] / extent
        grid = functional.affine_grid(theta, list(images.shape), align_corners=False)
        return functional.grid_sample(images, grid.to(images.dtype), padding_mode="border", align_corners=False)


def _column(mask: Tensor, images: Tensor) -> Tensor:
    """Shape a mask (N,) so that it broadcasts over images (N, C, *spatial)."""
    return mask.view(-1, *[1] * (images.ndim - 1))


def _turn(images: Tensor, quarters: Tensor, plane: tuple[int, int]) -> Tensor:
    """Turn each image by its own number of quarters (N,) in ``plane``: two conditional turns make all four."""
    images = torch.where(_column(quarters % 2 == 1, images), images.rot90(1, plane), images)
    return torch.where(_column(quarters >= 2, images), images.flip(plane), images)
