"""Fixtures for all tests: where the public data lie, if they do, a pool of gloo ranks, odd disks and servers."""

import os
import time
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


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the rota: ``--rota K/N`` runs every N-th slow test from the K-th on, ``--rota-seconds`` bounds their time."""
    parser.addoption("--rota", default="", metavar="K/N", help="of the slow tests, only number K modulo N")
    parser.addoption("--rota-seconds", type=float, default=420.0, help="start no further slow test after that long")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the slow tests whose turn it is."""
    if not config.getoption("--rota"):
        return
    turn, shares = (int(part) for part in config.getoption("--rota").split("/"))
    slow = [item for item in items if item.get_closest_marker("slow")]
    kept = [item for number, item in enumerate(slow) if number % shares == turn % shares]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept
    config.stash[STARTED] = time.monotonic()


STARTED = pytest.StashKey[float]()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what would begin after the rota's time is over."""
    started = item.config.stash.get(STARTED, None)
    if started is not None and time.monotonic() - started > item.config.getoption("--rota-seconds"):
        pytest.skip("the rota's time is over; it comes again in another turn")
