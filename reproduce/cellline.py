"""Reproduce "Towards image-based cancer cell lines authentication using deep neural networks" (key ``cellline``).

``python reproduce/cellline.py`` runs the eight-class task with and without transfer, offline, in minutes;
``--help`` lists the rest, ``--authenticate PATH`` names the cell line in an image.
"""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

try:
    from medrepro.reproduce import command as _cli
    from medrepro.reproduce.plan.options import Options
    from medrepro.reproduce.plan.paper import Job, Paper
except ModuleNotFoundError as error:
    sys.exit(
        f"medrepro is not installed in this Python ({error}): run `make cellline`, or `pip install -e .` in its folder"
    )

if TYPE_CHECKING:
    from medrepro.reproduce.plan.cell import Cell
    from medrepro.reproduce.run.outcome import Outcome


def classes() -> tuple[type, type]:
    """Return the paper's module and datamodule (imports torch)."""
    from medrepro.datamodules.cellline import CellLineDataModule
    from medrepro.lightning_modules.cellline import CellLineModule

    return CellLineModule, CellLineDataModule


def execute(cell: "Cell", report: Callable[[float, str], None], stop: Callable[[], bool]) -> "Outcome | None":
    """Run one cell: count, derive from other cells, do without a network, or train."""
    from medrepro.reproduce.papers.cellline import compute, derived

    kind = cell.config["train"].get("derived", "")
    if kind == "counts":
        return derived.count_images(cell)
    if "baseline" in cell.config["train"]:
        return compute.execute_baseline(cell)
    return (derived.execute_derived if kind else compute.execute_trained)(cell, report, stop)


def plan(options: Options) -> Job:
    """Return the cells and the table of the chosen target; ``--weights`` fill the rows that start from ImageNet."""
    from medrepro.reproduce.papers.cellline import figures, studies, tables

    kind, _, name = options.target.partition(" ")
    weights = options.flags.get("weights", "none")
    weights = "" if weights == "none" else weights
    if weights:
        _check_weights(weights, options)
    module = {"table": tables, "figure": figures, "study": studies}[kind]
    job: Job = getattr(module, name if kind == "study" else f"{kind}{name}")(options, weights)
    return job


def _check_weights(weights: str, options: Options) -> None:
    """Load the weights once before anything is trained, so that missing ones are said at once."""
    from medrepro.lightning_modules.networks.weights import build_backbone
    from medrepro.reproduce.papers.cellline.paper import PRESETS

    usual = PRESETS[options.preset]["module"].get("backbone", "inception_resnet_v2")
    build_backbone(options.module.get("backbone", usual), weights)


TARGETS = {
    "table 5": "eight lines, transfer against scratch, with and without augmentation",
    "table 1": "images per line",
    "table 2": "the nine strategies I-IX",
    "table 3": "InceptionResNet V2 against MobileNet",
    "table 4": "four parental lines, four adapted lines",
    "table 6": "each parent against its subline",
    "table 7": "training with 100 to 20 % of the images",
    "table 8": "F1 of each line",
    "table 9": "confidence of right and wrong answers",
    "table 10": "EFO-21 against EFO-27",
    "figure 1": "sample images",
    "figure 3": "learning curves of the two networks",
    "study resize": "squash or crop",
    "study head": "fully connected layers",
    "study batch": "batch size",
    "study stages": "one or two stages of pretraining",
    "study samplesize": "sample size with and without transfer",
    "study leakage": "folds of flasks against folds of images",
    "study transfer": "pretrained, random frozen, random trained at equal budget",
}


PAPER = Paper.unconverted(
    key="cellline",
    title="Cancer cell line authentication by transfer learning (Mzurikwao et al. 2020).",
    targets=TARGETS,
    data={
        "embedded": "eight rendered lines, synthetic (offline)",
        "folder": "your images: <class>/<flask>__*.png, or one CSV, tar or npz",
        "livecell": "LIVECell, eight other lines (public)",
        "breakhis": "BreaKHis, breast tumours (public)",
    },
    job=plan,
    classes=classes,
    reasons={
        "figure 2": "a drawing of the pilot classification; Table 2 lists its strategies",
    },
    citations=(
        (
            "paper",
            "Mzurikwao D. et al. Towards image-based cancer cell lines authentication using deep neural networks. "
            "Sci Rep 10, 19857 (2020).",
            "CC BY 4.0",
        ),
        ("data", "Rendered cell lines, made here: synthetic.", "MIT"),
    ),
    flags={
        "weights": "ImageNet weights for the rows that need them: a file, imagenet (download) or none",
        "breakhis": "folder of BreaKHis, for --study stages with --weights",
        "authenticate": "name the cell line in this image, or in every image of this folder",
        "run": "the run whose model --authenticate uses; default: runs/cellline-table5-quick",
    },
)


def main(args: list[str] | None = None) -> int:
    """Run the command with ``args`` (default: the shell's); see :func:`medrepro.reproduce.command.main`."""
    words = sys.argv[1:] if args is None else args
    if any(word.split("=")[0] == "--authenticate" for word in words):
        from medrepro.reproduce.papers.cellline.authenticate import main as authenticate

        return authenticate(words)
    return _cli.main(PAPER, args)


if __name__ == "__main__":
    sys.exit(main())
