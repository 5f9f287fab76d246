"""How much faster do two processes train than one, with one thread each? The same global batches, through Lightning.

In: nothing (seeded images in memory). Out: images a second, the speed-up and its share of the ideal one, as JSON and
Markdown in ``benchmarks/results/``. Run: ``python benchmarks/scaling.py``. One and two processes take turns in one run,
so that whatever else the machine does falls on both; each process is new, and its first epoch is not counted.
"""

import argparse
import json
import logging
import multiprocessing
import os
import statistics
import tempfile
import warnings
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from _loops import EpochClock
from throughput import RESULTS, machine

from medrepro.datamodules.loader import ArrayDataset, ResumableLoader
from medrepro.datamodules.samplers import RandomBatchSampler
from medrepro.datamodules.support.cache import atomic_write
from medrepro.lightning_modules.egfr import EGFRModule
from medrepro.reproduce.plan.cell import Cell, Runtime
from medrepro.reproduce.run.callbacks import History
from medrepro.reproduce.run.training import build_trainer

PROCESSES = (1, 2)
Speeds = dict[int, dict[int, list[float]]]  # batch size -> processes -> images/s of each round


def parse(args: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--backbone", default="resnet18")
    parser.add_argument("--scale", default="quick", choices=["quick", "paper", "standard"])
    parser.add_argument("--samples", type=int, default=2160, help="images of an epoch")
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[36, 144], help="over all processes together")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=3, help="of each process; the first warms up")
    parser.add_argument("--out", type=Path, default=RESULTS)
    return parser.parse_args(args)


def train(rank: int, processes: int, batch_size: int, folder: str, options: argparse.Namespace) -> None:
    """Train as one of ``processes`` ranks; the first writes the clock at each epoch's end to ``folder``."""
    torch.set_num_threads(1)
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="pytorch_lightning")
    if processes > 1:
        os.environ |= {"LOCAL_RANK": str(rank), "NODE_RANK": "0", "WORLD_SIZE": str(processes)}
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
        meeting = f"file://{folder}/meeting"
        dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=processes)
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(options.samples, 1, 64, 64, generator=generator)
    labels = torch.randint(0, 2, (options.samples,), generator=generator)
    dataset = ArrayDataset(images, labels, torch.arange(options.samples))
    config = {"train": {"epochs": options.epochs, "precision": "32-true", "select": "last"}}
    runtime = Runtime(devices=processes)
    cell = Cell("egfr", "scaling", "ours", "", 0, 0, "quick", config, folder, runtime=runtime)
    clock = EpochClock(torch.device("cpu"))
    trainer = build_trainer(cell, [History(lambda *_: None, lambda: False), clock])
    batches = RandomBatchSampler(options.samples, batch_size, rank=rank, world_size=processes)
    trainer.fit(EGFRModule(options.backbone, options.scale), ResumableLoader(dataset, batches))
    if rank == 0:
        Path(folder, "ends.json").write_text(json.dumps(clock.ends))
    if processes > 1:
        dist.barrier()


def measure(processes: int, batch_size: int, options: argparse.Namespace) -> float:
    """Return the images a second of ``processes`` new processes, over all epochs but the first.

    Raises:
        RuntimeError: a process failed; its error stands above.
    """
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        given = [(rank, processes, batch_size, folder, options) for rank in range(processes)]
        ranks = [context.Process(target=train, args=one) for one in given]
        for rank in ranks:
            rank.start()
        for rank in ranks:
            rank.join()
        if any(rank.exitcode for rank in ranks):
            raise RuntimeError(f"a process of {processes} failed; its error stands above")
        ends = json.loads(Path(folder, "ends.json").read_text())
    return float(options.samples * (len(ends) - 1) / (ends[-1] - ends[0]))


def run(options: argparse.Namespace) -> Speeds:
    """Let one and two processes take turns."""
    speeds: Speeds = {size: {count: [] for count in PROCESSES} for size in options.batch_sizes}
    for turn in range(options.rounds):
        for size, by_count in speeds.items():
            for count, found in by_count.items():
                found.append(measure(count, size, options))
                print(f"round {turn + 1} batches of {size:<4} {count} processes {found[-1]:8.0f} images/s", flush=True)
    return speeds


def speed_up(by_count: dict[int, list[float]]) -> list[float]:
    """Return each round's speed of two processes over that of one."""
    return [two / one for one, two in zip(by_count[1], by_count[2], strict=True)]


def efficiency(by_count: dict[int, list[float]]) -> float:
    """Return the median speed-up as a share of the ideal one, which is the number of processes."""
    return statistics.median(speed_up(by_count)) / PROCESSES[-1]


def markdown(record: dict[str, Any]) -> str:
    """Render the record: a line a batch size, and how to read it."""
    settings = record["settings"]
    lines = [
        "# Scaling: one process and two",
        "",
        f"egfr, {settings['backbone']} at scale `{settings['scale']}`, {settings['samples']} images of 64 x 64 an "
        f"epoch, mixed loss, augmentation on, one thread a process, gloo; {settings['rounds']} rounds in turn, "
        f"{settings['epochs'] - 1} epochs each after one to warm up.",
        "",
        " · ".join(f"{name} {value}" for name, value in record["machine"].items() if value),
        "",
        "| global batch | 1 process, images/s (range) | 2 processes, images/s (range) | speed-up | efficiency |",
        "|---|---|---|---|---|",
    ]
    for size, by_count in record["images_per_second"].items():
        shown = [
            f"{statistics.median(values):.0f} ({min(values):.0f} to {max(values):.0f})" for values in by_count.values()
        ]
        gain = statistics.median(speed_up(by_count))
        lines.append(f"| {size} | {' | '.join(shown)} | {gain:.2f} | {efficiency(by_count):.0%} |")
    return "\n".join(
        [
            *lines,
            "",
            "The global batch stays what it is: two processes take half of each. Efficiency is the median of the "
            "rounds' speed-ups over 2. What is lost goes to the all-reduce of gradients and of the batch loss's rows, "
            "to steps of half the size, and to two cores sharing one memory.",
            "",
        ]
    )


def main(args: list[str] | None = None) -> None:
    """Measure, print, write."""
    options = parse(args)
    settings = {name: value for name, value in vars(options).items() if name != "out"}
    about = machine(argparse.Namespace(accelerator="cpu", threads=1))
    record = {"settings": settings, "machine": about, "images_per_second": run(options)}
    text = markdown(record)
    for suffix, content in (("json", json.dumps(record, indent=1) + "\n"), ("md", text)):
        with atomic_write(options.out / f"scaling_egfr_{options.backbone}_{options.scale}_cpu.{suffix}") as temporary:
            temporary.write_text(content)
    print(text)


if __name__ == "__main__":
    main()
