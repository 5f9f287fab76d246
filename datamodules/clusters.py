"""Groups of similar images inside each class, found once before training (egfr paper, Table 1, steps 1-2).

In: images and labels; out: a cluster number a sample, for :class:`datamodules.samplers.ClusterBatchSampler`.
"""

import numpy as np
import numpy.typing as npt
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA

from datamodules.errors import InputError

COMPONENTS = 50  # assumed: the paper clusters "the CT images" and says no more


def cluster_within_classes(
    images: npt.NDArray[np.generic],
    labels: npt.NDArray[np.int64],
    groups: int = 3,  # Sec. 3.2
    seed: int = 0,
) -> npt.NDArray[np.int64]:
    """Cluster the images of each class by K-means on the principal components of their pixels.

    The components are those of all images; the clusters are not of equal size, although Table 1 says "several
    equal groups by clustering": K-means, which Sec. 3.2 names, does not make them so.

    Args:
        images: (N, ...) in any units, the same for all.
        labels: (N,) class of each image.
        groups: clusters a class.
        seed: of K-means' starts and the randomised decomposition.

    Returns:
        (N,) cluster of each image within its class, 0 .. groups-1.

    Raises:
        InputError: a class has fewer images than clusters.
    """
    classes, counts = np.unique(labels, return_counts=True)
    if counts.min() < groups:
        scarce = classes[counts.argmin()]
        raise InputError(f"class {scarce} has {counts.min()} images, too few for {groups} clusters; use more data")
    pixels = np.asarray(images, dtype=np.float32).reshape(len(images), -1)
    components = PCA(min(COMPONENTS, *pixels.shape), random_state=seed).fit_transform(pixels)
    clusters = np.zeros(len(labels), dtype=np.int64)
    for label in classes:
        members = labels == label
        clusters[members] = KMeans(groups, n_init=10, random_state=seed).fit_predict(components[members])
    return clusters
