"""Name the trained cells that a derived row is computed from, as plain data."""

from dataclasses import replace

from medrepro.reproduce.plan.cell import Cell


def derive(
    cells: tuple[Cell, ...], table: str, row: str, label: str, kind: str, out: str, of_class: int | None = None
) -> Cell:
    """Return the cell of ``table`` that is computed, without epochs, from cells that differ in row and data only.

    Args:
        cells: the trained cells, possibly of another run's folder.
        table: where the derived row stands.
        row: its id.
        label: what it is called.
        kind: name of the computation, see ``_cellline.derived``.
        out: folder of the run the derived row belongs to.
        of_class: the class it is about; None for all.
    """
    first = cells[0]
    bases = [
        {"table": base.table, "row": base.row, "label": base.label, "data": base.config["data"], "out": base.out}
        for base in cells
    ]
    train = {"epochs": 0, "derived": kind, "of_class": of_class, "bases": bases, "base_train": first.config["train"]}
    return replace(first, table=table, row=row, label=label, out=out, config={**first.config, "train": train})


def base_cells(cell: Cell) -> list[Cell]:
    """Return the trained cells that a derived one rests on, as their own table would plan them."""
    train = cell.config["train"]
    return [
        replace(
            cell,
            table=base["table"],
            row=base["row"],
            label=base["label"],
            out=base["out"],
            fold=base["data"]["fold"],
            config={**cell.config, "data": base["data"], "train": train["base_train"]},
        )
        for base in train["bases"]
    ]
