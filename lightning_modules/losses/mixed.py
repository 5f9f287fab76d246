"""The mixed loss of the egfr paper (Sec. 2.2, Eq. 11, Algorithm 1).

In: features (N, L), logits (N, C) and labels (N,) of this rank; out: a scalar, exact under DDP.
"""

from torch import Tensor, nn

from medrepro.lightning_modules.losses.batch_similarity import BatchSimilarityLoss
from medrepro.lightning_modules.losses.cross_entropy import CrossEntropyLoss


class MixedLoss(nn.Module):
    """``beta x cross-entropy + gamma x batch similarity`` (Eq. 11).

    ``gamma=0`` is the paper's cross-entropy baseline with the same call, at cross-entropy's cost.

    Args:
        beta: weight of the cross-entropy (Eq. 10), >= 0.
        gamma: weight of the batch similarity loss (Eq. 9), >= 0.
        margin: q of Eq. 8, in [0, 1].

    Raises:
        ValueError: a weight is negative or the margin is outside [0, 1].
    """

    def __init__(
        self,
        beta: float = 1.0,  # Sec. 3.1.2
        gamma: float = 0.5,  # Sec. 3.1.2
        margin: float = 0.5,  # assumed: not printed
    ) -> None:
        super().__init__()
        if beta < 0 or gamma < 0:
            raise ValueError(f"weights must be >= 0, found beta {beta} and gamma {gamma}")
        self.beta = beta
        self.gamma = gamma
        self.cross_entropy = CrossEntropyLoss()
        self.batch_similarity = BatchSimilarityLoss(margin)

    @property
    def whole_batch(self) -> str:
        """Why the loss needs the whole batch at once; empty if it is a mean over samples."""
        return "compares the samples of a batch (batch similarity)" if self.gamma > 0 else ""

    def forward(self, features: Tensor, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of features (N, L) and logits (N, C) with labels (N,)."""
        loss: Tensor = self.beta * self.cross_entropy(logits, labels)
        if self.gamma > 0:
            loss = loss + self.gamma * self.batch_similarity(features, labels)
        return loss
