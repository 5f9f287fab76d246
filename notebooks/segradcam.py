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
# # SE-Grad-CAM++: nodules, a network, and how far its explanations can be trusted
#
# Everything here runs offline on two CPU cores. The nodules' shapes, masks, ratings and patients are real (LIDC-IDRI);
# their intensities are rendered.

# %%
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch

from medrepro.datamodules.lidc.cohorts import labelled_luna16, luna16_nodules, population
from medrepro.datamodules.lidc.nodules import render
from medrepro.lightning_modules.explain import GradCAM, GradCAMPlusPlus, energy_in_mask, gaussian_centre, pointing_game
from medrepro.lightning_modules.networks import SENet3D

# %% [markdown]
# ## Who is in: LUNA16's rule
# LUNA16 publishes 1186 nodules, the ancestor of this paper 450 malignant and 554 benign ones.

# %%
population(luna16_nodules())

# %% [markdown]
# ## What the network sees
# Cubes of 32 mm around a nodule, with the readers' consensus outlined.

# %%
table = labelled_luna16()
chosen = [table[table["label"] == label].sort_values("diameter_mm").iloc[at] for label in (0, 1) for at in (100, -40)]
cubes = [render(nodule, size=32) for nodule in chosen]
figure, axes = plt.subplots(1, 4, figsize=(10, 3))
for axis, nodule, (volume, mask) in zip(axes, chosen, cubes, strict=True):
    axis.imshow(volume[16], cmap="gray", vmin=-1200, vmax=600)
    axis.contour(mask[16], levels=[0.5], colors="orange")
    axis.set_title(f"malignancy {nodule['malignancy_mean']:.1f}, {nodule['diameter_mm']:.0f} mm", fontsize=9)
    axis.axis("off")

# %% [markdown]
# ## A small run of the whole command
# `smoke` proves that the code runs; it measures nothing. `python reproduce/segradcam.py` is the quick run.

# %%
from medrepro.reproduce.segradcam import main

run = Path(tempfile.mkdtemp())
main(["--table", "network", "--preset", "smoke", "--quiet", "--out", str(run)])
print((run / "table.md").read_text())

# %% [markdown]
# ## Explanations of any network, in two or three dimensions
# They take a network, a layer and a batch, and leave the network as they found it.

# %%
torch.manual_seed(0)
network = SENet3D("bottleneck", widths=(8, 8, 16, 16))
x = torch.stack([torch.as_tensor((volume.astype(np.float32) + 1200) / 1800).clamp(0, 1)[None] for volume, _ in cubes])
masks = torch.stack([torch.as_tensor(mask) for _, mask in cubes])
maps = {
    "Grad-CAM": GradCAM(network, "stage4")(x),
    "Grad-CAM++": GradCAMPlusPlus(network, "stage4")(x),
    "Gaussian at the centre": gaussian_centre((32, 32, 32), 4.0).expand(4, -1, -1, -1),
}
for name, heat in maps.items():
    print(
        f"{name:24s} pointing {pointing_game(heat, masks).mean():.2f}  energy {energy_in_mask(heat, masks).mean():.2f}"
    )

# %% [markdown]
# This network is untrained, so its maps mean nothing; the Gaussian, which means nothing either, still scores well,
# because nodules lie at the centre of their cubes. That is why the trust table prints it.
