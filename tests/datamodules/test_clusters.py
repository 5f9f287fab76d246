"""Clusters inside classes: planted groups are found, classes do not mix, the seed decides, errors."""

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from medrepro.datamodules.samplers import cluster_within_classes
from medrepro.datamodules.support.errors import InputError


def _planted(per_group: int = 20, size: int = 8) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Images (N, 1, H, W) around three templates in each of two classes, their labels and true groups."""
    rng = np.random.default_rng(0)
    templates = rng.normal(size=(6, 1, size, size))
    group = rng.permutation(np.repeat(np.arange(6), per_group))
    images = templates[group] + 0.1 * rng.normal(size=(len(group), 1, size, size))
    return images.astype(np.float32), group // 3, group % 3


def test_planted_groups_are_found_in_each_class() -> None:
    images, labels, truth = _planted()
    clusters = cluster_within_classes(images, labels, seed=1)
    assert clusters.dtype == np.int64
    for label in (0, 1):
        assert adjusted_rand_score(truth[labels == label], clusters[labels == label]) == 1.0
        assert set(clusters[labels == label]) == {0, 1, 2}


def test_same_seed_same_clusters_and_other_number_of_groups() -> None:
    images, labels, _ = _planted()
    noise = np.random.default_rng(3).normal(size=images.shape)
    first, again = (cluster_within_classes(noise, labels, seed=4) for _ in range(2))
    assert np.array_equal(first, again)
    assert set(cluster_within_classes(noise, labels, groups=5)) == set(range(5))


def test_fewer_images_than_components() -> None:
    images, labels, _ = _planted(per_group=2)
    assert set(cluster_within_classes(images, labels)[labels == 0]) == {0, 1, 2}


def test_refuses_a_class_smaller_than_its_clusters() -> None:
    with pytest.raises(InputError, match="class 1 has 2 images, too few for 3 clusters"):
        cluster_within_classes(np.zeros((7, 1, 4, 4)), np.array([0, 0, 0, 0, 0, 1, 1]))
