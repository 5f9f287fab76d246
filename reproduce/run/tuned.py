"""Take the learning rate that did best on validation, of the trainings that a cell needs for that."""

from dataclasses import replace

from medrepro.reproduce.plan.cell import Cell
from medrepro.reproduce.plan.protocol import TUNING
from medrepro.reproduce.run.outcome import read_outcome


def tuned(cell: Cell) -> tuple[Cell, dict[str, float]]:
    """Return the cell with its chosen learning rate, and that rate as a metric; the cell itself without a choice.

    The rate is the one whose best epoch has the best validation score, the AUC where there is one; of equal ones the
    smallest.
    """
    tried = [need for need in cell.needs if need.table.endswith(TUNING)]
    if not tried:
        return cell, {}
    scores = {float(need.config["module"]["lr"]): _best(need) for need in tried}
    rate = max(sorted(scores), key=scores.__getitem__)
    others = tuple(need for need in cell.needs if need not in tried)
    config = {**cell.config, "module": {**cell.config["module"], "lr": rate}}
    return replace(cell, config=config, needs=others), {"tuned/lr": rate}


def _best(cell: Cell) -> float:
    history = read_outcome(cell).history
    return max(history["val/auc"]) if "val/auc" in history else -min(history["val/loss"])
