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
# # Patches, clusters and similarities: a look inside ResNet-MLB
#
# Everything here runs offline on two CPU cores. Shapes, ratings and patients are real (LIDC-IDRI), intensities are
# rendered, and malignancy stands in for EGFR status. A short training: it shows how things look, it measures nothing.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pytorch_lightning as pl
import torch
from torch.nn import functional

from medrepro.datamodules.egfr import EGFRDataModule
from medrepro.datamodules.samplers import cluster_within_classes
from medrepro.lightning_modules.egfr import EGFRModule
from medrepro.reproduce.run.training import predict

pl.seed_everything(0, verbose=False)
data = EGFRDataModule(limit_patients=40, val_fraction=0.2, slices_per_nodule=4)
data.setup()
train = data.parts.train
data.records.table.iloc[train].groupby("label").agg(patches=("sample_id", "size"), patients=("patient_id", "nunique"))

# %% [markdown]
# ## What batch training draws from
# Three K-means clusters inside each class, on 50 principal components of the pixels. A row is a cluster: they sort by
# size of the lesion and by what lies beside it.

# %%
labels = data.records.labels[train]
clusters = cluster_within_classes(data.images[train].numpy(), labels, 3, seed=0)
figure, axes = plt.subplots(6, 8, figsize=(8, 6.4))
for row, (label, cluster) in enumerate((label, cluster) for label in (0, 1) for cluster in range(3)):
    members = train[(labels == label) & (clusters == cluster)]
    for axis, index in zip(axes[row], members[:: max(1, len(members) // 8)], strict=False):
        axis.imshow(data.images[index, 0], cmap="gray", vmin=0, vmax=1)
    axes[row, 0].set_ylabel(f"{data.records.classes[label][:6]} {cluster + 1}\n{len(members)}", fontsize=7)
for axis in axes.ravel():
    axis.set(xticks=[], yticks=[])
figure.tight_layout()

# %% [markdown]
# ## Similarity matrices before and after training
# Cosines between the 512 features of test patches, sorted by class: benign first. The mixed loss asks for bright blocks
# on the diagonal and dark ones beside it.

# %%
module = EGFRModule("resnet18", scale="quick", lr=1e-3, schedule="cosine", epochs=3)


def similarities() -> np.ndarray:
    """Return the cosine matrix of up to 200 test patches, sorted by class."""
    index = data.parts.test[:: max(1, len(data.parts.test) // 200)]
    index = index[np.argsort(data.records.labels[index], kind="stable")]
    module.eval()
    with torch.no_grad():
        features = functional.normalize(module.network(data.images[index])[0], dim=1)
    return (features @ features.T).numpy()


before = similarities()
trainer = pl.Trainer(
    max_epochs=3, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
    enable_model_summary=False, use_distributed_sampler=False, num_sanity_val_steps=0,
)  # fmt: skip
trainer.fit(module, data)
figure, axes = plt.subplots(1, 2, figsize=(8, 4))
for axis, matrix, title in zip(axes, (before, similarities()), ("before", "after three epochs"), strict=True):
    shown = axis.imshow(matrix, vmin=0, vmax=1, cmap="viridis")
    axis.set(title=title, xticks=[], yticks=[])
figure.colorbar(shown, ax=axes, shrink=0.8, label="cosine")
# %% [markdown]
# ## Errors by nodule size
# Small nodules are called benign and large ones malignant, by the network as by the diameter: that is why every table
# sets the diameter beside the model.

# %%
test = data.records.table.iloc[data.parts.test].assign(probability=predict(module, data, "test")[:, 1])
nodules = test.groupby("nodule_id").agg(
    label=("label", "first"), diameter=("diameter_mm", "first"), probability=("probability", "mean")
)
figure, axis = plt.subplots(figsize=(6, 3.4))
for label, marker in ((0, "o"), (1, "^")):
    part = nodules[nodules["label"] == label]
    axis.scatter(part["diameter"], part["probability"], marker=marker, alpha=0.7, label=data.records.classes[label])
axis.axhline(0.5, color="grey", linewidth=0.8)
axis.set(xlabel="diameter, mm", ylabel="probability of malignant")
axis.legend(frameon=False)
