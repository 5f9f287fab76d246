"""How do our class activation maps compare with MONAI's and pytorch-grad-cam's? Correlation and seconds.

In: nothing (a seeded network and seeded images: the formulas differ whatever they show). Out: JSON and Markdown in
``benchmarks/results/``. Run: ``pip install 'medrepro[benchmarks]'``, ``python benchmarks/explanations.py``. The
reference is a plain loop over Eq. 19 in float64.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.visualize.class_activation_maps import GradCAM as MonaiGradCAM
from monai.visualize.class_activation_maps import GradCAMpp as MonaiGradCAMpp
from pytorch_grad_cam import GradCAM as OtherGradCAM
from pytorch_grad_cam import GradCAMPlusPlus as OtherGradCAMPlusPlus
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor, nn

from medrepro.datamodules.support.cache import atomic_write
from medrepro.lightning_modules.explain.cam import GradCAM, GradCAMPlusPlus

RESULTS = Path(__file__).parent / "results"
TARGET = 1
FORMULAS = {
    "MONAI GradCAMpp": "sum(A * g^3) in the denominator where Eq. 19 has (sum A) * g^3, and 1e-7 added to it; "
    "exp(score) as a factor, which can overflow",
    "pytorch-grad-cam GradCAMPlusPlus": "Eq. 19 with 1e-6 added to the denominator: weights of small gradients vanish",
    "ours": "Eq. 19, g^2 cancelled, no exp(score)",
    "enlarging": "ours and MONAI's maps linearly, pytorch-grad-cam's images by OpenCV and volumes by a cubic spline "
    "with aligned corners: that is why its maps differ even where those of the layer agree",
}
HEADS = ("axes", "method", "whose", "correlation, layer's map", "correlation, full map", "CPU ms an image")


def network(axes: int) -> nn.Sequential:
    """Return a seeded classifier with 8 x 8 (x 8) maps before its last layers."""
    torch.manual_seed(0)
    conv, norm = (nn.Conv2d, nn.BatchNorm2d) if axes == 2 else (nn.Conv3d, nn.BatchNorm3d)
    pool, average = (nn.MaxPool2d, nn.AdaptiveAvgPool2d) if axes == 2 else (nn.MaxPool3d, nn.AdaptiveAvgPool3d)
    body = [conv(1, 8, 3, padding=1), norm(8), nn.ReLU(), pool(4), conv(8, 16, 3, padding=1), norm(16), nn.ReLU()]
    return nn.Sequential(*body, conv(16, 8, 3, padding=1), nn.Tanh(), average(1), nn.Flatten(), nn.Linear(8, 2)).eval()


def loop(net: nn.Sequential, x: Tensor) -> np.ndarray:
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


def contenders(net: nn.Sequential) -> Iterator[tuple[str, str, Callable[[Tensor], Tensor]]]:
    """Yield (method, whose, call) of every implementation."""

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
    yield "Grad-CAM", "pytorch-grad-cam", other(OtherGradCAM)
    yield "Grad-CAM++", "pytorch-grad-cam", other(OtherGradCAMPlusPlus)


def layer_maps(net: nn.Sequential, x: Tensor) -> dict[tuple[str, str], np.ndarray]:
    """Return each implementation's rectified map at the layer's own size: what its formula says, before enlarging."""
    activations = net[:7](x).detach().requires_grad_()
    score = net[7:](activations)[:, TARGET].sum()
    (gradients,) = torch.autograd.grad(score, activations)
    a, g = activations.detach().numpy(), gradients.numpy()
    found = {
        ("Grad-CAM", "ours"): GradCAM(net, "6").raw(x, TARGET).numpy(),
        ("Grad-CAM++", "ours"): GradCAMPlusPlus(net, "6").raw(x, TARGET).numpy(),
    }
    kinds = {"Grad-CAM": (MonaiGradCAM, OtherGradCAM), "Grad-CAM++": (MonaiGradCAMpp, OtherGradCAMPlusPlus)}
    for method, (monai, other) in kinds.items():
        cam = monai(net, "6")
        maps = [cam.compute_map(sample[None], class_idx=TARGET).detach()[0, 0].numpy() for sample in x]
        found[method, "MONAI"] = np.stack(maps)
        weights = other(net, [net[6]]).get_cam_weights(x, None, None, a, g)
        found[method, "pytorch-grad-cam"] = np.maximum(np.einsum("nk,nk...->n...", weights, a), 0)
    return found


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Return the mean over images of the maps' linear correlation."""
    pairs = zip(first.reshape(len(first), -1), second.reshape(len(second), -1), strict=True)
    return float(np.nanmean([np.corrcoef(a, b)[0, 1] for a, b in pairs]))


def measure(axes: int, images: int, rounds: int) -> list[dict[str, object]]:
    """Return one row an implementation: correlations with ours, milliseconds of one core an image."""
    net = network(axes)
    x = torch.rand(images, 1, *[32] * axes, generator=torch.Generator().manual_seed(1))
    raw = layer_maps(net, x)
    found, maps = [], {}
    for method, whose, call in contenders(net):
        seconds = []
        for _ in range(rounds):
            started = time.process_time()
            maps[method, whose] = call(x).numpy()
            seconds.append((time.process_time() - started) / images)
        pairs = [(kind[method, "ours"], kind[method, whose]) for kind in (raw, maps)]
        values = [round(correlation(*pair), 4) for pair in pairs]
        row = (axes, method, whose, *values, round(1000 * float(np.median(seconds)), 2))
        found.append(dict(zip(HEADS, row, strict=True)))
    return found


def against_loop(axes: int, images: int) -> float:
    """Return the largest difference of our Grad-CAM++ from the loop, as a share of the map's maximum."""
    net = network(axes)
    x = torch.rand(images, 1, *[32] * axes, generator=torch.Generator().manual_seed(1))
    ours, reference = GradCAMPlusPlus(net, "6").raw(x, TARGET).numpy(), loop(net, x)
    return float(np.abs(ours - reference).max() / reference.max())


def table(content: dict[str, Any]) -> str:
    """Return the result as Markdown."""
    lines = ["| " + " | ".join(HEADS) + " |", "|" + "---|" * len(HEADS)]
    lines += ["| " + " | ".join(str(row[head]) for head in HEADS) + " |" for row in content["rows"]]
    lines += [
        "",
        "Ours in float32 against a plain loop over Eq. 19 in float64, largest difference as a share of the maximum: ",
    ]
    lines[-1] += ", ".join(f"{value:.1e} ({axes}-D)" for axes, value in content["loop"].items()) + "."
    lines += ["", *(f"{whose}: {text}." for whose, text in content["formulas"].items()), ""]
    lines.append(", ".join(f"{name} {number}" for name, number in content["versions"].items()) + "; one thread.")
    return "\n".join(lines) + "\n"


def main(args: list[str] | None = None) -> None:
    """Measure, write, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--images", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=RESULTS)
    chosen = parser.parse_args(args)
    torch.set_num_threads(1)
    rows = [row for axes in (2, 3) for row in measure(axes, chosen.images, chosen.rounds)]
    loops = {str(axes): against_loop(axes, chosen.images) for axes in (2, 3)}
    versions = {name: version(name) for name in ("monai", "grad-cam", "torch")}
    content = {"rows": rows, "loop": loops, "formulas": FORMULAS, "versions": versions, "images": chosen.images}
    chosen.out.mkdir(parents=True, exist_ok=True)
    for name, text in (
        ("explanations.json", json.dumps(content, indent=1) + "\n"),
        ("explanations.md", table(content)),
    ):
        with atomic_write(chosen.out / name) as temporary:
            temporary.write_text(text)
    print(table(content), end="")


if __name__ == "__main__":
    main()
