"""Plan the rows below the line of cellline's tables: the majority class and a regression on grey levels, per task."""

from collections.abc import Sequence

from medrepro.reproduce.papers.cellline.protocol import HERE
from medrepro.reproduce.plan.protocol import Variant
from medrepro.reproduce.plan.table import WITHOUT_NETWORK, RowSpec

SAME_IMAGES = ("task", "image_size", "share", "width", "flasks")  # what of a row's data decides the images


def planned(rows: Sequence[Variant]) -> tuple[list[RowSpec], list[Variant]]:
    """Return both baselines as rows, once for each task that the table's rows train on."""
    tasks = {row.data.get("task", "all"): row for row in reversed(rows)}
    found = []
    for task, row in reversed(tasks.items()):
        data = {name: value for name, value in row.data.items() if name in SAME_IMAGES} | {"augment": "none"}
        for name, label in WITHOUT_NETWORK.items():
            several = len(tasks) > 1
            own, shown = (f"{name}-{task}", f"{label}, {row.label}") if several else (name, label)
            found.append(Variant(own, shown, data=data, function=f"{HERE}.compute:{name}", computed=True))
    return [RowSpec(one.row, one.label, below=True) for one in found], found
