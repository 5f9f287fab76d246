# ---
# jupyter:
#   jupytext:
#     formats: py:percent,ipynb
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # One nodule at three scales, and what their ensemble is worth
#
# Everything here runs offline on two CPU cores. The nodules' shapes, ratings and patients are real (LIDC-IDRI); their
# intensities are rendered.

# %%
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from medrepro.datamodules.lidc.cohorts import rated_nodules, rating_levels
from medrepro.datamodules.lidc.nodules import nodules, render
from medrepro.reproduce.papers.multiscale.ensemble import auc, combine, grid_search, simplex_grid
from medrepro.sweeps.multiscale import sharp_case

# %% [markdown]
# ## Who is in
# The paper's Table 1 prints 325, 831, 957, 436 and 120 nodules of levels 1 to 5.

# %%
pd.Series(rating_levels(nodules())).value_counts().sort_index().to_dict()

# %% [markdown]
# ## What each scale sees
# A small and a large nodule of each class; the crops are the same nodule in 32, 48 and 64 mm.

# %%
table = rated_nodules().sort_values("diameter_mm")
chosen = [table[table["label"] == label].iloc[at] for label in (0, 1) for at in (150, -60)]
figure, axes = plt.subplots(4, 3, figsize=(6, 8))
for row, nodule in zip(axes, chosen, strict=True):
    volume, _ = render(nodule, size=64)
    for axis, scale in zip(row, (32, 48, 64), strict=True):
        edge = (64 - scale) // 2
        axis.imshow(volume[32, edge : 64 - edge, edge : 64 - edge], cmap="gray", vmin=-1000, vmax=400)
        axis.set_title(f"level {nodule['level']}, {nodule['diameter_mm']:.0f} mm, crop {scale} mm", fontsize=8)
        axis.axis("off")

# %% [markdown]
# ## A small run of the whole command
# `smoke` proves that the code runs; it measures nothing. `python reproduce/multiscale.py` is the quick run.

# %%
from medrepro.reproduce.multiscale import main

run = Path(tempfile.mkdtemp())
main(["--preset", "smoke", "--quiet", "--out", str(run)])
print((run / "table.md").read_text())

# %% [markdown]
# ## Where the ensemble wins
# Test nodules whose side of 0.5 the ensemble changes against the 32 mm network alone.

# %%
folder = run / "results" / "multiscale" / "scales"
alone, together = (pd.read_parquet(folder / f"{row}__0__0.parquet") for row in ("32-auc-ce", "ensemble-auc-ce"))
right = {name: (frame["prob_1"] >= 0.5) == frame["label"] for name, frame in (("32 mm", alone), ("all", together))}
pd.crosstab(right["32 mm"], right["all"], rownames=["32 mm alone right"], colnames=["ensemble right"])


# %% [markdown]
# ## The weight landscape on the simplex
# Each corner is one scale alone. On a run's validation part the AUC is mostly flat, so that nearly any weights would
# do; on the synthetic case, whose noise cancels at one point only, they must be found.


# %%
def ternary(axis: Axes, probabilities: np.ndarray, labels: np.ndarray, title: str) -> None:
    grid = simplex_grid(3, 0.02)
    values = auc(labels, combine(grid, probabilities))
    best = grid_search(probabilities, labels)
    corners = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, 0.75**0.5]])
    x, y = (grid @ corners).T
    filled = axis.tricontourf(x, y, values, levels=20, cmap="cividis")
    axis.plot(*(best.weights @ corners), "o", color="white", markeredgecolor="black")
    for corner, name in zip(corners, ("32 mm", "48 mm", "64 mm"), strict=True):
        axis.annotate(name, corner, ha="center", va="bottom" if corner[1] else "top")
    axis.set_title(f"{title}\nbest {best.auc:.3f} at {np.round(best.weights, 2)}", fontsize=9, pad=18)
    axis.axis("off")
    axis.set_aspect("equal")
    axis.figure.colorbar(filled, ax=axis, shrink=0.6, label="AUC")


members = [pd.read_parquet(folder / f"{scale}-auc-ce__0__0.val.parquet") for scale in (32, 48, 64)]
sharp = sharp_case((0.2, 0.3, 0.5))
figure, axes = plt.subplots(1, 2, figsize=(10, 4.5))
ternary(axes[0], np.stack([m["prob_1"] for m in members]), members[0]["label"].to_numpy(), "validation, smoke run")
ternary(axes[1], sharp.probabilities, sharp.labels, "synthetic, one sharp optimum")

# %% [markdown]
# `python sweeps/multiscale.py` searches both kinds of landscape with a fifth of the grid's evaluations and prints the
# regret beside random search.
