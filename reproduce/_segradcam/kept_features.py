"""Table 3's handcrafted features, computed once a family: both classifiers, every fold and Figure 9 share them.

In: a datamodule; out: its feature table, from the cache or computed now. An entry is named by the hash of records,
family and code, and a lock keeps two processes from computing the same one.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import filelock
import pandas as pd

from datamodules.cache import atomic_write, cache_root
from datamodules.segradcam import SEGradCAMDataModule
from reproduce._cell import code_sha256
from reproduce._segradcam.protocol import KEY


def kept_features(data: SEGradCAMDataModule, families: Sequence[str], cache_dir: str | None = None) -> pd.DataFrame:
    """Return :meth:`SEGradCAMDataModule.handcrafted` of ``families``, one row a record of ``data``, which is set up.

    Raises:
        InputError: the data carry no masks, or the cache cannot be written.
    """
    return pd.concat([_family(data, family, cache_root(cache_dir) / "handcrafted") for family in families], axis=1)


def _family(data: SEGradCAMDataModule, family: str, folder: Path) -> pd.DataFrame:
    name = hashlib.sha256(f"{data.records.sha256} {family} {code_sha256(KEY)}".encode()).hexdigest()
    path = folder / f"{family}-{name[:16]}.parquet"
    folder.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(f"{path}.lock"):
        found = _read(path)
        if found is None:
            found = data.handcrafted([family])
            with atomic_write(path) as temporary:
                found.to_parquet(temporary)
    return found


def _read(path: Path) -> pd.DataFrame | None:
    """Return an entry if it is there and whole."""
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError):  # a damaged file is an ArrowInvalid, which is a ValueError
        return None
