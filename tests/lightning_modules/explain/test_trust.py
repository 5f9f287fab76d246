"""Each measure against a plain loop, its extremes, its errors."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr
from torch import Tensor, nn

from medrepro.lightning_modules.explain import trust


def maps(seed: int, levels: int = 5) -> tuple[Tensor, Tensor]:
    """Maps with many ties, and masks that are never empty."""
    generator = torch.Generator().manual_seed(seed)
    heat = torch.randint(0, levels, (3, 3, 4, 2), generator=generator) / (levels - 1)
    mask = torch.rand(3, 3, 4, 2, generator=generator) < 0.3
    mask[:, 0, 0, 0] = True
    return heat, mask


@given(st.integers(0, 5000))
@settings(max_examples=60, deadline=None)
def test_mask_measures_equal_loops(seed: int) -> None:
    heat, mask = maps(seed)
    for n in range(3):
        h, m = heat[n].numpy(), mask[n].numpy()
        hottest = h == h.max()
        pointing = (hottest & m).sum() / hottest.sum() if h.max() > 0 else 0
        energy = h[m].sum() / h.sum() if h.sum() > 0 else 0
        iou = max(((h >= t) & m).sum() / ((h >= t) | m).sum() for t in np.unique(h))
        assert float(trust.pointing_game(heat, mask)[n]) == pytest.approx(pointing, abs=1e-6)
        assert float(trust.energy_in_mask(heat, mask)[n]) == pytest.approx(energy, abs=1e-6)
        assert float(trust.best_iou(heat, mask)[n]) == pytest.approx(iou, abs=1e-6)


def test_the_mask_itself_is_perfect_and_nothing_is_worth_nothing() -> None:
    _, mask = maps(0)
    for measure in (trust.pointing_game, trust.energy_in_mask, trust.best_iou):
        torch.testing.assert_close(measure(mask.float(), mask), torch.ones(3))
    assert trust.pointing_game(torch.zeros(3, 3, 4, 2), mask).sum() == 0
    assert trust.energy_in_mask(torch.zeros(3, 3, 4, 2), mask).sum() == 0


def test_mask_errors() -> None:
    heat, mask = maps(1)
    with pytest.raises(ValueError, match=r"must both be \(N, \*spatial\)"):
        trust.best_iou(heat, mask[:2])
    mask[1] = False
    with pytest.raises(ValueError, match="mask 1 is empty"):
        trust.pointing_game(heat, mask)


class Quadrant(nn.Module):
    """Two logits: +-s times the mean of the first quarter of a 4 x 4 image."""

    def forward(self, x: Tensor) -> Tensor:
        score = 6 * x[:, 0, :2, :2].mean(dim=(1, 2))
        return torch.stack([-score, score], dim=1)


def image() -> Tensor:
    x = torch.zeros(2, 1, 4, 4)
    x[:, :, :2, :2] = torch.tensor([1.0, 0.5])[:, None, None, None]
    return x


@pytest.mark.parametrize("deletion", [True, False])
def test_deletion_and_insertion_equal_a_loop(deletion: bool) -> None:
    x, network = image(), Quadrant()
    heat = torch.rand(2, 4, 4, generator=torch.Generator().manual_seed(3))
    measured = (trust.deletion_auc if deletion else trust.insertion_auc)(network, x, heat, 1, steps=8)
    for n in range(2):
        order = heat[n].flatten().argsort(descending=True)
        mean = torch.full((16,), float(x[n].mean()))
        start, end = (x[n].flatten(), mean) if deletion else (mean, x[n].flatten())
        curve = []
        for step in range(9):
            mixed = start.clone()
            mixed[order[: 2 * step]] = end[order[: 2 * step]]
            curve.append(float(network(mixed.reshape(1, 1, 4, 4)).softmax(dim=1)[0, 1]))
        area = sum((a + b) / 2 for a, b in pairwise(curve)) / 8
        assert float(measured[n]) == pytest.approx(area, abs=1e-6)


def test_good_maps_delete_fast_and_insert_fast() -> None:
    x, network = image(), Quadrant()
    good, bad = x[:, 0], x[:, 0].flip(1, 2)
    assert (trust.deletion_auc(network, x, good, 1) < trust.deletion_auc(network, x, bad, 1)).all()
    assert (trust.insertion_auc(network, x, good, 1) > trust.insertion_auc(network, x, bad, 1)).all()


def test_ties_are_broken_the_same_way_each_time_and_not_by_position() -> None:
    x, network, flat = image(), Quadrant(), torch.ones(2, 4, 4)
    first = trust.deletion_auc(network, x, flat, 1, seed=0)
    assert torch.equal(first, trust.deletion_auc(network, x, flat, 1, seed=0))
    assert not torch.equal(first, trust.deletion_auc(network, x, flat, 1, seed=1))


@given(st.integers(0, 5000))
@settings(max_examples=30, deadline=None)
def test_spearman_equals_scipy(seed: int) -> None:
    first, second = maps(seed)[0], maps(seed + 1, 9)[0]
    for n, value in enumerate(trust.spearman(first, second).tolist()):
        expected = spearmanr(first[n].flatten(), second[n].flatten()).statistic
        assert value == pytest.approx(expected if np.isfinite(expected) else 0, abs=1e-9)


def test_randomised_copy_is_seeded_and_touches_only_the_copy() -> None:
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(8, 2))
    before = [p.clone() for p in network.parameters()]
    state = torch.get_rng_state()
    one, same, other = (trust.randomised_copy(network, seed) for seed in (1, 1, 2))
    head = trust.randomised_copy(network, 1, layers=["3"])
    assert torch.equal(torch.get_rng_state(), state)
    for p, q in zip(network.parameters(), before, strict=True):
        assert torch.equal(p, q)
    kernels = [next(net.parameters()) for net in (one, same, other, head)]
    assert torch.equal(kernels[0], kernels[1])
    assert not torch.equal(kernels[0], kernels[2])
    assert torch.equal(kernels[3], before[0])
    assert not torch.equal(list(head.parameters())[4], before[4])


def test_randomisation_tells_a_map_of_the_network_from_a_map_of_the_image() -> None:
    torch.manual_seed(7)
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 2))
    x = torch.rand(6, 1, 8, 8)

    def weights(net: nn.Module) -> trust.Explainer:
        matrix = next(net.parameters())
        return lambda _, target: matrix.detach()[target].reshape(-1, 8, 8).abs()

    blind = trust.randomisation_similarity(lambda _: lambda y, __: y[:, 0], network, x)
    torch.testing.assert_close(blind, torch.ones(6, dtype=torch.float64))
    assert trust.randomisation_similarity(weights, network, x).abs().max() < 0.4


def test_randomisation_errors() -> None:
    class Bare(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(2))

    with pytest.raises(ValueError, match="Bare has parameters but no reset_parameters"):
        trust.randomised_copy(Bare())
    with pytest.raises(ValueError, match=r"\['9'\] are not in the network"):
        trust.randomised_copy(nn.Sequential(nn.Linear(1, 1)), layers=["9"])


def test_gaussian_centre_is_symmetric_with_the_width_asked_for() -> None:
    heat = trust.gaussian_centre((33, 32, 9), 4.0)
    assert heat.shape == (33, 32, 9)
    assert torch.equal(heat, heat.flip(0, 1, 2))
    assert float(heat[16 + 4, 15, 4] / heat[16, 15, 4]) == pytest.approx(np.exp(-0.5), rel=1e-5)


def test_grown_masks_equal_a_loop() -> None:
    _, mask = maps(2)
    for by in (0, 1, 2):
        found = trust.grown(mask, by)
        for place in np.ndindex(*mask.shape):
            window = tuple(slice(max(0, at - by), at + by + 1) for at in place[1:])
            assert bool(found[place]) == bool(mask[(place[0], *window)].any())


def test_pointing_may_miss_by_the_tolerance() -> None:
    heat, mask = torch.zeros(1, 9), torch.zeros(1, 9, dtype=torch.bool)
    heat[0, 6], mask[0, 3] = 1, True
    assert [float(trust.pointing_game(heat, mask, by)) for by in (0, 2, 3)] == [0, 0, 1]


def test_no_coarse_map_is_better_than_the_ceiling() -> None:
    """Random maps of 3 x 3 cells, enlarged, against the ceiling of such maps."""
    mask = torch.zeros(2, 12, 12, dtype=torch.bool)
    mask[0, 5:7, 5:7], mask[1, 0:3, 8:11] = True, True
    pointing, energy = trust.ceilings(mask, (3, 3))
    generator = torch.Generator().manual_seed(0)
    for _ in range(200):
        heat = torch.rand(2, 3, 3, generator=generator) ** 4
        large = torch.nn.functional.interpolate(heat[:, None], size=(12, 12), mode="bilinear")[:, 0]
        assert (trust.energy_in_mask(large, mask) <= energy + 1e-6).all()
        assert (trust.pointing_game(large, mask) <= pointing).all()
    assert pointing.tolist() == [1, 0.5], "the peak of a corner cell is two voxels wide, one of them in the mask"
    assert energy[0] < 0.2, "a lesion in the middle of a cell: the rest of the heat spills over"


def test_a_coarse_map_cannot_point_at_a_centre_between_its_cells() -> None:
    mask = torch.zeros(1, 32, 32, 32, dtype=torch.bool)
    mask[0, 14:18, 14:18, 14:18] = True
    pointing, energy = trust.ceilings(mask, (4, 4, 4))
    assert float(pointing) == 0
    assert float(energy) < 0.05


def test_blur_keeps_a_constant_and_equals_scipy() -> None:
    from scipy.ndimage import gaussian_filter

    torch.testing.assert_close(trust.blurred(torch.full((1, 1, 6, 7), 0.3)), torch.full((1, 1, 6, 7), 0.3))
    x = torch.rand(1, 1, 20, 18, generator=torch.Generator().manual_seed(1))
    expected = gaussian_filter(x[0, 0].numpy(), 2.0, mode="nearest", truncate=3.0)
    torch.testing.assert_close(trust.blurred(x, 2.0)[0, 0].numpy(), expected, atol=1e-5, rtol=1e-4)


def test_insertion_into_blur_starts_from_the_blurred_image() -> None:
    x, network = image(), Quadrant()
    heat = torch.rand(2, 4, 4, generator=torch.Generator().manual_seed(3))
    flat = trust.insertion_auc(network, x, heat, 1, steps=8)
    into = trust.insertion_auc(network, x, heat, 1, steps=8, reference="blur")
    assert not torch.allclose(flat, into)
    order = heat.flatten(1).argsort(dim=1, descending=True)
    start, curve = trust.blurred(x), []
    for step in range(9):
        mixed = start.clone().flatten(2)
        for sample in range(2):
            chosen = order[sample, : 16 * step // 8]
            mixed[sample, 0, chosen] = x.flatten(2)[sample, 0, chosen]
        curve.append(network(mixed.reshape(x.shape)).softmax(dim=1)[:, 1])
    torch.testing.assert_close(into, torch.trapezoid(torch.stack(curve, dim=1), dx=1 / 8, dim=1))
