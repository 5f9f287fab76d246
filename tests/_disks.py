"""Disks that say no: one of 1 MB, and one that cannot be written. Skipped where neither mounts nor permissions work."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[Path]:
    """A tmpfs at ``folder``; needs root."""
    folder.mkdir()
    if os.geteuid() or shutil.which("mount") is None:
        pytest.skip("only root may mount")
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "medrepro", str(folder)], capture_output=True)
    if done.returncode:
        pytest.skip(f"cannot mount here: {done.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MB."""
    with mounted(tmp_path / "disk", "size=1m") as folder:
        yield folder


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """An empty folder that cannot be written: by its permissions, for root by a read-only mount."""
    folder = tmp_path / "read-only"
    if os.geteuid() == 0:
        with mounted(folder, "ro,size=1m"):
            yield folder
        return
    folder.mkdir(mode=0o555)
    yield folder
    folder.chmod(0o755)
