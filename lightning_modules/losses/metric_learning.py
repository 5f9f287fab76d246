"""The losses that the egfr paper's Table 6 compares with: cross-entropy plus a metric-learning loss.

In: features (N, L), logits (N, C) and labels (N,) of this rank; out: a scalar, exact under DDP.

The library's losses average over pairs or triplets, with reducers of their own. Here each rank gathers the
global batch's features, with gradient, and computes the whole loss: identical values on every rank, and the
gather's backward sums the copies that DDP's average divides again. At batches of tens that costs nothing.
"""

from pytorch_metric_learning.losses import (
    GeneralizedLiftedStructureLoss,
    LiftedStructureLoss,
    TripletMarginLoss,
)
from torch import Tensor, nn

from medrepro.lightning_modules.losses.cross_entropy import CrossEntropyLoss
from medrepro.lightning_modules.losses.distributed import gather_rows, shard_sizes

WHOLE_BATCH = "compares the samples of a batch (metric learning)"


class TripletCrossEntropyLoss(nn.Module):
    """CTL of Table 6: cross-entropy plus the triplet loss of FaceNet, on every triplet of the batch.

    Args:
        weight: of the triplet loss, >= 0.
        margin: between the distances of normalised features, > 0.
    """

    whole_batch = WHOLE_BATCH

    def __init__(
        self,
        weight: float = 0.5,  # assumed: the mixed loss's gamma, not printed for CTL
        margin: float = 0.2,  # assumed: FaceNet's alpha, the paper's reference 32
    ) -> None:
        super().__init__()
        self.weight = weight
        self.cross_entropy = CrossEntropyLoss()
        self.metric = TripletMarginLoss(margin=margin)

    def forward(self, features: Tensor, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of features (N, L) and logits (N, C) with labels (N,)."""
        loss: Tensor = self.cross_entropy(logits, labels)
        return loss + self.weight * _on_global_batch(self.metric, features, labels, self.training)


class LiftedCrossEntropyLoss(nn.Module):
    """CIL of Table 6: cross-entropy plus the lifted structure loss.

    "Improved lifted structure loss" is cited as reference 37, whose smooth upper bound is the default here;
    ``generalized`` is the form of reference 9, with all positives of an anchor in one term.

    Args:
        weight: of the lifted structure loss, >= 0.
        margin: that negatives should be apart, between normalised features, > 0.
        generalized: use reference 9's form.
    """

    whole_batch = WHOLE_BATCH

    def __init__(
        self,
        weight: float = 0.5,  # assumed: the mixed loss's gamma, not printed for CIL
        margin: float = 1.0,  # assumed: the library's default, not printed
        generalized: bool = False,
    ) -> None:
        super().__init__()
        self.weight = weight
        self.cross_entropy = CrossEntropyLoss()
        form = GeneralizedLiftedStructureLoss if generalized else LiftedStructureLoss
        self.metric = form(neg_margin=margin)

    def forward(self, features: Tensor, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of features (N, L) and logits (N, C) with labels (N,)."""
        loss: Tensor = self.cross_entropy(logits, labels)
        return loss + self.weight * _on_global_batch(self.metric, features, labels, self.training)


def _on_global_batch(metric: nn.Module, features: Tensor, labels: Tensor, distributed: bool) -> Tensor:
    sizes = shard_sizes(features, distributed)
    loss: Tensor = metric(gather_rows(features, sizes), gather_rows(labels, sizes))
    return loss
