"""Read results as typed objects, and their cases at any level (image, nodule, patient), ready for the statistics.

A run leaves one JSON per cell with its predictions beside it; committed results are packed by table
(:mod:`medrepro.reproduce.evaluation.packed`). Reads and checks, never writes.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from medrepro.datamodules.support.errors import InputError
from medrepro.reproduce.evaluation.bootstrap import Cases, Strings, aggregate
from medrepro.reproduce.evaluation.metrics import Floats
from medrepro.reproduce.evaluation.packed import Group, is_packed, read_packed
from medrepro.reproduce.plan.table import Level, Subset

SCHEMA = 1
REQUIRED = ("schema", "key", "table", "row", "seed", "fold", "preset", "data", "metrics")
REQUIRED_COLUMNS = ("sample_id", "patient_id", "label")
SAMPLES = Level("sample")


@dataclass(frozen=True)
class Current:
    """What the present code and data hash to; a result that differs is stale.

    Attributes:
        code_sha256: hash of the code a result rests on; ``None`` is not compared.
        data_sha256: hashes of the data now at hand; empty is not compared.
    """

    code_sha256: str | None = None
    data_sha256: frozenset[str] = frozenset()

    def stale_reason(self, result: "Result") -> str:
        """What differs: ``"code"``, ``"data"``, both, or nothing (empty)."""
        reasons = []
        if self.code_sha256 is not None and result.content.get("code_sha256") != self.code_sha256:
            reasons.append("code")
        if self.data_sha256 and result.data.get("sha256") not in self.data_sha256:
            reasons.append("data")
        return " and ".join(reasons)


@dataclass(frozen=True)
class Result:
    """One cell's result file.

    Attributes:
        path: where the JSON lies, or would, if it is packed; loose predictions are found from there.
        content: the file as it is.
        group: where packed predictions lie.
    """

    path: Path
    content: Mapping[str, Any]
    group: Group | None = None

    @property
    def row(self) -> str:
        """Id of the table's row."""
        return str(self.content["row"])

    @property
    def run(self) -> tuple[int, int]:
        """Seed and fold."""
        return int(self.content["seed"]), int(self.content["fold"])

    @property
    def data(self) -> Mapping[str, Any]:
        """Name, kind, task, tier, hash and counts of the data."""
        block: Mapping[str, Any] = self.content["data"]
        return block

    @property
    def history(self) -> Mapping[str, list[float]]:
        """Values per epoch, as ``train/loss``."""
        return self.content.get("history") or {}

    @cached_property
    def predictions(self) -> "Predictions | None":
        """The predictions per sample, read once; ``None`` for a result that has none.

        Raises:
            InputError: the file is missing, unreadable or lacks a column.
        """
        name = self.content.get("predictions")
        if not name:
            return None
        path = self.path.parent / name
        frame = self.group.read() if self.group else _read_frame(path, self.path)
        return Predictions(_checked(frame, path), str(self.path))


def read_result(path: Path) -> Result:
    """Read and check one result file.

    Raises:
        InputError: not JSON, another schema, or a field is missing; names the file.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read result {path}: {error}; delete it to run that cell again") from error
    return _checked_result(path, content)


def _checked_result(path: Path, content: object, group: Group | None = None) -> Result:
    there = content if isinstance(content, dict) else {}
    missing = [name for name in REQUIRED if name not in there]
    if missing:
        raise InputError(f"result {path} lacks {', '.join(missing)}; delete it to run that cell again")
    if there["schema"] != SCHEMA:
        found = there["schema"]
        raise InputError(f"result {path} has schema {found}, this version reads {SCHEMA}; run it again")
    return Result(path, there, group)


def read_results(place: Path) -> tuple[Result, ...]:
    """Read every result of one table, in order of rows, seeds and folds; empty if there is none.

    Args:
        place: a folder with one JSON per result, as a run leaves it, or the name of packed ones without ending.

    Raises:
        InputError: a file is not a result; names it.
    """
    if not is_packed(place):
        return tuple(read_result(path) for path in sorted(place.glob("*.json")))
    return tuple(_checked_result(place / f"{name_of(one)}.json", one, group) for one, group in read_packed(place))


def name_of(content: Mapping[str, Any]) -> str:
    """Return a result's name in its table: row, seed and fold."""
    return "__".join(str(content.get(word)) for word in ("row", "seed", "fold"))


def tables_in(folder: Path) -> list[Path]:
    """Return the tables of one paper's results, packed or not, as :func:`read_results` takes them."""
    packed = {path.with_suffix("") for path in folder.glob("*.jsonl")}
    return sorted(packed | {path for path in folder.glob("*") if path.is_dir() and any(path.glob("*.json"))})


def _read_frame(path: Path, result: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:  # pyarrow's errors are ValueErrors
        message = f"cannot read predictions {path} of {result}: {error}; run that cell again"
        raise InputError(message) from error


def _checked(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    missing = [name for name in REQUIRED_COLUMNS if name not in frame.columns]
    if missing:
        raise InputError(f"predictions {path} lack {', '.join(missing)}; run that cell again")
    if not frame["sample_id"].is_unique:
        twice = frame["sample_id"][frame["sample_id"].duplicated()].iloc[0]
        raise InputError(f"predictions {path} hold sample {twice!r} twice; run that cell again")
    return frame


@dataclass(frozen=True)
class Predictions:
    """Predictions of one run: one line a sample.

    Attributes:
        frame: columns ``sample_id, patient_id, label``, ``prob_<c>``, ``baseline_<id>``, groups, covariates.
        source: the result file, for messages.
    """

    frame: pd.DataFrame
    source: str

    def scores(self, baseline: str | None = None) -> Floats | None:
        """Class probabilities ``(N, C)`` of the model, or scores of a baseline; ``None`` if not there.

        Raises:
            InputError: a probability is not finite.
        """
        prefix = f"baseline_{baseline}" if baseline else "prob"
        columns = [prefix] if prefix in self.frame.columns else self._numbered(prefix)
        if not columns:
            return None
        values = self.frame[columns].to_numpy(dtype=np.float64)
        if not np.isfinite(values).all():
            raise InputError(f"{self.source}: {prefix} holds values that are not finite; run that cell again")
        return values[:, 0] if len(columns) == 1 else values

    def _numbered(self, prefix: str) -> list[str]:
        pattern = re.compile(rf"{re.escape(prefix)}_(\d+)")
        found = [match for name in self.frame.columns if (match := pattern.fullmatch(name))]
        return [match[0] for match in sorted(found, key=lambda match: int(match[1]))]

    def column(self, name: str) -> Floats | None:
        """A numeric column ``(N,)``, or ``None``."""
        if name not in self.frame.columns or not pd.api.types.is_numeric_dtype(self.frame[name]):
            return None
        return self.frame[name].to_numpy(dtype=np.float64)

    def has(self, level: Level, levels: Mapping[str, Level]) -> bool:
        """Whether the columns are there that join samples into this level's cases."""
        below = level.of is None or self.has(levels[level.of], levels)
        return below and (level.group is None or level.group in self.frame.columns)

    def cases(
        self, level: Level, levels: Mapping[str, Level], scores: Floats, within: Subset | None = None
    ) -> Cases | None:
        """Samples, or their groups, with the given per-sample ``scores``; ``None`` if the subset is empty.

        Args:
            level: what a case is.
            levels: every level by name, to follow ``of``.
            scores: ``(N,)`` or ``(N, C)``.
            within: only samples of this subset.
        """
        mask = self._mask(within)
        if mask is None or not mask.any():
            return None
        frame = self.frame[mask]
        text = {name: frame[name].astype(str).to_numpy(dtype=np.str_) for name in self._names(level, levels)}
        labels = frame["label"].to_numpy(dtype=np.int64)
        samples = Cases(text["sample_id"], text["patient_id"], labels, scores[mask])
        return self._join(level, levels, samples, text)[0]

    def _names(self, level: Level, levels: Mapping[str, Level]) -> set[str]:
        own = {"sample_id", "patient_id"} | ({level.group} if level.group else set())
        return own | (self._names(levels[level.of], levels) if level.of else set())

    def _mask(self, within: Subset | None) -> NDArray[np.bool_] | None:
        if within is None:
            return np.ones(len(self.frame), dtype=np.bool_)
        values = self.column(within.column)
        return None if values is None else (values >= within.low) & (values < within.high)

    def _join(
        self, level: Level, levels: Mapping[str, Level], samples: Cases, text: Mapping[str, Strings]
    ) -> tuple[Cases, dict[str, Strings]]:
        """The cases of ``level`` and, for the level above, the text columns of each case."""
        members, columns = samples, dict(text)
        if level.of is not None:
            members, columns = self._join(levels[level.of], levels, samples, text)
        if level.group is None:
            return members, columns
        groups, labels, scores = aggregate(columns[level.group], members.labels, members.scores, level.how)
        _, first, index = np.unique(columns[level.group], return_index=True, return_inverse=True)
        if (members.patients[first][index] != members.patients).any():
            bad = groups[index[members.patients[first][index] != members.patients]][0]
            raise InputError(f"{self.source}: {level.group} {str(bad)!r} belongs to more than one patient")
        joined = {name: values[first] for name, values in columns.items()}
        return Cases(groups, members.patients[first], labels, scores), joined
