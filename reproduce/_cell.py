"""A cell: the smallest result there is, one (paper, table, row, seed, fold) -> one JSON file.

In: plain values from a paper's command; out: an identity that decides whether the cell is already finished.
Nothing here imports torch, so planning a table and finding it complete takes no time.
"""

import ast
import hashlib
import io
import json
import os
import re
import tokenize
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from datamodules.cache import atomic_write

ROOT = Path(__file__).resolve().parent.parent
KEYS = ("egfr", "multiscale", "cellline", "segradcam", "quadsnet")
SCHEMA = 1
PREPARED = ("datamodules/ct.py", *(f"datamodules/prepared{name}.py" for name in ("", "_data", "_records")))
CARD = "card.json"  # of datamodules.prepared
TRAINER = ("reproduce/_training.py", "reproduce/_callbacks.py")


def leading_number(printed: str) -> float | None:
    """Return the number that a printed cell begins with: 93.11 of ``93.11±0.18``; None of ``see text``."""
    found = re.match(r"\s*[-+]?(\d[\d,]*)?\.?\d+", printed)
    return None if found is None else float(found[0].replace(",", ""))


@dataclass(frozen=True)
class Printed:
    """A number that the paper prints for a row: its column, as printed, our metric beside it, the factor on ours."""

    label: str
    value: str
    metric: str
    scale: float = 1.0


@dataclass(frozen=True)
class Runtime:
    """How a cell is run; nothing here may change what is learnt beyond rounding, so it is not part of its identity."""

    accelerator: str = "cpu"
    devices: int = 1
    num_nodes: int = 1
    threads: int = 1
    cache_dir: str | None = None
    compile: bool = False
    resume: bool = False
    checkpoint_every: int = 200
    wandb: str = "disabled"
    wandb_project: str = "medrepro"
    wandb_tags: tuple[str, ...] = ()
    paper: tuple[Printed, ...] = ()  # what W&B shows beside our numbers

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "Runtime":
        """Restore what a JSON file made of one: lists become tuples."""
        paper = tuple(Printed(**printed) for printed in values["paper"])
        return cls(**{**values, "wandb_tags": tuple(values["wandb_tags"]), "paper": paper})


@dataclass(frozen=True)
class Cell:
    """One (paper, table, row, seed, fold) with everything that determines its result.

    Attributes:
        config: ``{"module": ..., "data": ..., "train": ...}`` of plain values; its hash is the cell's identity.
        label: what the row is called in the table.
        out: the run's folder; the result lies below ``out/results``.
        command: the command that made it.
    """

    key: str
    table: str
    row: str
    label: str
    seed: int
    fold: int
    preset: str
    config: dict[str, Any]
    out: str
    command: str = ""
    runtime: Runtime = field(default_factory=Runtime)

    @property
    def name(self) -> str:
        """File name stem: row, seed and fold."""
        return f"{self.row}__{self.seed}__{self.fold}"

    @property
    def path(self) -> Path:
        """Where the result JSON belongs."""
        return Path(self.out) / "results" / self.key / self.table / f"{self.name}.json"

    @property
    def work_dir(self) -> Path:
        """Where checkpoints and logs of this cell go."""
        return Path(self.out) / "cells" / self.table / self.name

    @property
    def config_sha256(self) -> str:
        """Hash of everything the user chose that can change the result."""
        identity = {
            "schema": SCHEMA, "key": self.key, "row": self.row, "seed": self.seed, "fold": self.fold,
            "preset": self.preset, "config": self.config,
        }  # fmt: skip
        return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()

    def finished(self) -> dict[str, Any] | None:
        """Return the result if this very cell, with this code and these files, was run to its end before."""
        try:
            result: dict[str, Any] = json.loads(self.path.read_text())
        except (FileNotFoundError, ValueError):  # ValueError: damaged, so it is run again
            return None
        same = (
            isinstance(result, dict)
            and result.get("config_sha256") == self.config_sha256
            and result.get("code_sha256") == code_sha256(self.key)
            and result.get("source_fingerprint") == source_fingerprint(self.config["data"].get("data_root"))
        )
        return result if same else None

    def to_json(self) -> str:
        """Serialise for a process of its own."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Cell":
        """Restore what :meth:`to_json` wrote."""
        values = json.loads(text)
        return cls(**{**values, "runtime": Runtime.of(values["runtime"])})


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write ``value`` whole or not at all."""
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(value, indent=1, sort_keys=False) + "\n")


def source_fingerprint(data_root: str | None) -> str | None:
    """Hash names, sizes and times of the files below ``data_root``: a changed folder is run anew, unread."""
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
    if (Path(root) / CARD).is_file():  # a prepared folder: how it is read counts too
        for reader in PREPARED:
            digest.update(bare_code((ROOT / reader).read_text()).encode())
    return digest.hexdigest()


@cache
def code_sha256(key: str) -> str:
    """Hash the code a result of ``key`` rests on: its module, its datamodule, the trainer and all they import.

    Comments, docstrings and layout do not count; reports and tables are not included, for they change no result.
    """
    digest = hashlib.sha256()
    for path in sorted(_closure(key)):
        digest.update(f"{path.relative_to(ROOT)}\n".encode())
        digest.update(bare_code(path.read_text()).encode())
    return digest.hexdigest()


def _closure(key: str) -> set[Path]:
    """Return the project files reachable by imports from the key's module, datamodule and the trainer."""
    starts = (f"lightning_modules/{key}.py", f"datamodules/{key}.py", *TRAINER)
    waiting = [ROOT / start for start in starts if (ROOT / start).is_file()]
    seen: set[Path] = set()
    while waiting:
        path = waiting.pop()
        if path not in seen:
            seen.add(path)
            waiting.extend(_imported_files(path))
    return {path for path in seen if path.parent.name != "reproduce" or str(path.relative_to(ROOT)) in TRAINER}


def _imported_files(path: Path) -> Iterator[Path]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            file = ROOT / f"{name.replace('.', '/')}.py"
            if name.split(".")[0] in ("lightning_modules", "datamodules") and file.is_file():
                yield file


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
