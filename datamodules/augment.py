"""Augment a whole batch at once: CT on the device that it is on, microscopy before its features are computed.

Per-sample transforms on the CPU would halve the speed of training.
"""

import itertools
import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from medrepro.datamodules.support.errors import InputError

Fill = Literal["nearest", "constant"]
PADDING = {"nearest": "border", "constant": "zeros"}
CHUNK = 256  # microscopy images resampled at once
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
    """Flip, turn by quarters, rotate freely and shift a batch of 2-D images or 3-D volumes.

    Each sample's draw is a pure function of (seed, sample id), so it depends neither on the batch nor on the rank or
    machine; the caller folds the training step into the seed.

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
        """Return augmented ``images`` (N, C, *spatial), of the same type, by draws for ``sample_ids`` (N,)."""
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
        return _moved(images, theta, "nearest")


def _moved(images: Tensor, theta: Tensor, fill: Fill) -> Tensor:
    """Interpolate images (N, C, *spatial) at the places that ``theta`` maps the output grid to."""
    grid = functional.affine_grid(theta, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid.to(images.dtype), padding_mode=PADDING[fill], align_corners=False)


def _column(mask: Tensor, images: Tensor) -> Tensor:
    """Shape a mask (N,) so that it broadcasts over images (N, C, *spatial)."""
    return mask.view(-1, *[1] * (images.ndim - 1))


def _turn(images: Tensor, quarters: Tensor, plane: tuple[int, int]) -> Tensor:
    """Turn each image by its own number of quarters (N,) in ``plane``: two conditional turns make all four."""
    images = torch.where(_column(quarters % 2 == 1, images), images.rot90(1, plane), images)
    return torch.where(_column(quarters >= 2, images), images.flip(plane), images)


@dataclass(frozen=True)
class CellAugment:
    """Shift square 8-bit images along their width, and on request flip, zoom and rotate them.

    Attributes:
        fill: of what was outside the image: the ``nearest`` pixel, or ``constant`` black.
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
        if self.fill not in PADDING or not 0 <= self.shift < 1 or not 0 <= self.zoom < 1:
            raise InputError(
                f"augmentation: fill {self.fill!r}, shift {self.shift}, zoom {self.zoom}; "
                "allowed: nearest or constant, and shares in [0, 1)"
            )

    def __call__(self, images: npt.NDArray[np.uint8], seed: int, draw: int) -> npt.NDArray[np.uint8]:
        """Return draw number ``draw`` of ``(N, C, S, S)`` images: a function of (seed, draw, position)."""
        theta = self._affine(len(images), np.random.default_rng([seed, draw]))
        pairs = zip(torch.split(torch.from_numpy(images), CHUNK), torch.split(theta, CHUNK), strict=True)
        moved = (_moved(part.float(), affine, self.fill).round().clamp(0, 255) for part, affine in pairs)
        return torch.cat([part.to(torch.uint8) for part in moved]).numpy()

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
