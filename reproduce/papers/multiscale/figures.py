"""Pictures of the multi-scale paper: samples of both classes, as the paper's Figs. 4 and 5 show them.

In: a cache folder; out: galleries of rendered crops at their three fields of view. Nothing is predicted here.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from medrepro.reproduce.report.figures.canvas import Figure

PER_CLASS = 6
SIZE = 64  # voxels of 1 mm
WINDOW = (-1000.0, 400.0)  # Eq. 14
LABEL = {"benign": 0, "malignant": 1}


def sample_galleries(classes: Sequence[str], cache_dir: str | None) -> list["Figure"]:
    """Return one gallery a class: six nodules spread over the diameters, middle slice, the three crops outlined."""
    return [_gallery(name, cache_dir) for name in classes]


def _gallery(name: str, cache_dir: str | None) -> "Figure":
    import matplotlib as mpl
    from matplotlib.figure import Figure as Canvas
    from matplotlib.patches import Rectangle

    from medrepro.datamodules.lidc.cohorts import rated_nodules
    from medrepro.datamodules.lidc.nodules import render
    from medrepro.reproduce.report.figures.canvas import WIDTH, Figure
    from medrepro.reproduce.report.figures.style import RC

    table = rated_nodules(cache_dir)
    table = table[table["label"] == LABEL[name]].sort_values("diameter_mm")
    chosen = table.iloc[[round((i + 0.5) / PER_CLASS * (len(table) - 1)) for i in range(PER_CLASS)]]
    with mpl.rc_context(RC):
        canvas = Canvas(figsize=(WIDTH, WIDTH * 0.8), layout="constrained")
        for axis, (_, nodule) in zip(canvas.subplots(2, PER_CLASS // 2).ravel(), chosen.iterrows(), strict=True):
            volume, _ = render(nodule, SIZE, 1.0, 0, cache_dir)
            axis.imshow(volume[SIZE // 2], cmap="gray", vmin=WINDOW[0], vmax=WINDOW[1], interpolation="none")
            for scale in (32, 48):
                corner = (SIZE - scale) / 2 - 0.5
                axis.add_patch(Rectangle((corner, corner), scale, scale, fill=False, linewidth=0.6, edgecolor="white"))
            axis.set_title(f"{nodule.diameter_mm:.0f} mm, level {nodule.level}", fontsize=8)
            axis.axis("off")
    caption = "Middle slice, 64 mm across, -1000..400 HU (Eq. 14); frames: the crops of 48 and 32 mm. Rendered CT."
    return Figure(f"samples-{name}", f"{name.capitalize()} samples", caption, canvas)
