"""Measure how far a heat map can be trusted: against true masks, and against the network itself.

Of maps ``(N, *spatial)`` in [0, 1] each measure is ``(N,)``. This stands where the paper asks nine raters (Sec. 3.1.5;
its numbers are those of the original Grad-CAM study).

References: pointing game, Zhang et al., IJCV 2018; deletion and insertion, Petsiuk et al. (RISE), BMVC 2018;
randomisation, Adebayo et al., "Sanity checks for saliency maps", NeurIPS 2018.
"""

import copy
import math
from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from medrepro.lightning_modules.explain.network import Target, borrowed, choose_target, class_logits, upsample

Explainer = Callable[[Tensor, Tensor], Tensor]


def pointing_game(heat: Tensor, mask: Tensor, tolerance: int = 0) -> Tensor:
    """Return whether each map's hottest voxel lies in the mask, or near it, ``(N,)`` in [0, 1].

    Several hottest voxels count by the share of them that hit, the expectation of a draw among them; a map
    that is zero everywhere points nowhere and gets 0.

    Args:
        heat: ``(N, *spatial)``, not negative.
        mask: the same shape, bool.
        tolerance: voxels along each axis by which the point may miss the mask; the source allows 15 pixels.

    Raises:
        ValueError: shapes differ, or a mask is empty.
    """
    heat, mask = _flat(heat, grown(mask, tolerance))
    hottest = heat == heat.amax(dim=1, keepdim=True)
    share = (hottest & mask).sum(dim=1) / hottest.sum(dim=1)
    return torch.where(heat.amax(dim=1) > 0, share, torch.zeros_like(share))


def grown(mask: Tensor, by: int) -> Tensor:
    """Return masks ``(N, *spatial)``, bool, with every voxel within ``by`` voxels of them along each axis."""
    if by == 0:
        return mask
    wide = mask.float()
    for axis in range(1, wide.ndim):
        lines = wide.transpose(axis, -1)
        pooled = functional.max_pool1d(lines.flatten(0, -2)[:, None], 2 * by + 1, stride=1, padding=by)
        wide = pooled[:, 0].reshape(lines.shape).transpose(axis, -1)
    return wide > 0


def ceilings(mask: Tensor, cells: Sequence[int], tolerance: int = 0) -> tuple[Tensor, Tensor]:
    """Return the best pointing and the best energy that a coarse map can reach on each mask, two ``(N,)``.

    A class activation map has one value per cell of its layer and is enlarged linearly, so that its peak lies near a
    cell's centre and spills over: of centred lesions such a map cannot point at the middle. Energy is a mean of the
    cells' own, weighted by their heat, so its best is that of the best single cell.

    Args:
        mask: ``(N, *spatial)``, bool.
        cells: shape of the map before it is enlarged.
        tolerance: of the pointing game.

    Raises:
        ValueError: a mask is empty.
    """
    single = torch.eye(math.prod(cells)).reshape(-1, *cells)
    pointing, energy = torch.zeros(len(mask)), torch.zeros(len(mask))
    for heat in upsample(single, tuple(mask.shape[1:])):
        same = heat.expand_as(mask)
        pointing = torch.maximum(pointing, pointing_game(same, mask, tolerance))
        energy = torch.maximum(energy, energy_in_mask(same, mask))
    return pointing, energy


def energy_in_mask(heat: Tensor, mask: Tensor) -> Tensor:
    """Return the share of each map's sum that lies in the mask, ``(N,)`` in [0, 1]; 0 for a map of zeros.

    Args:
        heat: ``(N, *spatial)``, not negative.
        mask: the same shape, bool.

    Raises:
        ValueError: shapes differ, or a mask is empty.
    """
    heat, mask = _flat(heat, mask)
    total = heat.sum(dim=1)
    inside = (heat * mask).sum(dim=1)
    return torch.where(total > 0, inside / total.clamp_min(torch.finfo(total.dtype).tiny), torch.zeros_like(total))


def best_iou(heat: Tensor, mask: Tensor) -> Tensor:
    """Return the intersection over union at each map's best threshold, ``(N,)`` in (0, 1].

    Args:
        heat: ``(N, *spatial)``.
        mask: the same shape, bool.

    Raises:
        ValueError: shapes differ, or a mask is empty.
    """
    heat, mask = _flat(heat, mask)
    values, order = heat.sort(dim=1, descending=True)
    hits = mask.gather(1, order).cumsum(dim=1)
    chosen = torch.arange(1, heat.shape[1] + 1, device=heat.device)
    iou = hits / (chosen + mask.sum(dim=1, keepdim=True) - hits)
    cut = torch.ones_like(mask)
    cut[:, :-1] = values[:, :-1] > values[:, 1:]  # a threshold cannot part equal values
    return torch.where(cut, iou, 0.0).amax(dim=1)


def deletion_auc(
    network: nn.Module, x: Tensor, heat: Tensor, target: Target = None, steps: int = 16, seed: int = 0
) -> Tensor:
    """Return the area under the class's probability as the hottest voxels go first, ``(N,)``: low is good.

    Args:
        network: returns logits ``(N, classes)``.
        x: batch ``(N, C, *spatial)``.
        heat: maps ``(N, *spatial)``.
        target: one class for all, one each, or None for the predicted one.
        steps: equal shares of the voxels; each is replaced by the image's own mean.
        seed: of the order among equally hot voxels.
    """
    return _replacement_auc(network, x, _mean_image(x), heat, choose(network, x, target), steps, seed)


def insertion_auc(
    network: nn.Module,
    x: Tensor,
    heat: Tensor,
    target: Target = None,
    steps: int = 16,
    seed: int = 0,
    reference: Literal["mean", "blur"] = "mean",
) -> Tensor:
    """Return the area under the probability as the hottest voxels enter a flat or blurred image: high is good.

    Args:
        network: returns logits ``(N, classes)``.
        x: batch ``(N, C, *spatial)``.
        heat: maps ``(N, *spatial)``.
        target: one class for all, one each, or None for the predicted one.
        steps: equal shares of the voxels that enter.
        seed: of the order among equally hot voxels.
        reference: what they enter: the sample's mean, or the sample blurred as in RISE, which leaves no sharp edges.
    """
    start = _mean_image(x) if reference == "mean" else blurred(x)
    return _replacement_auc(network, start, x, heat, choose(network, x, target), steps, seed)


def blurred(x: Tensor, sigma: float = 5.0) -> Tensor:
    """Return ``x`` (N, C, *spatial) under a Gaussian of ``sigma`` voxels; the border's own values go on beyond it."""
    reach = math.ceil(3 * sigma)
    weights = torch.exp(-torch.arange(-reach, reach + 1, dtype=x.dtype).square() / (2 * sigma**2))
    kernel = (weights / weights.sum()).reshape(1, 1, -1).to(x.device)
    for axis in range(2, x.ndim):
        lines = x.transpose(axis, -1)
        padded = functional.pad(lines.flatten(0, -2)[:, None], (reach, reach), mode="replicate")
        x = functional.conv1d(padded, kernel)[:, 0].reshape(lines.shape).transpose(axis, -1)
    return x


def choose(network: nn.Module, x: Tensor, target: Target = None) -> Tensor:
    """Return the classes ``(N,)`` that an explanation of ``x`` with this ``target`` explains."""
    with borrowed(network), torch.no_grad():
        return choose_target(class_logits(network, x), target)


def randomised_copy(network: nn.Module, seed: int = 0, layers: Sequence[str] | None = None) -> nn.Module:
    """Return a copy with weights drawn anew; the network itself and the global generator stay as they are.

    Args:
        network: every module with parameters of its own needs ``reset_parameters``, as torch's layers have.
        seed: of the draw.
        layers: dotted names of the parts to draw anew; None draws all.

    Raises:
        ValueError: a part that cannot be drawn anew, or is not there.
    """
    other = copy.deepcopy(network)
    parts = dict(other.named_modules())
    unknown = [name for name in layers or () if name not in parts]
    if unknown:
        raise ValueError(f"layers {unknown} are not in the network")
    roots = [other] if layers is None else [parts[name] for name in layers]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for module in (module for root in roots for module in root.modules()):
            _reset(module)
    return other


def randomisation_similarity(
    explainer: Callable[[nn.Module], Explainer],
    network: nn.Module,
    x: Tensor,
    target: Target = None,
    seed: int = 0,
    layers: Sequence[str] | None = None,
) -> Tensor:
    """Return Spearman's correlation of each map with that of a randomised network, ``(N,)`` in [-1, 1].

    An explanation of what the network has learned falls to about 0; one near 1 shows the image alone.

    Args:
        explainer: builds an explanation for a network, such as ``lambda net: GradCAM(net, "stage4")``.
        network: the trained network.
        x: batch ``(N, C, *spatial)``.
        target: explained class; the trained network's prediction for None, for both networks.
        seed: of the randomised weights.
        layers: parts to randomise; None for all.
    """
    chosen = choose(network, x, target)
    other = randomised_copy(network, seed, layers)
    return spearman(explainer(network)(x, chosen), explainer(other)(x, chosen))


def spearman(first: Tensor, second: Tensor) -> Tensor:
    """Return the rank correlation of pairs of maps ``(N, *spatial)``, ties by mean rank; constants give 0."""
    ranks = [_ranks(maps.flatten(1)) for maps in (first, second)]
    a, b = (rank - rank.mean(dim=1, keepdim=True) for rank in ranks)
    norm = a.norm(dim=1) * b.norm(dim=1)
    return torch.where(norm > 0, (a * b).sum(dim=1) / norm.clamp_min(1e-12), torch.zeros_like(norm))


def gaussian_centre(spatial: Sequence[int], sigma: float) -> Tensor:
    """Return the map that explains nothing and is hard to beat: a centred Gaussian ``(*spatial)``, peak <= 1.

    Args:
        spatial: shape of the map.
        sigma: in voxels.
    """
    distance = torch.zeros(tuple(spatial))
    for axis, size in enumerate(spatial):
        shape = [-1 if other == axis else 1 for other in range(len(spatial))]
        distance = distance + (torch.arange(size) - (size - 1) / 2).square().reshape(shape)
    return torch.exp(-distance / (2 * sigma**2))


def _flat(heat: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    if heat.shape != mask.shape or heat.ndim < 2:
        raise ValueError(f"heat {tuple(heat.shape)} and mask {tuple(mask.shape)} must both be (N, *spatial)")
    heat, mask = heat.flatten(1), mask.flatten(1).bool()
    if not mask.any(dim=1).all():
        raise ValueError(f"mask {int((~mask.any(dim=1)).nonzero()[0])} is empty: leave that sample out")
    return heat, mask


def _mean_image(x: Tensor) -> Tensor:
    return x.mean(dim=tuple(range(2, x.ndim)), keepdim=True).expand_as(x)


def _replacement_auc(
    network: nn.Module, start: Tensor, end: Tensor, heat: Tensor, target: Tensor, steps: int, seed: int
) -> Tensor:
    """Trapezoid area of p(target) while voxels go from ``start`` to ``end`` in falling order of heat."""
    order = _falling_rank(heat, seed).reshape(len(heat), 1, *heat.shape[1:])
    voxels = heat[0].numel()
    curve = []
    with borrowed(network), torch.no_grad():
        for step in range(steps + 1):
            mixed = torch.where(order < voxels * step / steps, end, start)
            curve.append(class_logits(network, mixed).softmax(dim=1).gather(1, target[:, None])[:, 0])
    return torch.trapezoid(torch.stack(curve, dim=1), dx=1 / steps, dim=1)


def _falling_rank(heat: Tensor, seed: int) -> Tensor:
    """Rank 0 for the hottest voxel; equal voxels in one seeded random order."""
    flat = heat.flatten(1)
    shuffle = torch.randperm(flat.shape[1], generator=torch.Generator().manual_seed(seed)).to(heat.device)
    order = shuffle[flat[:, shuffle].argsort(dim=1, descending=True, stable=True)]
    return order.argsort(dim=1).reshape(heat.shape)


def _ranks(values: Tensor) -> Tensor:
    """Mean ranks along each row, float64."""
    rows = []
    for row in values:
        _, inverse, counts = row.unique(return_inverse=True, return_counts=True)
        last = counts.cumsum(0).double()
        rows.append((last - (counts - 1) / 2)[inverse])
    return torch.stack(rows)


def _reset(module: nn.Module) -> None:
    if next(module.parameters(recurse=False), None) is None:
        return
    reset = getattr(module, "reset_parameters", None)
    if reset is None:
        raise ValueError(f"{type(module).__name__} has parameters but no reset_parameters: it cannot be randomised")
    reset()
