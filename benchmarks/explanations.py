"""How do our class activation maps compare with MONAI's and pytorch-grad-cam's? Correlation and seconds.

In: nothing (a seeded network and seeded images: the formulas differ whatever they show). Out: JSON and Markdown in
``benchmarks/results/``. Run: ``python benchmarks/explanations.py``. Reference is a plain loop over Eq. 19 in float64.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from itertools import product
from pathlib import Path

import numpy as np
import torch
from monai.visualize.class_activation_maps import GradCAM as MonaiGradCAM
from monai.visualize.class_activation_maps import GradCAMpp as MonaiGradCAMpp
from pytorch_grad_cam import GradCAM as OtherGradCAM
from pytorch_grad_cam import GradCAMPlusPlus as OtherGradCAMPlusPlus
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor, nn

from datamodules.cache import atomic_write
from lightning_modules.explain.cam import GradCAM, GradCAMPlusPlus

RESULTS = Path(__file__).parent / "results"
TARGET = 1
FORMULAS = {
    "MONAI GradCAMpp": "sum(A * g^3) in the denominator where Eq. 19 has (sum A) * g^3; exp(score) as a factor",
    "pytorch-grad-cam": "Eq. 19 with 1e-6 added to the denominator: weights of small gradients vanish",
    "ours": "Eq. 19, g^2 cancelled, no exp(score)",
}


def network(axes: int) -> nn.Module:
    """Return a seeded classifier with 8 x 8 (x 8) maps before its last layers."""
    torch.manual_seed(0)
    conv, norm = (nn.Conv2d, nn.BatchNorm2d) if axes == 2 else (nn.Conv3d, nn.BatchNorm3d)
    pool, average = (nn.MaxPool2d, nn.AdaptiveAvgPool2d) if axes == 2 else (nn.MaxPool3d, nn.AdaptiveAvgPool3d)
    body = [conv(1, 8, 3, padding=1), norm(8), nn.ReLU(), pool(4), conv(8, 16, 3, padding=1), norm(16), nn.ReLU()]
    return nn.Sequential(*body, conv(16, 8, 3, padding=1), nn.Tanh(), average(1), nn.Flatten(), nn.Linear(8, 2)).eval()


def loop(net: nn.Module, x: Tensor) -> np.ndarray:
    """Return Eq. 19's rectified map of each image at the layer's size, by plain loops in float64."""
    body = nn.Sequential(*list(net.children())[:7]).double()
    head = nn.Sequential(*list(net.children())[7:]).double()
    maps = []
    for sample in x.double():
        activations = body(sample[None]).detach().requires_grad_()
        gradients = torch.autograd.grad(head(activations)[0, TARGET], activations)[0][0].numpy()
        channels = activations.detach()[0].numpy()
        heat = np.zeros(channels.shape[1:])
        for channel, gradient in zip(channels, gradients, strict=True):
            weight = 0.0
            for place in product(*map(range, channel.shape)):
                g = gradient[place]
                weight += g**2 / (2 * g**2 + channel.sum() * g**3) * max(g, 0) if g else 0
            heat += weight * channel
        maps.append(np.maximum(heat, 0))
    net.float()
    return np.stack(maps)


def contenders(net: nn.Module, axes: int) -> Iterator[tuple[str, str, Callable[[Tensor], Tensor]]]:
    """Yield (method, whose, call) of every implementation that can explain this many axes."""

    def monai(kind: type) -> Callable[[Tensor], Tensor]:
        cam = kind(net, "6")
        return lambda x: torch.cat([1 - cam(sample[None], class_idx=TARGET).detach()[:, 0] for sample in x])

    def other(kind: type) -> Callable[[Tensor], Tensor]:
        cam = kind(net, [net[6]])
        return lambda x: torch.from_numpy(cam(x, [ClassifierOutputTarget(TARGET)] * len(x)))

    yield "Grad-CAM", "ours", lambda x: GradCAM(net, "6")(x, TARGET)
    yield "Grad-CAM", "MONAI", monai(MonaiGradCAM)
    yield "Grad-CAM++", "ours", lambda x: GradCAMPlusPlus(net, "6")(x, TARGET)
    yield "Grad-CAM++", "MONAI", monai(MonaiGradCAMpp)
    if axes == 2:
        yield "Grad-CAM", "pytorch-grad-cam", other(OtherGradCAM)
        yield "Grad-CAM++", "pytorch-grad-cam", other(OtherGradCAMPlusPlus)


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Return the mean over images of the maps' linear correlation."""
    pairs = zip(first.reshape(len(first), -1), second.reshape(len(second), -1), strict=True)
    return float(np.nanmean([np.corrcoef(a, b)[0, 1] for a, b in pairs]))


def measure(axes: int, images: int, rounds: int) -> list[dict[str, object]]:
    """Return one row an implementation: correlation with ours (and with the loop), seconds an image."""
    net = network(axes)
    x = torch.rand(images, 1, *[32] * axes, generator=torch.Generator().manual_seed(1))
    reference = loop(net, x)
    found = []
    maps = {}
    for method, whose, call in contenders(net, axes):
        seconds = []
        for _ in range(rounds):
            started = time.perf_counter()
            maps[method, whose] = call(x).numpy()
            seconds.append((time.perf_counter() - started) / images)
        row: dict[str, object] = {"axes": axes, "method": method, "whose": whose}
        row["correlation with ours"] = round(correlation(maps[method, "ours"], maps[method, whose]), 4)
        row["ms an image"] = round(1000 * float(np.median(seconds)), 2)
        found.append(row)
    ours = GradCAMPlusPlus(net, "6").raw(x, TARGET).numpy()
    scaled = np.abs(ours - reference).max() / reference.max()
    found.append(
        {"axes": axes, "method": "Grad-CAM++", "whose": "loop in float64", "largest difference": float(scaled)}
    )
    return found


def main() -> None:
    """Measure, write, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--images", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=RESULTS)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    rows = [row for axes in (2, 3) for row in measure(axes, chosen.images, chosen.rounds)]
    versions = {name: version(name) for name in ("monai", "grad-cam", "torch")}
    content = {"rows": rows, "formulas": FORMULAS, "versions": versions, "images": chosen.images}
    lines = ["| axes | method | whose | correlation with ours | ms an image |", "|---|---|---|---|---|"]
    for row in rows:
        if "largest difference" in row:
            lines.append(
                f"| {row['axes']} | {row['method']} | {row['whose']} | differs by {row['largest difference']:.1e} | |"
            )
        else:
            lines.append("| " + " | ".join(str(value) for value in row.values()) + " |")
    lines += ["", *(f"{whose}: {text}." for whose, text in FORMULAS.items()), ""]
    lines.append(", ".join(f"{name} {number}" for name, number in versions.items()) + "; one thread.")
    chosen.out.mkdir(parents=True, exist_ok=True)
    for name, text in (("explanations.json", json.dumps(content, indent=1)), ("explanations.md", "\n".join(lines))):
        with atomic_write(chosen.out / name) as temporary:
            temporary.write_text(text + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
