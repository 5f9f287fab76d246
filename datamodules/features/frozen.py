"""Features of a frozen backbone, computed once and kept: every fold, head and batch size then trains on them.

In: a function from images to features, 8-bit images, and what the function is (backbone, weights); out: an
array ``(N, F)`` from the cache or computed now. An entry's name is the hash of all that it depends on, its
content is checked on every read, and a file lock keeps two processes from computing the same entry.
"""

import hashlib
import json
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import filelock
import numpy as np
import numpy.typing as npt
import torch
from rich.console import Console
from rich.progress import track
from torch import Tensor, nn

from medrepro.datamodules.support.cache import atomic_write, cache_root

FORMAT = 1  # raise it when the computation changes, and old entries are no longer found
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
    path.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(f"{path}.lock"):
        found = _read(path, (len(images), num_features))
        if found is not None:
            return found
        _announce(path, len(images), num_features)
        features = _compute(extract, images, batch_size)
        with atomic_write(path) as temporary, temporary.open("wb") as file:
            np.savez(file, features=features, sha256=np.array(_sha256(features)))
    return features


def _entry(images: npt.NDArray[np.uint8], depends_on: Mapping[str, str | int | float], root: Path) -> Path:
    """Return the entry's path: the hash of format, dependencies, shape and pixels."""
    digest = hashlib.sha256(json.dumps([FORMAT, images.shape, dict(depends_on)], sort_keys=True).encode())
    for image in images:
        digest.update(image.tobytes())
    return root / "features" / f"{digest.hexdigest()}.npz"


def _sha256(features: Features) -> str:
    return hashlib.sha256(features.tobytes()).hexdigest()


def _read(path: Path, shape: tuple[int, int]) -> Features | None:
    """Return an entry if it is there and whole; a damaged one is reported and computed anew."""
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as archive:
            features: Features = archive["features"]
            whole = features.shape == shape and str(archive["sha256"]) == _sha256(features)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        whole = False
    if whole:
        return features
    Console(stderr=True).print(f"feature cache: {path} is damaged; computing it again", soft_wrap=True)
    return None


def _announce(path: Path, count: int, num_features: int) -> None:
    """Say what is about to be computed and how much disk it takes."""
    megabytes = count * num_features * 4 / 1e6
    Console(stderr=True).print(
        f"features: {count} images x {num_features} = {megabytes:.1f} MB to {path.parent}", soft_wrap=True
    )


def _compute(extract: Callable[[Tensor], Tensor], images: npt.NDArray[np.uint8], batch_size: int) -> Features:
    """Run ``extract`` over all images, with a bar when somebody is watching."""
    starts = range(0, len(images), batch_size)
    with torch.inference_mode():
        parts = [
            extract(torch.from_numpy(np.ascontiguousarray(images[start : start + batch_size])).float() / 255)
            .cpu()
            .numpy()
            for start in _with_bar(starts)
        ]
    return np.concatenate(parts).astype(np.float32)


def _with_bar(starts: Sequence[int]) -> Iterator[int]:
    """Yield ``starts`` under a progress bar with the time left, silent where the output is no terminal."""
    yield from track(
        starts,
        description="features",
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
        transient=True,
    )
