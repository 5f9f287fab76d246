"""A PostgreSQL server of one's own: Debian's binaries, a temporary folder, a unix socket, no root.

Skipped where PostgreSQL is not installed; with MEDREPRO_REQUIRE_POSTGRES set, as in CI, that is a failure.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

USER = "medrepro"  # inside the server


def binaries() -> Path | None:
    """The folder of ``initdb`` and ``postgres``: Debian's newest, or that of the PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[4]))
    on_path = shutil.which("initdb")
    if found:
        return found[-1].parent
    return Path(on_path).resolve().parent if on_path else None


def unprivileged() -> str | None:
    """Whom root becomes, for PostgreSQL refuses to run as root; None: stay who you are."""
    if os.getuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in ("postgres", "nobody") if name in names)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of an empty database on a server that lives as long as the session."""
    programs = binaries()
    if programs is None:
        if os.environ.get("MEDREPRO_REQUIRE_POSTGRES"):
            pytest.fail("PostgreSQL is not installed, and MEDREPRO_REQUIRE_POSTGRES is set")
        pytest.skip("PostgreSQL is not installed")
    user = unprivileged()
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))  # short: a socket's path has at most 107 characters
    if user:
        shutil.chown(folder, user)
    data = folder / "data"
    subprocess.run(
        [programs / "initdb", "-D", data, "-U", USER, "-A", "trust", "-E", "UTF8", "--no-sync"],
        user=user, check=True, capture_output=True, cwd=folder,
    )  # fmt: skip
    options = ("listen_addresses=", f"unix_socket_directories={folder}", "fsync=off")
    words = (word for option in options for word in ("-c", option))
    command: list[str | Path] = [programs / "postgres", "-D", data, *words]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(command, user=user, stdout=log, stderr=log, cwd=folder)
    try:
        _wait_for(programs, folder, server)
        yield f"postgresql+psycopg://{USER}@/postgres?host={folder}"
    finally:
        server.send_signal(signal.SIGQUIT)
        server.wait(timeout=60)
        shutil.rmtree(folder, ignore_errors=True)


def _wait_for(programs: Path, folder: Path, server: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        ready = subprocess.run([programs / "pg_isready", "-h", folder, "-q"], check=False)
        if ready.returncode == 0:
            return
        if server.poll() is not None:
            break
        time.sleep(0.1)
    pytest.fail(f"PostgreSQL did not start: {(folder / 'log').read_text()[-500:]}")
