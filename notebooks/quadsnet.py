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
# # QuadSNet: what it sees, what its loss asks for
#
# Four streams look at an image side by side; a margin loss is to bear the imbalance. This page shows the embedded
# images, the loss and its gradient, what separates the two forms of the loss, and where the parameters are.

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch

from medrepro.datamodules.quadsnet import colour_some, digit_images
from medrepro.lightning_modules.losses.margin import MarginLoss, balanced_weights
from medrepro.lightning_modules.networks.quadsnet import QuadSNet
from medrepro.reproduce.printed.load import load_paper

# %% [markdown]
# ## The images
# Half of the embedded images are false-coloured. Shown are scikit-learn's digits; slices of LIDC nodules join them.

# %%
digits, table = digit_images()
coloured = np.random.default_rng(0).random(len(digits)) < 0.5
images = colour_some(digits, coloured)
figure, axes = plt.subplots(2, 8, figsize=(10, 2.8))
for axis, position in zip(axes.ravel(), range(16), strict=True):
    axis.imshow(images[position].transpose(1, 2, 0))
    axis.set_title(["even", "odd"][table["label"][position]], fontsize=8)
    axis.axis("off")

# %% [markdown]
# ## What the loss asks of the true class
# Eq. 2 squares the output inside the hinge: below, its slope vanishes at 0, so a class that the network has given up
# is hardly pulled back. The capsule form, from which it descends, pulls hardest there.

# %%
v = torch.linspace(0, 1, 201).requires_grad_()
figure, axes = plt.subplots(1, 2, figsize=(10, 3), sharex=True)
for form in ("printed", "capsule"):
    outputs = torch.stack([v, torch.zeros_like(v)], dim=1)  # the other class is silent
    loss = MarginLoss(form=form)
    values = torch.stack([loss(row[None], torch.tensor([0])) for row in outputs])
    (slope,) = torch.autograd.grad(values.sum(), v)
    axes[0].plot(v.detach(), values.detach(), label=form)
    axes[1].plot(v.detach(), slope, label=form)
axes[0].set(title="loss of the true class", xlabel="output v")
axes[1].set(title="its slope", xlabel="output v")
axes[0].legend()
# %% [markdown]
# ## Weights
# At 1:10 a rare sample weighs ten times a common one, and the mean weight stays 1.

# %%
for counts in ((500, 500), (1000, 100), (1000, 10)):
    print(counts, [round(weight, 2) for weight in balanced_weights(counts)])

# %% [markdown]
# ## Where the parameters are
# The 5 x 5 convolutions of CS2 hold most of them; the separable streams are nearly free.

# %%
network = QuadSNet(3, 2)
parts = dict(network.streams.items()) | {"classifier": network.classifier}
sizes = {name: sum(p.numel() for p in part.parameters()) for name, part in parts.items()}
in_paper = load_paper("quadsnet").table("2").value("qn", "parameters")
print(f"total {sum(sizes.values()):,}; the paper prints {in_paper:,.0f}")
plt.figure(figsize=(7, 2.2))
plt.barh(list(sizes), [size / 1e6 for size in sizes.values()])
plt.xlabel("million parameters")
# %% [markdown]
# ## What Table III's rates must mean
# All models share one test set (Sec. III-B), so each row must imply the same share of positives. Read as sensitivity
# and specificity the rows disagree; read as predictive values they do not.

# %%
printed = load_paper("quadsnet").table("3")
figure, axes = plt.subplots(1, 2, figsize=(10, 2.6), sharey=True)
for axis, theta in zip(axes, ("theta1", "theta3"), strict=True):
    for row in (name for name in printed.rows if name.startswith(theta)):
        numbers = (printed.value(row, column) for column in ("se", "sp", "acc", "f1"))
        first, second, accuracy, f1 = (number for number in numbers if number is not None)
        recall = f1 * first / (2 * first - f1)
        as_rates = (accuracy - second) / (first - second)
        as_values = 1 / (recall / first + (1 - recall) / (1 - second))
        axis.plot([as_rates, as_values], [1, 0], "o", color="tab:blue", alpha=0.6)
    axis.set(title=theta, xlabel="implied share of positives", xlim=(0, 1), yticks=[0, 1])
    axis.set_yticklabels(["as PPV and NPV", "as SE and SP"])
