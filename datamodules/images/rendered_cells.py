"""Phase-contrast images of eight invented cell lines: synthetic, seeded, nothing to download.

The lines are named as in the paper's Table 1 and have its class counts, but every pixel is drawn here: nothing
measured on them speaks about the real lines. Each line has its own phenotype; an adapted line is its parent moved
towards its drug's phenotype, by a share that grows with the dose. EFO-21 and EFO-27 were moved furthest, both to
cisplatin, so their adapted lines are the closest pair, as the paper's Table 10 finds. Flasks differ in light, colour,
focus and density: images of one flask are alike for reasons that have nothing to do with the line.
"""

import dataclasses
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.ndimage import gaussian_filter

from medrepro.datamodules.records import Records
from medrepro.datamodules.support.errors import InputError

FIELD_UM: Final = (192.0, 256.0)  # height and width of the field of view; 4:3 as the paper's 2560 x 1922
Image = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Phenotype:
    """What a line's cells look like.

    Attributes:
        radius_um: mean radius of a cell, in micrometres.
        elongation: long over short axis, 1 = round.
        confluence: fraction of the field that cells cover.
        granularity: contrast of the granules inside a cell, 0 to 1.
        halo: brightness of the phase-contrast rim, 0 to 1.
    """

    radius_um: float
    elongation: float
    confluence: float
    granularity: float
    halo: float

    def towards(self, other: "Phenotype", share: float) -> "Phenotype":
        """Return the phenotype that lies ``share`` (0 to 1) of the way to ``other``."""
        pairs = zip(dataclasses.astuple(self), dataclasses.astuple(other), strict=True)
        return Phenotype(*(mine + share * (theirs - mine) for mine, theirs in pairs))


@dataclass(frozen=True)
class CellLine:
    """A line: its name, the paper's number of images (Table 1), its phenotype and, if adapted, its parent."""

    name: str
    images: int
    phenotype: Phenotype
    parent: str = ""


@dataclass(frozen=True)
class Flask:
    """What all images of one flask share: light, colour, focus, and how its cells differ from the line's."""

    brightness: float
    gradient: tuple[float, float]
    tint: tuple[float, float, float]
    blur_um: float
    change: tuple[float, ...]


CISPLATIN: Final = Phenotype(radius_um=17.0, elongation=1.6, confluence=0.35, granularity=0.85, halo=0.30)
OXALIPLATIN: Final = Phenotype(radius_um=12.0, elongation=2.8, confluence=0.30, granularity=0.60, halo=0.45)
COLO_704: Final = Phenotype(radius_um=11.0, elongation=1.1, confluence=0.40, granularity=0.25, halo=0.95)
EFO_21: Final = Phenotype(radius_um=14.0, elongation=1.4, confluence=0.55, granularity=0.45, halo=0.50)
EFO_27: Final = Phenotype(radius_um=10.0, elongation=2.0, confluence=0.65, granularity=0.30, halo=0.65)
UKF_NB_3: Final = Phenotype(radius_um=7.0, elongation=1.3, confluence=0.50, granularity=0.15, halo=0.75)

LINES: Final = (  # names and numbers of images: Table 1; shares: assumed, larger for the larger dose
    CellLine("COLO-704", 220, COLO_704),
    CellLine("COLO-704rCDDP1000", 270, COLO_704.towards(CISPLATIN, 0.35), "COLO-704"),
    CellLine("EFO-21", 220, EFO_21),
    CellLine("EFO-21rCDDP2000", 220, EFO_21.towards(CISPLATIN, 0.85), "EFO-21"),
    CellLine("EFO-27", 220, EFO_27),
    CellLine("EFO-27rCDDP2000", 220, EFO_27.towards(CISPLATIN, 0.85), "EFO-27"),
    CellLine("UKF-NB-3", 201, UKF_NB_3),
    CellLine("UKF-NB-3rOXALI4000", 170, UKF_NB_3.towards(OXALIPLATIN, 0.5), "UKF-NB-3"),
)
LOWEST: Final = Phenotype(6.0, 1.0, 0.25, 0.1, 0.2)
HIGHEST: Final = Phenotype(18.0, 3.0, 0.70, 0.9, 1.0)


def source_lines(count: int = 8, images: int = 400, seed: int = 0) -> tuple[CellLine, ...]:
    """Return invented lines to pretrain on: phenotypes drawn uniformly, none of them a target line."""
    rng = np.random.default_rng([seed, zlib.crc32(b"source lines")])
    low, high = np.array(dataclasses.astuple(LOWEST)), np.array(dataclasses.astuple(HIGHEST))
    draws = rng.uniform(low, high, size=(count, len(low)))
    return tuple(
        CellLine(f"source-{number}", images, Phenotype(*map(float, draw))) for number, draw in enumerate(draws, 1)
    )


def render_lines(
    lines: Sequence[CellLine] = LINES, scale: float = 1.0, seed: int = 0, flasks: int = 10, width: int = 256
) -> Records:
    """Draw every line's images.

    Args:
        lines: which lines; the classes are numbered in this order.
        scale: share of each line's number of images that is drawn, in (0, 1]; at least one image per flask.
        seed: any non-negative integer; an image depends on it, its line's name, its flask and its number
            only.
        flasks: flasks per line; image i lies in flask i mod ``flasks``.
        width: pixels in a row; the height is 3/4 of it.

    Returns:
        ``(N, 3, 3 width / 4, width)`` uint8; ``patient_id`` is the flask, the unit that honest folds keep
        whole.

    Raises:
        InputError: ``scale`` is outside (0, 1], or there is no flask or fewer than 32 pixels.
    """
    if not 0 < scale <= 1 or flasks < 1 or width < 32:
        raise InputError(
            f"cells: scale {scale}, flasks {flasks}, width {width}; allowed: (0, 1], 1 or more, 32 or more"
        )
    rows, images = [], []
    for label, line in enumerate(lines):
        for number in range(max(round(line.images * scale), flasks)):
            flask = number % flasks
            images.append(_render_one(line, flask, number, seed, width))
            rows.append(_row(line, label, flask, number))
    return Records(
        images=np.stack(images),
        table=pd.DataFrame(rows),
        name="embedded",
        kind="synthetic phase contrast, rendered cells",
        task="synthetic cell line",
        licence="made here",
        classes=tuple(line.name for line in lines),
        surrogate_for="cell line of the private images",
        tier="embedded",
    )


def _row(line: CellLine, label: int, flask: int, number: int) -> dict[str, object]:
    """Return one image's row of the table."""
    flask_id = f"{line.name}/flask{flask:02d}"
    cohort = "adapted" if line.parent else "parental"
    return {
        "sample_id": f"{flask_id}/{number:03d}",
        "patient_id": flask_id,
        "label": label,
        "cohort": cohort,
        "line": line.name,
    }


def _render_one(line: CellLine, flask: int, number: int, seed: int, width: int) -> npt.NDArray[np.uint8]:
    """Draw one image ``(3, H, W)`` uint8."""
    name = zlib.crc32(line.name.encode())
    shared = _draw_flask(np.random.default_rng([seed, name, flask]))
    rng = np.random.default_rng([seed, name, flask, number + 1])
    phase = _phase_image(_vary(line.phenotype, shared, rng), rng, width)
    um_per_pixel = FIELD_UM[1] / width
    return _expose(gaussian_filter(phase, shared.blur_um / um_per_pixel), shared, rng)


def _draw_flask(rng: np.random.Generator) -> Flask:
    """Draw what a flask's images share."""
    gradient = rng.normal(0.0, 0.12, size=2)
    tint = rng.normal(1.0, 0.05, size=3)
    return Flask(
        brightness=float(rng.uniform(0.8, 1.2)),
        gradient=(float(gradient[0]), float(gradient[1])),
        tint=(float(tint[0]), float(tint[1]), float(tint[2])),
        blur_um=float(rng.uniform(0.3, 2.0)),
        change=tuple(float(change) for change in rng.normal(0.0, 0.08, size=5)),
    )


def _vary(phenotype: Phenotype, flask: Flask, rng: np.random.Generator) -> Phenotype:
    """Return the phenotype in one image: the line's, changed by its flask and by the place in it."""
    span = np.array(dataclasses.astuple(HIGHEST)) - np.array(dataclasses.astuple(LOWEST))
    values = np.array(dataclasses.astuple(phenotype)) + span * (flask.change + rng.normal(0.0, 0.05, size=5))
    low, high = np.array(dataclasses.astuple(LOWEST)), np.array(dataclasses.astuple(HIGHEST))
    return Phenotype(*(float(value) for value in np.clip(values, low * 0.8, high * 1.1)))


def _phase_image(phenotype: Phenotype, rng: np.random.Generator, width: int) -> Image:
    """Draw cells on an even background of 0.5: dark body, bright rim, granules inside; ``(H, W)``."""
    um_per_pixel = FIELD_UM[1] / width
    shape = (round(FIELD_UM[0] / um_per_pixel), width)
    relief, inside = np.full(shape, 0.5), np.zeros(shape)
    area = np.pi * phenotype.radius_um**2
    for _ in range(rng.poisson(phenotype.confluence * FIELD_UM[0] * FIELD_UM[1] / area)):
        _add_cell(relief, inside, phenotype, rng, um_per_pixel)
    grain = gaussian_filter(rng.standard_normal(shape), 0.9 / um_per_pixel)
    granules: Image = 0.16 * phenotype.granularity * inside * grain / grain.std()
    return relief + granules


def _add_cell(
    relief: Image, inside: Image, phenotype: Phenotype, rng: np.random.Generator, um_per_pixel: float
) -> None:
    """Add one cell at a random place to ``relief`` and to the mask ``inside``, both changed in place."""
    size = phenotype.radius_um * rng.lognormal(0.0, 0.12) / um_per_pixel
    stretch = np.sqrt(max(phenotype.elongation * rng.lognormal(0.0, 0.1), 1.0))
    angle, row, column = (
        rng.uniform(0, np.pi),
        rng.uniform(0, relief.shape[0]),
        rng.uniform(0, relief.shape[1]),
    )
    reach = int(np.ceil(1.5 * size * stretch))
    rows = slice(max(int(row) - reach, 0), int(row) + reach + 1)
    columns = slice(max(int(column) - reach, 0), int(column) + reach + 1)
    y, x = np.ogrid[rows, columns]
    y, x = y[: relief.shape[0] - rows.start] - row, x[:, : relief.shape[1] - columns.start] - column
    along = (x * np.cos(angle) + y * np.sin(angle)) / (size * stretch)
    across = (y * np.cos(angle) - x * np.sin(angle)) / (size / stretch)
    radius = np.sqrt(along**2 + across**2)
    body = np.clip(1.0 - radius**2, 0.0, 1.0)
    nucleus = np.exp(-((radius / 0.4) ** 2))
    rim = np.exp(-(((radius - 1.1) / 0.16) ** 2))
    relief[rows, columns] += 0.32 * phenotype.halo * rim - 0.14 * body - 0.08 * nucleus
    np.maximum(inside[rows, columns], np.sqrt(body), out=inside[rows, columns])


def _expose(relief: Image, flask: Flask, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Light a relief ``(H, W)`` as its flask is lit, add sensor noise; ``(3, H, W)`` uint8."""
    y = np.linspace(-1, 1, relief.shape[0])[:, None]
    x = np.linspace(-1, 1, relief.shape[1])[None, :]
    light = flask.brightness * (1.0 + flask.gradient[0] * y + flask.gradient[1] * x)
    colours = relief * light * np.array(flask.tint)[:, None, None]
    noisy = colours + rng.normal(0.0, 0.012, size=colours.shape)
    pixels: npt.NDArray[np.uint8] = np.clip(np.rint(noisy * 255), 0, 255).astype(np.uint8)
    return pixels
