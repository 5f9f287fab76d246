"""What every explanation does to a network: borrow it, score a class, give it back as it was.

In: a network and a batch; out: one score a sample, and maps scaled to [0, 1].
"""

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

Target = int | Tensor | None


@contextlib.contextmanager
def borrowed(network: nn.Module) -> Iterator[None]:
    """Put ``network`` in evaluation mode, gradients on, nothing done in place; restore it, whatever happens.

    Each module gets back its own mode and its own ``inplace`` flag; no parameter's gradient is touched as
    long as the body calls ``torch.autograd.grad`` and not ``backward``.
    """
    modes = [(module, module.training) for module in network.modules()]
    flags = [(vars(module), vars(module)["inplace"]) for module in network.modules() if "inplace" in vars(module)]
    try:
        network.eval()
        for attributes, _ in flags:
            attributes["inplace"] = False
        with torch.inference_mode(False), torch.enable_grad():
            yield
    finally:
        for module, mode in modes:
            module.training = mode
        for attributes, flag in flags:
            attributes["inplace"] = flag


def class_logits(network: nn.Module, x: Tensor) -> Tensor:
    """Return ``network(x)``, checked to be logits ``(N, classes)``.

    Raises:
        ValueError: the network returns anything else.
    """
    logits = network(x)
    if not isinstance(logits, Tensor) or logits.ndim != 2 or len(logits) != len(x):
        found = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        raise ValueError(
            f"an explanation needs class logits (N, classes); the network returned {found}: "
            "wrap it in a module whose forward returns the logits alone"
        )
    return logits


def choose_target(logits: Tensor, target: Target) -> Tensor:
    """Return the class to explain, ``(N,)`` int64: the given one, or the predicted one for None.

    Raises:
        ValueError: a class the network does not have, or a wrong number of classes.
    """
    count, classes = logits.shape
    if target is None:
        return logits.argmax(dim=1)
    chosen = torch.as_tensor(target, device=logits.device, dtype=torch.int64)
    if chosen.ndim > 1 or (chosen.ndim == 1 and len(chosen) != count):
        raise ValueError(f"target has shape {tuple(chosen.shape)}: give one class, or one for each of {count} samples")
    if ((chosen < 0) | (chosen >= classes)).any():
        raise ValueError(f"target {chosen.tolist()}: the network has classes 0..{classes - 1}")
    return chosen.expand(count)


def upsample(heat: Tensor, spatial: tuple[int, ...]) -> Tensor:
    """Interpolate maps ``(N, *small)`` linearly to ``(N, *spatial)``; one, two or three axes."""
    mode = {1: "linear", 2: "bilinear", 3: "trilinear"}[len(spatial)]
    return functional.interpolate(heat[:, None], size=spatial, mode=mode, align_corners=False)[:, 0]


def to_unit(heat: Tensor) -> Tensor:
    """Divide each map of ``(N, *spatial)`` >= 0 by its maximum; a map of zeros stays zero."""
    peak = heat.flatten(1).amax(dim=1).reshape(-1, *[1] * (heat.ndim - 1))
    return torch.where(peak > 0, heat / peak.clamp_min(torch.finfo(heat.dtype).tiny), torch.zeros_like(heat))
