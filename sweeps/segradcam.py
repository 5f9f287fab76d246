"""The study of the segradcam paper: how narrow the squeeze is, and the learning rate, on which its text disagrees.

``python sweeps/segradcam.py`` searches both on a fifth of the training patients; the paper's folds hold none out.
"""

import sys
from dataclasses import replace

from medrepro.reproduce.papers.segradcam.protocol import PROTOCOL, preparation
from medrepro.reproduce.plan.cell import Cell
from medrepro.reproduce.plan.options import Options
from medrepro.reproduce.plan.protocol import Variant
from medrepro.sweeps.command import main as run
from medrepro.sweeps.study import Range, Study, numbers

VALIDATION = 0.2  # assumed: share of the training patients on which the choice is made


def squeeze_cells(options: Options, row: str) -> tuple[Cell, ...]:
    """Return the network's cells, with whatever the options change, and with validation patients."""
    held_out = replace(options, datamodule={"val_fraction": VALIDATION, **options.datamodule})
    return PROTOCOL.cells(held_out, "sweep-squeeze", [Variant(row, "SE network (Mish)")])


def prepare(options: Options) -> object:
    """Cut the cubes once."""
    return preparation(options)()


STUDIES = {
    "squeeze": Study(
        key="segradcam",
        place="medrepro.sweeps.segradcam:STUDIES",
        name="squeeze",
        title="Which reduction of the squeeze, which learning rate?",
        space=(
            numbers("module.reduction", (2, 4, 8, 16, 32)),  # Sec. 3.1.3: "by a certain amount"
            Range("module.lr", 1e-3, 0.3, log=True),  # Sec. 5.1: 0.001; Sec. 4: 0.30
        ),
        cells=squeeze_cells,
        paper={"module.reduction": 16, "module.lr": 1e-3},
        prepare=prepare,
    )
}


def main(args: list[str] | None = None) -> int:
    """Run the study with ``args`` (default: the shell's)."""
    return run("segradcam", STUDIES, args)


if __name__ == "__main__":
    sys.exit(main())
