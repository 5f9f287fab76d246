"""Plain-loop readings of the egfr paper's Eqs. 4-11: scalar by scalar, no masks, no matrices."""

import torch
from torch import Tensor


def cosine(a: Tensor, b: Tensor) -> Tensor:
    """Eq. 4."""
    return _dot(a, b) / (torch.sqrt(_dot(a, a)) * torch.sqrt(_dot(b, b)))


def _dot(a: Tensor, b: Tensor) -> Tensor:
    total = a.new_zeros(())
    for k in range(len(a)):
        total = total + a[k] * b[k]
    return total


def _mean(values: list[Tensor]) -> Tensor:
    return sum(values[1:], values[0]) / len(values)


def batch_similarity(features: Tensor, labels: Tensor, margin: float) -> Tensor:
    """Eqs. 5-9, rows without positives or without negatives left out."""
    losses = []
    for i in range(len(features)):
        positives: list[Tensor] = []
        negatives: list[Tensor] = []
        for j in range(len(features)):
            if j != i:
                group = positives if labels[i] == labels[j] else negatives
                group.append(cosine(features[i], features[j]) ** 2)
        if positives and negatives:
            row = margin - _mean(positives) + _mean(negatives)
            losses.append(row if row > 0 else row * 0)
    return _mean(losses) if losses else features.sum() * 0


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Eq. 10."""
    total = logits.new_zeros(())
    for row, label in zip(logits, labels.tolist(), strict=True):
        total = total - torch.log(torch.exp(row[label]) / sum(torch.exp(value) for value in row))
    return total / len(logits)


def mixed(features: Tensor, logits: Tensor, labels: Tensor, beta: float, gamma: float, margin: float) -> Tensor:
    """Eq. 11."""
    return beta * cross_entropy(logits, labels) + gamma * batch_similarity(features, labels, margin)


def batch(labels: list[int], length: int = 7, classes: int = 2, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Features (N, length) of both signs, logits (N, classes), labels (N,); float64, with gradient."""
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(len(labels), length, generator=generator, dtype=torch.float64).requires_grad_()
    logits = torch.randn(len(labels), classes, generator=generator, dtype=torch.float64).requires_grad_()
    return features, logits, torch.tensor(labels)
