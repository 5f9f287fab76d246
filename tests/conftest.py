"""Fixtures for all tests: where the public data lie, if they do, a pool of gloo ranks, odd disks and servers."""

import os
from pathlib import Path

import pytest

from tests._disks import read_only as read_only
from tests._disks import tiny_disk as tiny_disk
from tests._gloo import gloo as gloo
from tests._server import server as server


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder with the public data sets, or skip."""
    root = os.environ.get("MEDREPRO_DATA")
    if not root or not Path(root).is_dir():
        pytest.skip("no public data: set MEDREPRO_DATA")
    return Path(root)
