"""What a malformed input is: a way to write it, the command that meets it, and the one line that must come of it.

The lists are in ``_malformed_*.py``; ``test_malformed.py`` runs them all in this process, through ``main(args)``.
"""

import io
import tarfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest


@dataclass(frozen=True)
class Place:
    """Where a case works: ``given`` holds what it reads, ``out`` is what the command may write.

    ``bait`` must never come into being: code hidden in an input tries to make it.
    """

    root: Path
    request: pytest.FixtureRequest

    @property
    def given(self) -> Path:
        (self.root / "given").mkdir(exist_ok=True)
        return self.root / "given"

    @property
    def out(self) -> Path:
        return self.root / "out"

    @property
    def bait(self) -> Path:
        return self.root / "bait"

    def file(self, name: str, content: str | bytes) -> str:
        path = self.given / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return str(path)

    def fixture(self, name: str) -> Any:
        return self.request.getfixturevalue(name)


Words = Sequence[str]


@dataclass(frozen=True)
class Case:
    """One malformed input.

    Attributes:
        id: what is wrong.
        command: module whose ``main`` is called.
        words: writes the input and returns the arguments.
        says: a part of the one line, a regular expression.
        kept: names that may stay below ``out``: what the command promises to keep for the next try.
    """

    id: str
    command: str
    words: Callable[[Place], Words]
    says: str
    kept: tuple[str, ...] = ()


class Bomb:
    """Unpickling it makes a file: a stand-in for any code."""

    def __init__(self, bait: Path) -> None:
        self._bait = bait

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self._bait,)


YAML_BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


def python_tag(bait: Path) -> str:
    return f'!!python/object/apply:os.system ["touch {bait}"]'


def zipped(files: Mapping[str, bytes], mode: int = 0) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as content:
        for name, data in files.items():
            info = zipfile.ZipInfo(name)
            info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, mode << 16
            content.writestr(info, data)
    return stream.getvalue()


def tarred(files: Mapping[str, bytes], mode: str = "w", **changes: Any) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as content:  # type: ignore[call-overload]
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            for key, value in changes.items():
                setattr(info, key, value)
            content.addfile(info, io.BytesIO(data))
    return stream.getvalue()


def picture(side: int = 16, kind: str = "PNG", grey: int = 128) -> bytes:
    from PIL import Image

    stream = io.BytesIO()
    Image.new("L", (side, side), grey).save(stream, kind)
    return stream.getvalue()
