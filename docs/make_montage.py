"""Draw rendered nodules beside real CT crops, and print how their statistics compare.

In: ``--data-root`` (or ``MEDREPRO_DATA``) with ``lidc_ct/lidc_real_patches_32.npz``, real cubes of 32 mm at 1 mm.
Out: ``docs/rendering_montage.png`` and the table of ``docs/rendering.md`` on the terminal. Both are shown in the
same window, [-1000, 400] HU, at the same scale.
Run: ``python docs/make_montage.py --data-root DIR``.
"""

import argparse
import os
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage

from medrepro.datamodules.lidc.nodules import nodules, render
from medrepro.datamodules.support.errors import InputError

COLUMNS, ROWS = 10, 2  # of each block
WINDOW = {"cmap": "gray", "vmin": -1000, "vmax": 400}
CUBE = 32
Cubes = list[NDArray[np.int16]]


def real_cubes(data_root: Path) -> tuple[Cubes, Cubes, pd.DataFrame]:
    """Read the real nodules, the other real cubes that lie mostly in lung, and the nodules' record."""
    path = data_root / "lidc_ct" / "lidc_real_patches_32.npz"
    if not path.is_file():
        raise InputError(f"no {path}; pass the folder of the public data sets by --data-root or MEDREPRO_DATA")
    with np.load(path, allow_pickle=False) as file:
        cubes, kind = file["cubes"], file["kind"]
        record = pd.DataFrame({name: file[name] for name in ("patient", "n_readers", "diameter_mm")})
        record[["z", "y", "x"]] = file["center_mm_zyx"]
    of_nodule = kind == "nodule"
    lung = [cube for cube in cubes[~of_nodule] if np.median(cube) < -600 and (cube < -1000).mean() < 0.2]
    return list(cubes[of_nodule]), lung, record[of_nodule].reset_index(drop=True)


def same_nodules(record: pd.DataFrame) -> pd.DataFrame:
    """Find the rows of our table that are the real nodules: same patient, nearest place in the plane."""
    table, rows = nodules(), []
    columns = (record[name] for name in ("patient", "n_readers", "y", "x"))
    for patient, readers, y, x in zip(*columns, strict=True):
        own = table[(table["patient_id"] == patient) & (table["n_readers"] == readers)]
        apart = np.hypot(own["centroid_y_mm"].to_numpy() - y, own["centroid_x_mm"].to_numpy() - x)
        rows.append(own.iloc[int(apart.argmin())])
    return pd.DataFrame(rows)


def statistics(cubes: Cubes) -> dict[str, float]:
    """What the renderer is judged by, besides the eye."""

    def similar(cube: NDArray[np.int16], axis: int, lag: int) -> float:
        ahead, behind = np.moveaxis(cube, axis, 0)[lag:], np.moveaxis(cube, axis, 0)[:-lag]
        return float(np.corrcoef(ahead.ravel(), behind.ravel())[0, 1])

    clipped = [np.clip(cube, -1024, 3071) for cube in cubes]
    lung = [cube[ndimage.binary_erosion(cube < -700, iterations=2)] for cube in clipped]
    grain = [(cube - ndimage.uniform_filter(cube.astype(np.float32), (0, 3, 3)))[cube < -750] for cube in clipped]
    spread = [values.std() for values in grain if len(values) > 200]
    return {
        "lung, median HU": float(np.median([np.median(values) for values in lung if len(values) > 200])),
        "tissue above -300 HU, share of voxels": float(np.mean([(cube > -300).mean() for cube in clipped])),
        "bone above 200 HU, share of voxels": float(np.mean([(cube > 200).mean() for cube in clipped])),
        "grain in lung (3 x 3 high pass), HU": float(np.median(spread)),
        "correlation over 3 mm in z": float(np.median([similar(cube, 0, 3) for cube in clipped])),
        "correlation over 3 mm in the plane": float(np.median([similar(cube, 2, 3) for cube in clipped])),
    }


def show_block(axes: NDArray[np.object_], cubes: Cubes, labels: list[str], coronal_every: int = 0) -> None:
    """Show the middle axial plane of each cube, or the coronal one in every n-th place (0: none)."""
    for number, axis in enumerate(axes.ravel()):
        axis.axis("off")
        if number < len(cubes):
            cube = cubes[number]
            middle = len(cube) // 2
            coronal = coronal_every and number % coronal_every == coronal_every - 1
            axis.imshow(cube[::-1, middle] if coronal else cube[middle], **WINDOW)
            axis.text(0.03, 0.97, labels[number], color="w", fontsize=6, va="top", transform=axis.transAxes)


def main() -> None:
    """Draw and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", default=os.environ.get("MEDREPRO_DATA"), help="folder of the public data sets")
    root = parser.parse_args().data_root
    if not root:
        parser.error("--data-root (or MEDREPRO_DATA) is needed: the real crops are not shipped")
    real, lung, record = real_cubes(Path(root))
    twins = [row for _, row in same_nodules(record).iterrows()]
    several = nodules(min_readers=3).sample(COLUMNS * ROWS, random_state=5)
    wide = nodules(min_readers=3).sample(150, random_state=1)
    rendered_twins = [render(row, size=CUBE)[0] for row in twins]
    rendered = [render(row, size=CUBE)[0] for _, row in several.iterrows()]
    draw(real, rendered_twins, lung, rendered, several)
    measured = statistics(lung + real), statistics([render(row, size=CUBE)[0] for _, row in wide.iterrows()])
    for name in measured[0]:
        print(f"| {name} | {measured[0][name]:.3g} | {measured[1][name]:.3g} |")
    for row, cube, twin in zip(twins, real, rendered_twins, strict=True):
        _, mask = render(row, size=CUBE)
        print(f"| {row['nodule_id']} | {row['texture']:.2f} | {cube[mask].mean():.0f} | {twin[mask].mean():.0f} |")


def draw(real: Cubes, twins: Cubes, lung: Cubes, rendered: Cubes, several: pd.DataFrame) -> None:
    """Lay out the blocks: real nodules over their rendered twins, then real places over rendered nodules."""
    mpl.use("Agg")
    figure, axes = plt.subplots(2 + 2 * ROWS, COLUMNS, figsize=(15, 9.2))
    chosen = np.random.default_rng(2).choice(len(lung), 2 * COLUMNS, replace=False)
    places = [lung[i] for i in chosen]
    spare = COLUMNS - len(real)
    show_block(axes[0], real + lung[-spare:], ["real nodule"] * len(real) + ["real place"] * spare)
    show_block(axes[1], twins + rendered[:spare], ["its rendering"] * len(twins) + ["rendered"] * spare)
    show_block(axes[2 : 2 + ROWS], places, ["real place"] * len(places), coronal_every=3)
    labels = [f"rendered, {row.diameter_mm:.0f} mm, texture {row.texture:.1f}" for row in several.itertuples()]
    show_block(axes[2 + ROWS :], rendered, labels, coronal_every=3)
    figure.subplots_adjust(0, 0, 1, 1, 0.02, 0.02)
    figure.savefig(Path(__file__).with_name("rendering_montage.png"), dpi=80)


if __name__ == "__main__":
    main()
