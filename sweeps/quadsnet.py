"""The study of the QuadSNet paper: the margins of its loss, which it takes from capsule networks as they are.

``python sweeps/quadsnet.py`` searches m+, m- and the weight of absent classes (Eq. 2) on the embedded, imbalanced data.
"""

import sys

from medrepro.reproduce.papers.quadsnet.protocol import PROTOCOL, preparation
from medrepro.reproduce.plan.cell import Cell
from medrepro.reproduce.plan.options import Options
from medrepro.reproduce.plan.protocol import Variant
from medrepro.sweeps.command import main as run
from medrepro.sweeps.study import Range, Study


def margin_cells(options: Options, row: str) -> tuple[Cell, ...]:
    """Return QuadSNet's cells, with whatever the options change."""
    return PROTOCOL.cells(options, "sweep-margins", [Variant(row, "QuadSNet")])


def prepare(options: Options) -> object:
    """Render the embedded nodules once."""
    fill = preparation(options)
    return fill() if fill is not None else None


STUDIES = {
    "margins": Study(
        key="quadsnet",
        place="medrepro.sweeps.quadsnet:STUDIES",
        name="margins",
        title="Which margins of the loss (Eq. 2)?",
        space=(
            Range("module.m_pos", 0.6, 1.0),  # Eq. 2: 0.9
            Range("module.m_neg", 0.0, 0.4),  # Eq. 2: 0.1
            Range("module.down_weight", 0.1, 1.0),  # Eq. 2: 0.5
        ),
        cells=margin_cells,
        paper={"module.m_pos": 0.9, "module.m_neg": 0.1, "module.down_weight": 0.5},
        prepare=prepare,
    )
}


def main(args: list[str] | None = None) -> int:
    """Run the study with ``args`` (default: the shell's)."""
    return run("quadsnet", STUDIES, args)


if __name__ == "__main__":
    sys.exit(main())
