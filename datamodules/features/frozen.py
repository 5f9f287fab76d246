"""Features of a frozen backbone, computed once and kept: every fold, head and batch size then trains on them.

The name of an entry is the hash of all that it depends on.
"""

import hashlib
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from medrepro.datamodules.support.array_store import Arrays, kept_arrays
from medrepro.datamodules.support.cache import cache_root
from medrepro.datamodules.support.progress import reporter

FORMAT = 2  # raise it when the computation or the file changes; old entries are then no longer found
Features = npt.NDArray[np.float32]


def network_sha256(network: nn.Module) -> str:
    """Return the hash of a network's tensors: names, shapes, types and every byte."""
    digest = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        digest.update(f"{name}{tuple(value.shape)}{value.dtype}".encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def cached_features(
    extract: Callable[[Tensor], Tensor],
    images: npt.NDArray[np.uint8],
    depends_on: Mapping[str, str | int | float],
    num_features: int,
    cache_dir: str | Path | None = None,
    batch_size: int = 64,
) -> Features:
    """Return ``extract`` of every image, computed once for these images and this ``depends_on``.

    Args:
        extract: maps images ``(B, C, H, W)`` in [0, 1] to features ``(B, num_features)``; run without
            gradients.
        images: ``(N, C, H, W)`` 8 bit, augmented already: their bytes are part of the entry's name.
        depends_on: what ``extract`` is, such as the backbone's name and its `network_sha256`.
        num_features: width F of the features.
        cache_dir: the cache folder, see `medrepro.datamodules.support.cache.cache_root`.
        batch_size: images in one call of ``extract``; the result does not depend on it.

    Raises:
        InputError: the cache folder cannot be written or the disk is full.
    """
    path = _entry(images, depends_on, cache_root(cache_dir))

    def compute() -> Arrays:
        size = f"{len(images)} images x {num_features} = {len(images) * num_features * 4 / 1e6:.1f} MB"
        print(f"features: {size} to {path.parent}", file=sys.stderr)
        return {"features": _compute(extract, images, batch_size)}

    features: Features = kept_arrays(path, compute, stamp=f"{len(images)} x {num_features}")["features"]
    return features


def _entry(images: npt.NDArray[np.uint8], depends_on: Mapping[str, str | int | float], root: Path) -> Path:
    """Return the entry's path: the hash of format, dependencies, shape and pixels."""
    digest = hashlib.sha256(json.dumps([FORMAT, images.shape, dict(depends_on)], sort_keys=True).encode())
    for image in images:
        digest.update(image.tobytes())
    return root / "features" / f"{digest.hexdigest()}.npz"


def _compute(extract: Callable[[Tensor], Tensor], images: npt.NDArray[np.uint8], batch_size: int) -> Features:
    """Run ``extract`` over all images; float32 ``(N, F)``."""
    parts = []
    with torch.inference_mode(), reporter("features", len(images), quiet=not sys.stderr.isatty()) as report:
        for start in range(0, len(images), batch_size):
            batch = np.ascontiguousarray(images[start : start + batch_size])
            parts.append(extract(torch.from_numpy(batch).float() / 255).cpu().numpy())
            report(len(batch))
    return np.concatenate(parts).astype(np.float32)
