"""Describe a cell: the smallest result there is, one (paper, table, row, seed, fold) -> one JSON file.

A cell names the function that computes it and the cells it needs; its identity decides whether it is already finished.
Nothing here imports torch, so planning a table and finding it complete takes no time.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from medrepro.datamodules.support.cache import atomic_write
from medrepro.reproduce.plan.identity import code_sha256, source_fingerprint

SCHEMA = 1


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
    """How a cell is run; must not affect results beyond rounding, so it is not part of the cell's identity."""

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
        config: ``{"module": ..., "data": ..., "train": ...}`` of plain values; only a cell that trains has ``train``.
        label: what the row is called in the table.
        out: the run's folder; the result lies below ``out/results``.
        command: the command that made it.
        function: what computes it, ``package.module:name``; called as ``function(cell, context)``.
        needs: cells that must be finished first, whose results the function may read.
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
    function: str = ""
    needs: "tuple[Cell, ...]" = ()

    @property
    def id(self) -> str:
        """Name within its run: table, row, seed and fold."""
        return f"{self.table}/{self.name}"

    @property
    def epochs(self) -> int | None:
        """Epochs that it trains; None if it is computed without training."""
        return self.config.get("train", {}).get("epochs") or None

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
        """Hash of everything the user chose that can change the result, including what it needs."""
        identity = {
            "schema": SCHEMA, "key": self.key, "row": self.row, "seed": self.seed, "fold": self.fold,
            "preset": self.preset, "config": self.config, "function": self.function,
            "needs": [need.config_sha256 for need in self.needs],
        }  # fmt: skip
        return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()

    def finished(self) -> dict[str, Any] | None:
        """Return the result if this very cell, with this code and these files, has been run to its end."""
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
        return cls._of(json.loads(text))

    @classmethod
    def _of(cls, values: Mapping[str, Any]) -> "Cell":
        needs = tuple(cls._of(need) for need in values["needs"])
        return cls(**{**values, "runtime": Runtime.of(values["runtime"]), "needs": needs})


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write ``value`` whole or not at all."""
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(value, indent=1, sort_keys=False) + "\n")
