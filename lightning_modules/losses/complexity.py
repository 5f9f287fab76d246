"""The cost model of the egfr paper (Sec. 2.4, Eqs. 12-14), and what the operations come to.

In: sizes; out: counts of floating-point operations.
"""


def mixed_loss_flops(batch_size: int, feature_length: int = 512, classes: int = 2) -> int:
    """Return Eq. 14: ``(l^2 + C^2 + l + C + 3) n_b^2 + (2 l + 5) n_b``.

    The model charges ``l^2 + l - 1`` operations for each element of the similarity matrix, where a dot
    product of length l takes ``2 l - 1`` (and ``C^2 + C - 1`` for one of length C): 340 million operations
    at n_b = 36, against about 1.4 million by :func:`mixed_loss_operations`.
    """
    quadratic = feature_length**2 + classes**2 + feature_length + classes + 3
    return quadratic * batch_size**2 + (2 * feature_length + 5) * batch_size


def mixed_loss_operations(batch_size: int, feature_length: int = 512, classes: int = 2) -> int:
    """Return Eq. 14 with ``2 l - 1`` operations a dot product of length l; all else as in the paper."""
    quadratic = (2 * feature_length - 1) + (2 * classes - 1) + 3 + 2
    return quadratic * batch_size**2 + (2 * feature_length + 5) * batch_size


def batch_training_flops(images: int, batch_size: int, groups: int = 6, clustering: int = 0) -> int:
    """Return Eq. 13: ``N_train + O(clustering) + N_group + n_b``.

    Args:
        images: N_train; the paper's ``N_group`` is ambiguous between groups and their images, read as groups.
        batch_size: n_b, the only term that recurs in each iteration.
        groups: N_group, the clusters over all classes.
        clustering: operations of the clustering itself, which the paper leaves open.
    """
    return images + clustering + groups + batch_size


def training_flops(images: int, batch_size: int, feature_length: int = 512, classes: int = 2) -> int:
    """Return Eq. 12, ``C_BT + C_ML``, without the clustering that the paper leaves open."""
    return batch_training_flops(images, batch_size) + mixed_loss_flops(batch_size, feature_length, classes)
