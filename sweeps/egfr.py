"""Studies of the EGFR paper: Figure 5's batch sizes, and the weights and rates of the mixed loss.

``python sweeps/egfr.py`` trains the eight batch sizes of Figure 5 and prints the figure's table with its intervals;
``--study loss`` searches beta, gamma, the margin, learning rate and weight decay. ``--help`` lists the rest.
"""

import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from medrepro.reproduce.papers.egfr import studies as figures
from medrepro.reproduce.papers.egfr.protocol import PRESETS, PROTOCOL, preparation
from medrepro.reproduce.plan.cell import Cell
from medrepro.reproduce.plan.options import Options
from medrepro.reproduce.plan.paper import Job
from medrepro.reproduce.plan.protocol import Variant
from medrepro.sweeps.command import main as run
from medrepro.sweeps.study import Range, Study, numbers

BATCH = "datamodule.batch_size"


def figure5(options: Options) -> Job:
    """Return Figure 5 as its own command plans it: all sizes, the same cells."""
    return figures.figure5(replace(options, target="figure 5", module={}, datamodule={}))


def batch_cells(options: Options, row: str) -> tuple[Cell, ...]:
    """Return Figure 5's cells of one batch size."""
    return tuple(cell for cell in figure5(options).cells if cell.row == row)


def batch_row(chosen: Mapping[str, Any]) -> str:
    """Return Figure 5's name of a batch size."""
    return f"n{chosen[BATCH]}"


def loss_cells(options: Options, row: str) -> tuple[Cell, ...]:
    """Return ResNet-MLB's cells, with whatever the options change."""
    backbone = "resnet34" if options.preset == "paper" else "resnet18"
    variant = Variant(row, "ResNet-MLB", {"backbone": backbone, "loss": "ml"}, {"batches": "bt"})
    return PROTOCOL.cells(options, "sweep-loss", [variant])


def prepare(options: Options) -> object:
    """Render the nodules once, or look whether the files are there."""
    return preparation(options)()


STUDIES = {
    study.name: study
    for study in (
        Study(
            key="egfr",
            place="medrepro.sweeps.egfr:STUDIES",
            name="batch",
            title="Which batch size? (Figure 5)",
            space=(numbers(BATCH, figures.BATCH_SIZES),),
            cells=batch_cells,
            row=batch_row,
            grid=True,
            seeds={name: preset.seeds for name, preset in PRESETS.items()},
            prepare=prepare,
            answer=figure5,
        ),
        Study(
            key="egfr",
            place="medrepro.sweeps.egfr:STUDIES",
            name="loss",
            title="Which weights, margin and rates of the mixed loss (Eq. 11)?",
            space=(
                Range("module.beta", 0.25, 2.0),  # Sec. 3.1.2: 1
                Range("module.gamma", 0.0, 2.0),  # Sec. 3.1.2: 0.5
                Range("module.margin", 0.0, 1.0),  # Eq. 8: q is in [0, 1]
                Range("module.lr", 1e-4, 1e-2, log=True),  # Sec. 3.1.2: 1e-4, for 50 epochs
                Range("module.weight_decay", 1e-8, 1e-3, log=True),  # Sec. 3.1.2: 1e-8
            ),
            cells=loss_cells,
            paper={
                "module.beta": 1.0,
                "module.gamma": 0.5,
                "module.margin": 0.5,
                "module.lr": 1e-4,
                "module.weight_decay": 1e-8,
            },
            prepare=prepare,
        ),
    )
}


def main(args: list[str] | None = None) -> int:
    """Run a study with ``args`` (default: the shell's)."""
    return run("egfr", STUDIES, args)


if __name__ == "__main__":
    sys.exit(main())
