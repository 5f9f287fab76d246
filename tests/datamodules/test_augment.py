"""Augmentation: exact where it is a permutation of pixels, per sample, reproducible, the same on any rank."""

import math

import numpy as np
import pytest
import torch
from scipy import ndimage, stats

from medrepro.datamodules.augment import BatchAugment, sample_uniform


def images(count: int = 16, size: tuple[int, ...] = (8, 8)) -> torch.Tensor:
    return torch.randn(count, 2, *size, generator=torch.Generator().manual_seed(0))


def test_uniforms_are_uniform_and_uncorrelated() -> None:
    draws = sample_uniform(torch.arange(20_000), 4, seed=5).numpy()
    assert draws.min() >= 0
    assert draws.max() < 1
    for column in draws.T:
        assert stats.kstest(column, "uniform").pvalue > 1e-3
    assert np.abs(np.corrcoef(draws.T) - np.eye(4)).max() < 0.03
    neighbours = np.corrcoef(draws[:-1, 0], draws[1:, 0])[0, 1]
    assert abs(neighbours) < 0.03


def test_uniforms_of_other_seeds_and_steps_are_unrelated() -> None:
    first, second = (sample_uniform(torch.arange(5000), 1, seed)[:, 0].numpy() for seed in (1024, 2048))
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.05


def test_a_sample_draws_the_same_alone_or_in_any_batch() -> None:
    ids = torch.tensor([3, 1, 4, 15, 9])
    together = sample_uniform(ids, 6, seed=7)
    alone = torch.cat([sample_uniform(ids[i : i + 1], 6, seed=7) for i in range(len(ids))])
    assert torch.equal(together, alone)


CASES_2D = [(0,), (1,), (0, 1)]


@pytest.mark.parametrize("flips", CASES_2D)
def test_flips_are_exact_and_per_sample(flips: tuple[int, ...]) -> None:
    assert len(CASES_2D) == 3
    x = images(64)
    out = BatchAugment(2, flips=flips)(x, torch.arange(64), seed=1)
    options = [[axis for i, axis in enumerate(flips) if number >> i & 1] for number in range(2 ** len(flips))]
    seen = []
    for before, after in zip(x, out, strict=True):
        matches = [
            k
            for k, axes in enumerate(options)
            if torch.equal(before.flip([a + 1 for a in axes]) if axes else before, after)
        ]
        assert len(matches) == 1
        seen.append(matches[0])
    assert set(seen) == set(range(len(options)))


def test_quarter_turns_are_all_four_and_exact() -> None:
    x = images(64)
    out = BatchAugment(2, flips=(), quarter_turns=True)(x, torch.arange(64), seed=2)
    turns = [[k for k in range(4) if torch.equal(a.rot90(k, (1, 2)), b)] for a, b in zip(x, out, strict=True)]
    assert all(len(found) == 1 for found in turns)
    assert {found[0] for found in turns} == {0, 1, 2, 3}


def test_quarter_turns_in_3d_move_voxels_only() -> None:
    x = images(32, (6, 6, 6))
    out = BatchAugment(3, flips=(0, 1, 2), quarter_turns=True)(x, torch.arange(32), seed=3)
    assert torch.equal(x.flatten(1).sort(dim=1).values, out.flatten(1).sort(dim=1).values)
    assert not torch.equal(x, out)


def test_unequal_axes_are_not_turned_into_each_other() -> None:
    x = images(16, (4, 8, 8))
    assert BatchAugment(3, flips=(), quarter_turns=True)(x, torch.arange(16), seed=0).shape == x.shape


def test_free_rotation_agrees_with_scipy() -> None:
    size = 33
    axis = torch.linspace(-1, 1, size)
    blob = torch.exp(-((axis[:, None] - 0.3) ** 2) * 12 - (axis[None, :] ** 2) * 4)[None, None]
    ids = torch.tensor([11])
    out = BatchAugment(2, flips=(), rotation=90.0)(blob, ids, seed=4)[0, 0].numpy()
    angle = (2 * sample_uniform(ids, 12, 4)[0, 6].item() - 1) * 90.0
    expected = ndimage.rotate(blob[0, 0].numpy(), angle, reshape=False, order=1, mode="nearest")
    assert abs(angle) > 5
    assert np.abs(out - expected).max() < 0.02


def test_rotation_of_an_oblong_image_keeps_shapes() -> None:
    yy, xx = torch.meshgrid(torch.arange(40.0), torch.arange(64.0), indexing="ij")
    disc = (((yy - 19.5) ** 2 + (xx - 31.5) ** 2) < 100).float()[None, None]
    out = BatchAugment(2, flips=(), rotation=180.0)(disc.repeat(8, 1, 1, 1), torch.arange(8), seed=0)
    assert (out - disc).abs().mean() < 0.01  # a disc in the centre is still that disc, not an ellipse


def test_shift_moves_by_at_most_its_size() -> None:
    x = torch.zeros(200, 1, 32, 32)
    x[:, :, 16, 16] = 1
    out = BatchAugment(2, flips=(), shift=3.0)(x, torch.arange(200), seed=6)
    grid = torch.arange(32.0)
    centre = torch.stack([(out.sum(dim=3) * grid).sum(dim=(1, 2)), (out.sum(dim=2) * grid).sum(dim=(1, 2))], dim=1)
    moved = centre / out.sum(dim=(1, 2, 3))[:, None] - 16
    assert moved.abs().max() <= 3.001
    assert moved.abs().max() > 2.5
    assert moved.mean().abs() < 0.5


def test_ranks_see_the_images_that_one_process_sees() -> None:
    x, ids = images(12), torch.arange(12)
    augment = BatchAugment(2, quarter_turns=True, rotation=30.0, shift=2.0)
    whole = augment(x, ids, seed=9)
    parts = torch.cat([augment(x[r::2], ids[r::2], seed=9) for r in range(2)])
    assert torch.allclose(whole[torch.cat([ids[0::2], ids[1::2]])], parts, atol=1e-6)


def test_global_generator_is_left_alone() -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    BatchAugment(2, rotation=10.0)(images(), torch.arange(16), seed=math.floor(1e9))
    assert torch.equal(before, torch.get_rng_state())


def test_bad_arguments() -> None:
    with pytest.raises(ValueError, match="spatial_dims 4"):
        BatchAugment(4)
    with pytest.raises(ValueError, match="flips \\(0, 2\\)"):
        BatchAugment(2, flips=(0, 2))
    with pytest.raises(ValueError, match="must not be negative"):
        BatchAugment(2, rotation=-1.0)
