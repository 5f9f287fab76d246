"""The study of the cell-line paper: batch size and fully connected layers (its Tables S2 and S3 are not in the text).

``python sweeps/cellline.py`` tries every pair on the features of the transferred backbone, which are computed once.
"""

import sys
from dataclasses import replace

from medrepro.reproduce.papers.cellline.protocol import PROTOCOL, best_start, cells, line
from medrepro.reproduce.papers.cellline.studies import BATCHES, HEADS
from medrepro.reproduce.plan.cell import Cell
from medrepro.reproduce.plan.options import Options
from medrepro.sweeps.command import main as run
from medrepro.sweeps.study import Choice, Study, numbers

FEW_FOLDS = 3  # of ten: a trial's value is their mean


def head_cells(options: Options, row: str) -> tuple[Cell, ...]:
    """Return strategy V's cells, with whatever the options change."""
    variant = line(options, row, "strategy V", best_start(options), data={"augment": "nearest"})
    folds = min(FEW_FOLDS, PROTOCOL.folds(options)) if options.folds is None else options.folds
    return cells(replace(options, folds=folds), "sweep-head", [variant])


STUDIES = {
    "head": Study(
        key="cellline",
        place="medrepro.sweeps.cellline:STUDIES",
        name="head",
        title="Which batch size and which fully connected layers?",
        space=(
            numbers("datamodule.batch_size", BATCHES),
            Choice("module.hidden", {"-".join(map(str, hidden)) or "none": list(hidden) for hidden in HEADS}),
        ),
        cells=head_cells,
        grid=True,
        seeds={"paper": (0,), "quick": (0,), "smoke": (0,)},
        monitor="val/f1",  # the paper's metric
    )
}


def main(args: list[str] | None = None) -> int:
    """Run the study with ``args`` (default: the shell's)."""
    return run("cellline", STUDIES, args)


if __name__ == "__main__":
    sys.exit(main())
