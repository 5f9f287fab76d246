"""The segradcam paper's own figures: nodules with their maps, cases with their readers' ratings.

In: finished cells; out: figures. Maps are read from what the explained cells kept; nothing is computed here.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from medrepro.reproduce.plan.cell import Cell
from medrepro.reproduce.plan.options import Options
from medrepro.reproduce.plan.paper import Job

CLASSES = ("benign", "malignant")
PLANES = ("axial", "coronal", "sagittal")
GALLERY = "grad-cam-plus-plus-fine"
CASES = 6  # of each class in Figure 11
TILE, BETWEEN, HEAD, FOOT = 0.78, 0.3, 0.35, 0.55  # inches: a picture, the gap between nodules, room above and below

Draw = Callable[[Any], Sequence[Any]]
Maps = dict[str, np.ndarray[Any, Any]]


def explanations(cells: Sequence[Cell]) -> Draw:
    """Return what draws the nodules x methods figure and the gallery of one method."""

    def draw(view: Any) -> Sequence[Any]:
        labels = {row.id: row.label for row in view.rows}
        kept = {row: _kept(cells, row) for row in labels}
        return [figure for figure in (_matrix(kept, labels), _gallery(kept[GALLERY])) if figure is not None]

    return draw


def summary(ours: Job, explained: Job) -> Draw:
    """Return what draws the network's ROC and learning curves, then the explanations."""

    def draw(view: Any) -> Sequence[Any]:
        from medrepro.reproduce.evaluation.results import read_result
        from medrepro.reproduce.evaluation.table_view import build_table
        from medrepro.reproduce.report.figures.standard import standard_figures

        network = build_table(ours.spec, [read_result(cell.path) for cell in ours.cells])
        shown = [figure for figure in standard_figures(network) if figure.id != "forest"]
        return [*shown, *explanations(explained.cells)(view)]

    return draw


def cases(options: Options, cells: Sequence[Cell]) -> Draw:
    """Return what draws Figure 11: the most certain nodules of each class, right first, with their readers' ratings."""

    def draw(view: Any) -> Sequence[Any]:
        del view
        from medrepro.datamodules.segradcam import SEGradCAMDataModule
        from medrepro.reproduce.report.figures.standard import Example, gallery

        frame = pd.concat([pd.read_parquet(cell.path.with_suffix(".parquet")) for cell in cells])
        config = cells[0].config["data"]
        data = SEGradCAMDataModule(**config, cache_dir=options.cache_dir)
        data.setup()
        place = {name: row for row, name in enumerate(data.records.table["sample_id"])}
        frame["sure"] = (frame["prob_1"] - 0.5).abs()
        picked = frame.sort_values("sure", ascending=False).groupby("label").head(CASES)
        examples = [
            Example(
                image=data.images[place[name]].numpy(),
                truth=CLASSES[label],
                predicted=CLASSES[int(malignant > 0.5)],
                probability=max(malignant, 1 - malignant),
                caption=_readers(data.records.table.iloc[place[name]]),
                spacing_mm=1.0,
            )
            for name, label, malignant in zip(
                picked["sample_id"].tolist(), picked["label"].tolist(), picked["prob_1"].tolist(), strict=True
            )
        ]
        figure = gallery(examples, "Cases", "The surest nodules of each class; readers' malignancy ratings, diameter.")
        return [] if figure is None else [figure]

    return draw


def _readers(row: Any) -> str:
    return f"readers {row['malignancy_ratings']} · {row['diameter_mm']:.0f} mm" if "malignancy_ratings" in row else ""


def _kept(cells: Sequence[Cell], row: str) -> Maps:
    """Return the maps that a method's cells kept, all folds joined."""
    paths = [cell.path.with_suffix(".maps.npz") for cell in cells if cell.row == row]
    archives = [np.load(path, allow_pickle=False) for path in paths if path.is_file()]
    return {name: np.concatenate([archive[name] for archive in archives]) for name in archives[0]} if archives else {}


def _chosen(maps: Maps) -> list[int]:
    """Return one nodule each: benign and malignant, right and wrong, where there are such."""
    predicted = maps["probability"].argmax(axis=1)
    found = []
    for value in (0, 1):
        for said in (value, 1 - value):
            match = np.flatnonzero((maps["label"] == value) & (predicted == said))
            found += match[:1].tolist()
    return found


def _gallery(maps: Maps) -> Any:
    """Three planes of some nodules with one method's map."""
    from medrepro.reproduce.report.figures.standard import Example, gallery

    if not maps:
        return None
    examples = [
        Example(
            image=maps["image"][case][None] / 255,
            truth=CLASSES[maps["label"][case]],
            predicted=CLASSES[maps["probability"][case].argmax()],
            probability=float(maps["probability"][case].max()),
            caption=f"{maps['diameter_mm'][case]:.0f} mm",
            spacing_mm=1.0,
            mask=maps["mask"][case],
            heat=maps["heat"][case] / 255,
        )
        for case in _chosen(maps)
    ]
    return gallery(examples, "Grad-CAM++ on nodules", "Test nodules, explained for the predicted class; outline: mask.")


def _matrix(kept: dict[str, Maps], labels: dict[str, str]) -> Any:
    """Nodules x methods: three planes each, the mask's outline, one colour scale for all."""
    import matplotlib as mpl
    from matplotlib.figure import Figure as Canvas

    from medrepro.reproduce.report.figures.canvas import Figure
    from medrepro.reproduce.report.figures.gallery import heat_scale
    from medrepro.reproduce.report.figures.style import RC

    methods = {row: maps for row, maps in kept.items() if maps}
    if not methods:
        return None
    first = next(iter(methods.values()))
    nodules = _chosen(first)
    height = HEAD + FOOT + (3 * TILE + BETWEEN) * len(nodules)  # inches
    with mpl.rc_context(RC):
        canvas = Canvas(figsize=(TILE * (len(methods) + 1), height))
        blocks = canvas.add_gridspec(
            len(nodules), 1, left=0.02, right=1, bottom=FOOT / height, top=1 - HEAD / height, hspace=BETWEEN / TILE / 3
        )
        for number, case in enumerate(nodules):
            _block(
                blocks[number].subgridspec(3, len(methods) + 1, hspace=0.04, wspace=0.04).subplots(),
                first,
                methods,
                case,
            )
        for axis, row in zip(canvas.axes[1:], methods, strict=False):
            axis.set_title(labels[row].replace("propagation", "prop.").replace(" ", "\n", 1), fontsize=5.5)
        heat_scale(canvas.add_axes((0.3, 0.3 / height, 0.4, 0.09 / height)))
    caption = "Rows: axial, coronal, sagittal through the nodule's centre; blue outline: the readers' consensus."
    return Figure("nodules-methods", "Nodules and explanations", caption, canvas, wide=True)


def _block(axes: Any, first: Maps, methods: dict[str, Maps], case: int) -> None:
    """One nodule: its planes as rows, the bare image and the methods as columns."""
    for column, maps in enumerate([None, *methods.values()]):
        for plane in range(3):
            _tile(axes[plane, column], first, maps, case, plane)
    truth, said = CLASSES[first["label"][case]], CLASSES[first["probability"][case].argmax()]
    axes[0, 0].set_title(f"{truth},\nsaid {said}", fontsize=6, loc="left")


def _tile(axis: Any, first: Maps, maps: Maps | None, case: int, plane: int) -> None:
    from medrepro.reproduce.report.figures.gallery import OUTLINE, Tile, blend, cut

    mask = first["mask"][case]
    centre = [round(float(places.mean())) for places in np.nonzero(mask)][plane]
    picture = cut(first["image"][case], plane, centre) / 255
    heat = None if maps is None else cut(maps["heat"][case], plane, centre) / 255
    axis.imshow(blend(Tile(picture, None, heat, "")), interpolation="none")
    axis.contour(cut(mask, plane, centre), levels=[0.5], colors=[OUTLINE], linewidths=0.7)
    axis.set_xticks([])
    axis.set_yticks([])
    if maps is None:
        axis.set_ylabel(PLANES[plane], fontsize=5.5)
