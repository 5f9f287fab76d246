"""How many images a second does training see? Ours, a bare PyTorch loop, a naive one and the usual pipeline.

In: nothing (seeded images in memory: speed does not depend on what they show). Out: medians and ranges, as JSON and
Markdown in ``benchmarks/results/``. Run: ``python benchmarks/throughput.py egfr``. All loops take turns in one
process, round by round, so that whatever else the machine does falls on all of them.
"""

import argparse
import dataclasses
import inspect
import json
import logging
import platform
import statistics
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from _loops import Loop, Work, bare, naive, ours, tutorial

from medrepro.datamodules.support.cache import atomic_write

RESULTS = Path(__file__).parent / "results"
TARGETS = {  # (loop, against, augmented) -> at least
    ("ours", "bare loop", False): 0.95,
    ("ours", "bare loop", True): 0.85,
    ("ours", "tutorial pipeline", True): 1.7,
    ("bare loop", "naive loop", False): 1.0,
}
LOOPS: dict[str, tuple[Loop, dict[str, Any]]] = {
    "bare loop": (bare, {}),
    "ours": (ours, {}),
    "naive loop": (naive, {}),
    "tutorial pipeline": (tutorial, {}),
}
VARIANTS: dict[str, tuple[Loop, dict[str, Any]]] = {
    "ours, channels first": (ours, {"channels_last": False}),
    "ours, bf16-mixed": (ours, {"precision": "bf16-mixed"}),
    "ours, compiled": (ours, {"compiled": True}),
}
Speeds = dict[str, dict[str, list[float]]]  # augmentation -> loop -> images/s of each round


def parse(args: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("key", choices=["egfr"], help="whose training loop")
    parser.add_argument("--backbone", default="resnet18")
    parser.add_argument("--scale", default="quick", choices=["quick", "paper", "standard"])
    parser.add_argument(
        "--samples", type=int, default=7200, help="images of an epoch (the embedded set has about 7000)"
    )
    parser.add_argument("--batch-size", type=int, default=36)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--accelerator", default="cpu", choices=["cpu", "gpu"])
    parser.add_argument("--variants", action="store_true", help="time channels first, bf16 and compilation too")
    parser.add_argument("--out", type=Path, default=RESULTS)
    return parser.parse_args(args)


def make_work(options: argparse.Namespace) -> Work:
    """Make seeded images of the paper's size, and the first epoch as a warm-up."""
    generator = torch.Generator().manual_seed(0)
    return Work(
        images=torch.rand(options.samples, 1, 64, 64, generator=generator),
        labels=torch.randint(0, 2, (options.samples,), generator=generator),
        backbone=options.backbone,
        scale=options.scale,
        batch_size=options.batch_size,
        epochs=2,
        augmented=False,
        accelerator=options.accelerator,
    )


def run(options: argparse.Namespace) -> Speeds:
    """Let the loops take turns; images a second of each one's epoch after the first."""
    work = make_work(options)
    loops = {**LOOPS, **(VARIANTS if options.variants else {})}
    speeds: Speeds = {mode: {name: [] for name in loops} for mode in ("off", "on")}
    for turn in range(options.rounds):
        for mode, by_loop in speeds.items():
            for name, (loop, changes) in loops.items():
                ends = loop(dataclasses.replace(work, augmented=mode == "on", **changes))
                by_loop[name].append(options.samples / (ends[-1] - ends[-2]))
                print(
                    f"round {turn + 1} augmentation {mode:<3} {name:<22} {by_loop[name][-1]:8.0f} images/s", flush=True
                )
    return speeds


def ratio(speeds: dict[str, list[float]], name: str, against: str) -> float:
    """Return the median over rounds of one loop's speed over another's in the same round."""
    return statistics.median(a / b for a, b in zip(speeds[name], speeds[against], strict=True))


def machine(options: argparse.Namespace) -> dict[str, Any]:
    """Say where and with what this was measured."""
    gpu = torch.cuda.get_device_name() if options.accelerator == "gpu" else None
    packages = ("torch", "pytorch-lightning", "monai")
    return {
        "processor": _processor(),
        "gpu": gpu,
        "threads": options.threads,
        "python": platform.python_version(),
        **{name: version(name) for name in packages},
    }


def _processor() -> str:
    """Return the processor's name where Linux tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]} x {len(names)}" if names else platform.processor()


def markdown(record: dict[str, Any]) -> str:
    """Render the record: a table a mode, targets, and the bare loop's source."""
    settings = record["settings"]
    lines = [
        f"# Training throughput: {settings['key']}",
        "",
        f"{settings['backbone']} at scale `{settings['scale']}`, {settings['samples']} images of 64 x 64, batches of "
        f"{settings['batch_size']}, mixed loss, Adam; {settings['rounds']} rounds in turn, one warm-up epoch each.",
        "",
        " · ".join(f"{name} {value}" for name, value in record["machine"].items() if value),
        "",
    ]
    for mode, speeds in record["images_per_second"].items():
        lines += [
            f"## Augmentation {mode}",
            "",
            "| loop | images/s, median (range) | of the bare loop |",
            "|---|---|---|",
        ]
        for name, values in speeds.items():
            shown = f"{statistics.median(values):.0f} ({min(values):.0f} to {max(values):.0f})"
            lines.append(f"| {name} | {shown} | {ratio(speeds, name, 'bare loop'):.2f} |")
        lines += ["", *(_targets(speeds, mode == "on")), ""]
    return "\n".join([*lines, "## The bare loop", "", "```python", inspect.getsource(bare).rstrip(), "```", ""])


def _targets(speeds: dict[str, list[float]], augmented: bool) -> list[str]:
    """Say of each target whether it was reached."""
    lines = []
    for (name, against, mode), target in TARGETS.items():
        if mode == augmented:
            found = ratio(speeds, name, against)
            verdict = "reached" if found >= target else "missed"
            lines.append(f"* {name} over {against}: {found:.2f}, target {target:.2f}, {verdict}")
    return lines


def main(args: list[str] | None = None) -> None:
    """Measure, print, write."""
    options = parse(args)
    logging.getLogger("pytorch_lightning.utilities.rank_zero").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="pytorch_lightning")
    torch.set_num_threads(options.threads)
    settings = {name: value for name, value in vars(options).items() if name != "out"}
    record = {"settings": settings, "machine": machine(options), "images_per_second": run(options)}
    stem = f"throughput_{options.key}_{options.backbone}_{options.scale}_{options.accelerator}"
    for suffix, text in (("json", json.dumps(record, indent=1) + "\n"), ("md", markdown(record))):
        with atomic_write(options.out / f"{stem}.{suffix}") as temporary:
            temporary.write_text(text)
    print(markdown(record).split("## The bare loop")[0])


if __name__ == "__main__":
    main()
