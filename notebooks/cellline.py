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
# # Cell lines: rendered flasks, frozen features, calibrated answers
#
# Everything here runs offline on two CPU cores. The cells are drawn, not photographed: nothing below speaks about
# the real lines whose names they carry.

# %%
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch

from medrepro.datamodules.augment import CellAugment
from medrepro.datamodules.features.frozen import cached_features, network_sha256
from medrepro.datamodules.images.rendered_cells import LINES, render_lines
from medrepro.datamodules.images.resizing import resize_images
from medrepro.lightning_modules.networks.transfer import TransferNet

# %% [markdown]
# ## Parents above, drug-adapted sublines below
# EFO-21 and EFO-27 adapted to cisplatin are the closest pair.

# %%
records = render_lines(scale=0.02, flasks=4)
figure, axes = plt.subplots(2, 4, figsize=(11, 4.6))
for axis, name in zip(axes.T.flat, [line.name for line in LINES], strict=True):
    image = records.images[int(np.argmax(records.labels == records.classes.index(name)))]
    axis.imshow(np.moveaxis(np.asarray(image), 0, -1))
    axis.set_title(name, fontsize=9)
    axis.axis("off")

# %% [markdown]
# ## What a flask shares
# Four flasks of one line: light, colour, focus and density differ. A split that puts images of one flask on both sides
# lets a model recognise the flask instead of the line.

# %%
flasks = np.unique(records.patients[records.labels == 0])
figure, axes = plt.subplots(1, 4, figsize=(11, 2.2))
for axis, flask in zip(axes, flasks, strict=True):
    axis.imshow(np.moveaxis(np.asarray(records.images[int(np.argmax(records.patients == flask))]), 0, -1))
    axis.set_title(flask, fontsize=9)
    axis.axis("off")

# %% [markdown]
# ## The paper's two fills of a width shift
# The image is squashed to the network's square first.

# %%
square = resize_images(np.asarray(records.images[:1]), 96, "squash")
shown = {
    "original": square,
    **{fill: CellAugment(fill=fill)(square, seed=3, draw=1) for fill in ("nearest", "constant")},
}
figure, axes = plt.subplots(1, 3, figsize=(8, 2.8))
for axis, (name, image) in zip(axes, shown.items(), strict=True):
    axis.imshow(np.moveaxis(image[0], 0, -1))
    axis.set_title(name, fontsize=9)
    axis.axis("off")

# %% [markdown]
# ## Features once, heads as often as needed
# The second call reads the cache; the logits are those of the whole network.

# %%
torch.manual_seed(0)
network = TransferNet("mobilenetv3_small_050", num_classes=8).eval()
images = resize_images(np.asarray(records.images), 64, "squash")
cache = tempfile.mkdtemp()
depends_on = {"sha256": network_sha256(network)}
features = cached_features(network.features, images, depends_on, network.num_features, cache)
features = cached_features(network.features, images, depends_on, network.num_features, cache)
with torch.no_grad():
    difference = network(torch.from_numpy(images).float() / 255) - network.head(torch.from_numpy(features))
print(f"{features.shape}, largest difference of a logit: {difference.abs().max():.1e}")

# %% [markdown]
# ## A small run of the whole command
# `smoke` proves that the code runs; it measures nothing. `python reproduce/cellline.py` is the quick run.

# %%
from medrepro.reproduce.cellline import main

if __name__ == "__main__":  # as a script, this file is read again by each worker process
    run = Path(tempfile.mkdtemp())
    main(["--table", "4", "--preset", "smoke", "--folds", "1", "--quiet", "--out", str(run)])
    print((run / "table.md").read_text())
