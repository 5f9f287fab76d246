"""Where a queue is: a database's URL and a study's name; plain values, nothing heavy to import.

In: words of a command line; out: :class:`Address`, and URLs that may be shown.
"""

import re
from dataclasses import dataclass
from typing import Literal

from medrepro.datamodules.support.errors import InputError

HEARTBEAT = 20  # seconds between signs of life
ALLOWED = "sqlite:///FILE for one machine, postgresql+psycopg://USER@HOST/NAME for many"


@dataclass(frozen=True)
class Address:
    """Where a queue is, so that each worker process can open it.

    Attributes:
        url: of the database.
        name: of the study.
        heartbeat: seconds between signs of life.
        direction: which values of a trial are good.
    """

    url: str
    name: str
    heartbeat: int = HEARTBEAT
    direction: Literal["maximize", "minimize"] = "maximize"


def check_storage(url: str | None) -> None:
    """Refuse a database that the queue does not know, before anything is computed.

    Raises:
        InputError: the URL is of another kind.
    """
    if url is not None and not url.startswith(("sqlite:///", "postgresql+psycopg://")):
        raise InputError(f"--storage {without_password(url)}: not known; allowed: {ALLOWED}")


def without_password(text: str) -> str:
    """Return a text whose database URLs may be shown: ``://user:***@host``."""
    return re.sub(r"(://[^:/@\s]*):[^@\s]+@", r"\1:***@", text)
