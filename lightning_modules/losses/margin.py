"""The margin loss of QuadSNet: each class's output is pushed above one margin or below another (Eq. 2).

In: outputs v (N, K) in [0, 1] and labels (N,); out: a scalar, exact under DDP.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from medrepro.lightning_modules.losses.distributed import global_mean

MarginForm = Literal["printed", "capsule"]


class MarginLoss(nn.Module):
    r"""Mean over the global batch of ``w[y] * sum_k Gamma_k``, with T_k = 1 for the true class, else 0.

    ``printed`` is Eq. 2: ``T max(0, m+ - |v|^2) + lambda (1 - T) max(0, |v|^2 - m-)``.
    ``capsule`` is the loss it descends from (Sabour et al. 2017, Eq. 4), the norm inside and the hinge
    squared: ``T max(0, m+ - |v|)^2 + lambda (1 - T) max(0, |v| - m-)^2``.

    Both want v in [0, 1], where the margins mean something: hand them ``sigmoid(logits)``, as
    `QuadSNetModule` does. Raw logits are accepted and give the formula's value, but it sees only their size:
    a class would be "present" with a large negative output.

    Args:
        m_pos: m+, above which the true class costs nothing.
        m_neg: m-, below which the other classes cost nothing.
        down_weight: lambda, weight of the other classes.
        class_weights: w, one weight >= 0 a class, applied by the sample's class: the "weighted" of the paper,
            which does not say how (`balanced_weights` gives the usual ones); None weighs all alike. The mean
            divides by the number of samples, not by their weights, so a batch of one class keeps its weight.
        form: which of the two.

    Raises:
        ValueError: margins not ``0 <= m_neg < m_pos``, a negative ``down_weight`` or weight, an unknown form.
    """

    class_weights: Tensor | None

    def __init__(
        self,
        m_pos: float = 0.9,  # Eq. 2
        m_neg: float = 0.1,  # Eq. 2
        down_weight: float = 0.5,  # Eq. 2
        class_weights: Sequence[float] | None = None,  # assumed
        form: MarginForm = "printed",  # Eq. 2
    ) -> None:
        super().__init__()
        if not 0 <= m_neg < m_pos or down_weight < 0:
            raise ValueError(f"need 0 <= m_neg < m_pos and down_weight >= 0, found {m_neg}, {m_pos} and {down_weight}")
        if form not in ("printed", "capsule"):
            raise ValueError(f"form={form!r}: allowed are 'printed' and 'capsule'")
        weights = None if class_weights is None else torch.tensor(class_weights, dtype=torch.get_default_dtype())
        if weights is not None and not (weights.isfinite().all() and (weights >= 0).all()):
            raise ValueError(f"class weights must be finite and >= 0, found {list(class_weights or ())}")
        self.register_buffer("class_weights", weights, persistent=False)
        self.m_pos, self.m_neg, self.down_weight, self.form = m_pos, m_neg, down_weight, form

    def forward(self, v: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of outputs v (N, K) against labels (N,) in 0..K-1; 0 for an empty batch.

        Raises:
            ValueError: shapes or labels do not fit, or there are not K class weights.
        """
        _check(v, labels, self.class_weights)
        present, absent = self._hinges(v)
        true = torch.zeros_like(v).scatter_(1, labels[:, None], 1.0)
        losses = (true * present + self.down_weight * (1 - true) * absent).sum(dim=1)
        if self.class_weights is not None:
            losses = losses * self.class_weights.to(losses.dtype)[labels]
        return global_mean(losses.sum(), losses.new_tensor(len(losses)), distributed=self.training)

    def _hinges(self, v: Tensor) -> tuple[Tensor, Tensor]:
        """What each output (N, K) costs if its class is present, and if it is absent."""
        if self.form == "printed":
            return (self.m_pos - v.square()).clamp_min(0), (v.square() - self.m_neg).clamp_min(0)
        return (self.m_pos - v.abs()).clamp_min(0).square(), (v.abs() - self.m_neg).clamp_min(0).square()


def balanced_weights(counts: Sequence[int]) -> list[float]:
    """Return ``N / (K n_k)``: every class then weighs the same in total, a sample 1 on average.

    Args:
        counts: training samples n_k of each class.

    Raises:
        ValueError: a class without samples.
    """
    if not counts or min(counts) < 1:
        raise ValueError(f"training samples per class are {list(counts)}; every class needs at least one")
    return [sum(counts) / (len(counts) * count) for count in counts]


def _check(v: Tensor, labels: Tensor, weights: Tensor | None) -> None:
    if v.ndim != 2 or labels.shape != v.shape[:1]:
        raise ValueError(f"outputs {tuple(v.shape)} and labels {tuple(labels.shape)}: need (N, K) and (N,)")
    if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < v.shape[1]:
        raise ValueError(f"labels span {int(labels.min())}..{int(labels.max())}; allowed: 0..{v.shape[1] - 1}")
    if weights is not None and len(weights) != v.shape[1]:
        raise ValueError(f"{len(weights)} class weights for {v.shape[1]} classes")
