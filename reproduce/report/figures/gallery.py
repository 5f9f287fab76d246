"""Examples right and wrong: slices, photographs or three planes of a volume, with what the network said.

In: :class:`Example` objects, intensities already windowed to [0, 1]. Out: one figure with scale bars in mm,
outlines of masks and explanation maps where there are any.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from numpy.typing import NDArray

from medrepro.datamodules.support.errors import InputError
from medrepro.reproduce.report.figures.canvas import WIDTH, Figure
from medrepro.reproduce.report.figures.style import INK, RC, SLOTS

Image = NDArray[np.floating] | NDArray[np.integer]
TILES = 4  # images side by side
GAP, TEXT_HEIGHT = 0.06, 0.52  # inches between tiles, and below them for three lines
TEXT_SIZE = 7.5
PLANES = ("axial", "coronal", "sagittal")
BAR_LENGTHS = (1, 2, 5, 10, 20, 50, 100, 200, 500)  # mm
SCALE_HEIGHT = 0.42  # inches, for the colour scale of explanations
SCALE_LABEL = "explanation, share of the map's maximum"
HEAT_FLOOR, HEAT_STRENGTH = 0.25, 0.65  # weaker explanation is transparent, the strongest covers two thirds
RIGHT, WRONG = SLOTS[2], SLOTS[1]
OUTLINE = "#6fd3ff"  # on grey images, the same on light and dark pages


@dataclass(frozen=True)
class Example:
    """One case and what the network said of it.

    Attributes:
        image: ``(C, H, W)`` with one or three channels, or a volume ``(1, D, H, W)``; values in [0, 1].
        truth: name of the true class; empty where nobody knows it.
        predicted: name of the predicted class.
        probability: of the predicted class.
        caption: a third line, as the diameter.
        spacing_mm: size of a pixel or voxel; ``None`` draws no scale bar.
        mask: ``(H, W)`` or ``(D, H, W)``, drawn as an outline.
        heat: explanation in [0, 1], of the mask's shape, laid over the image.
    """

    image: Image
    truth: str
    predicted: str
    probability: float
    caption: str = ""
    spacing_mm: float | None = None
    mask: NDArray[np.bool_] | None = None
    heat: Image | None = None

    def __post_init__(self) -> None:
        shape = self.image.shape
        if not (len(shape) == 3 and shape[0] in (1, 3)) and not (len(shape) == 4 and shape[0] == 1):
            raise InputError(f"example of shape {shape}: allowed are (1 or 3, H, W) and (1, D, H, W)")

    @property
    def right(self) -> bool:
        """Whether the prediction is the truth."""
        return self.truth == self.predicted

    def tiles(self) -> list["Tile"]:
        """What is drawn: the image itself, or the three planes through a volume's centre (or its mask's)."""
        if self.image.ndim == 3:
            picture = self.image[0] if len(self.image) == 1 else np.moveaxis(self.image, 0, -1)
            return [Tile(picture, self.mask, self.heat, "")]
        centre = self._centre()
        return [
            Tile(
                cut(self.image[0], axis, centre[axis]),
                None if self.mask is None else cut(self.mask, axis, centre[axis]),
                None if self.heat is None else cut(self.heat, axis, centre[axis]),
                name,
            )
            for axis, name in enumerate(PLANES)
        ]

    def _centre(self) -> list[int]:
        if self.mask is not None and self.mask.any():
            return [round(float(places.mean())) for places in np.nonzero(self.mask)]
        return [size // 2 for size in self.image.shape[1:]]


@dataclass(frozen=True)
class Tile:
    """One picture ``(H, W)`` or ``(H, W, 3)`` with its overlays."""

    picture: Image
    mask: NDArray[np.bool_] | None
    heat: Image | None
    plane: str


def cut(volume: NDArray[Any], axis: int, index: int) -> NDArray[Any]:
    """Return one plane of a volume ``(D, H, W)``, z rising towards the head: coronal and sagittal with the head up."""
    plane: NDArray[Any] = np.take(volume, index, axis)
    return plane if axis == 0 else plane[::-1]


def gallery(examples: Sequence[Example], title: str = "Examples", caption: str = "") -> Figure | None:
    """Right examples first, then wrong ones; ``None`` without examples.

    Args:
        examples: all two-dimensional or all volumes.
        title: heading.
        caption: what was chosen and how.

    Raises:
        InputError: images and volumes are mixed.
    """
    ordered = sorted(examples, key=lambda example: not example.right)
    if not ordered:
        return None
    if len({example.image.ndim for example in ordered}) > 1:
        raise InputError("a gallery holds images or volumes, not both: draw two")
    drawn = [(tile, example) for example in ordered for tile in example.tiles()]
    columns = TILES if ordered[0].image.ndim == 3 else len(PLANES)
    with mpl.rc_context(RC):
        explained = any(example.heat is not None for example in ordered)
        canvas, axes = _tiles(len(drawn), columns, SCALE_HEIGHT if explained else 0)
        for position, (axis, (tile, example)) in enumerate(zip(axes, drawn, strict=True)):
            _draw(axis, tile, example)
            if position % columns == 0 or columns == TILES:
                _say(axis, example)
        if explained:
            height = canvas.get_figheight()
            heat_scale(canvas.add_axes((0.25, 0.26 / height, 0.5, 0.09 / height)))
    note = " Colour: explanation." if explained else ""
    return Figure("examples-" + "".join(c for c in title.lower() if c.isalnum()), title, caption + note, canvas)


def heat_scale(axis: Axes) -> None:
    """Draw the colours of explanations from none to the maximum, as they look on mid-grey."""
    ramp = np.tile(np.linspace(0, 1, 128), (8, 1))
    axis.imshow(blend(Tile(np.full(ramp.shape, 0.4), None, ramp, "")), extent=(0, 1, 0, 1), aspect="auto")
    axis.set_xticks([0, 0.5, 1])
    axis.set_yticks([])
    axis.tick_params(labelsize=6, length=2, pad=1)
    axis.set_xlabel(SCALE_LABEL, fontsize=6.5, labelpad=1)


def _tiles(count: int, columns: int, below: float) -> tuple[Canvas, list[Axes]]:
    """A canvas of square tiles with room for three lines of text below each, and ``below`` inches at the foot."""
    lines, side = math.ceil(count / columns), WIDTH / columns - GAP
    height = lines * (side + TEXT_HEIGHT) + below
    canvas = Canvas(figsize=(WIDTH, height))
    axes = []
    for position in range(count):
        line, column = divmod(position, columns)
        bottom = height - (line + 1) * side - line * TEXT_HEIGHT
        axes.append(canvas.add_axes((column / columns, bottom / height, side / WIDTH, side / height)))
        axes[-1].axis("off")
    return canvas, axes


def _draw(axis: Axes, tile: Tile, example: Example) -> None:
    axis.imshow(blend(tile), interpolation="none")
    if tile.mask is not None and tile.mask.any() and not tile.mask.all():
        axis.contour(tile.mask, levels=[0.5], colors=[OUTLINE], linewidths=0.9)
    if example.spacing_mm is not None:
        _scale_bar(axis, tile.picture.shape[:2], example.spacing_mm)
    if tile.plane:
        axis.text(0.04, 0.96, tile.plane, color="white", fontsize=6.5, va="top", transform=axis.transAxes)


def blend(tile: Tile) -> Image:
    """Return the picture in RGB, the explanation laid over it; one image, for SVG knows no transparency by pixel."""
    picture = np.clip(np.asarray(tile.picture, dtype=np.float64), 0, 1)
    colours = picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=-1)
    if tile.heat is None:
        return colours
    strength = HEAT_STRENGTH * np.clip((tile.heat - HEAT_FLOOR) / (1 - HEAT_FLOOR), 0, 1)[..., None]
    heat = mpl.colormaps["inferno"](np.asarray(tile.heat, dtype=np.float64))[..., :3]
    blended: Image = (1 - strength) * colours + strength * heat
    return blended


def _say(axis: Axes, example: Example) -> None:
    """Below the picture: the truth, then what the network said, ticked or crossed; with no truth the latter alone."""
    said = f"{example.predicted} {example.probability:.2f}"
    lines = [(said, INK.light, "bold")]
    if example.truth:
        mark, slot = ("✓", RIGHT) if example.right else ("✗", WRONG)
        lines = [(example.truth, INK.light, "bold"), (f"{mark} {said}", slot.light, "normal")]
    lines += [(example.caption, INK.light, "normal")] if example.caption else []
    for number, (line, colour, weight) in enumerate(lines):
        axis.annotate(
            line,
            (0, 0),
            (0, -3 - 10 * number),
            xycoords="axes fraction",
            textcoords="offset points",
            color=colour,
            weight=weight,
            fontsize=TEXT_SIZE,
            va="top",
            annotation_clip=False,
        )


def _scale_bar(axis: Axes, shape: tuple[int, ...], spacing_mm: float) -> None:
    """A white bar of a round length, about a quarter of the width."""
    height, width = shape
    length = max((mm for mm in BAR_LENGTHS if mm <= 0.4 * width * spacing_mm), default=BAR_LENGTHS[0])
    left, bottom = 0.05 * width, 0.94 * height
    axis.plot([left, left + length / spacing_mm], [bottom, bottom], color="white", linewidth=2, solid_capstyle="butt")
    axis.text(left, bottom - 0.04 * height, f"{length} mm", color="white", fontsize=6.5, va="bottom")
