"""Hash code and data, which decide whether two cells are the same."""

import ast
import hashlib
import io
import os
import tokenize
from functools import cache
from pathlib import Path

from medrepro.reproduce.papers import folder_of

ROOT = Path(__file__).resolve().parents[2]

CODE = ("lightning_modules", "datamodules", "reproduce/run")


def source_fingerprint(data_root: str | None) -> str | None:
    """Hash names, sizes and times of the files below ``data_root``: a changed folder is run again, unread."""
    if data_root is None:
        return None
    return _fingerprint(str(Path(data_root).expanduser().resolve()))


@cache
def _fingerprint(root: str) -> str:
    digest = hashlib.sha256()
    for folder, _, names in sorted(os.walk(root)):
        for name in sorted(names):
            path = Path(folder) / name
            status = path.stat()
            digest.update(f"{path.relative_to(root)} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


@cache
def code_sha256(key: str) -> str:
    """Hash all code that can compute a result of ``key``; comments, docstrings and layout do not count.

    Reports and tables are not included: they change no result.
    """
    digest = hashlib.sha256()
    for folder in (*(ROOT / name for name in CODE), folder_of(key)):
        for path in sorted(folder.rglob("*.py")):
            digest.update(f"{folder.name}/{path.relative_to(folder)}\n{bare_code(path.read_text())}".encode())
    return digest.hexdigest()


def bare_code(source: str) -> str:
    """Return source without comments, docstrings and white space: what remains can change a result."""
    lines = source.splitlines(keepends=True)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            for number in range(node.lineno - 1, node.end_lineno or node.lineno):
                lines[number] = "\n"
    kept = list(lines)
    for token in tokenize.generate_tokens(io.StringIO("".join(lines)).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            kept[row - 1] = lines[row - 1][:column]
    return "".join("".join(kept).split())
