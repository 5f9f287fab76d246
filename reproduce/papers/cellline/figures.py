"""Draw the cellline paper's figures: sample images of each line, and learning curves of the two networks."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from medrepro.reproduce.papers.cellline.tables import table1, table3
from medrepro.reproduce.plan.options import Options
from medrepro.reproduce.plan.paper import Job

if TYPE_CHECKING:
    from medrepro.reproduce.report.figures.canvas import Figure


def figure1(options: Options) -> Job:
    """Plan Fig. 1: one image of each line, with the counts of Table 1 below."""
    counts = table1(options)

    def samples(view: Any) -> Sequence["Figure"]:
        del view
        return (draw_samples(counts.cells[0].config["data"]),)

    return replace(counts, spec=replace(counts.spec, number="1", title="Sample images", kind="Figure"), figures=samples)


def draw_samples(data: dict[str, Any]) -> "Figure":
    """Draw the first image of each class as the network sees it."""
    import numpy as np

    from medrepro.datamodules.cellline import CellLineDataModule
    from medrepro.reproduce.report.figures.canvas import Figure, panels

    records = CellLineDataModule(**data).load_records()
    canvas, axes = panels(len(records.classes), 4, 1.3)
    for label, (axis, name) in enumerate(zip(axes, records.classes, strict=True)):
        pixels = np.asarray(records.images[int(np.argmax(records.labels == label))])
        axis.imshow(np.moveaxis(pixels, 0, -1).squeeze(), cmap="gray", vmin=0, vmax=255)
        axis.set_title(name, fontsize=6)
        axis.set_axis_off()
    kind = f"{records.kind}; resized to the network's input."
    return Figure("samples", "One image of each line", kind, canvas, wide=True)


def figure3(options: Options) -> Job:
    """Plan Fig. 3: the learning curves of Table 3's two networks, drawn from their histories."""
    compared = table3(options)
    return replace(compared, spec=replace(compared.spec, title="Learning curves of the two networks", kind="Figure"))
