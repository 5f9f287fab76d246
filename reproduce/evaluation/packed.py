"""Keep the results of a table in two files: one JSON line per result, and the predictions of all in one Parquet file.

The predictions of a result are a row group of their own, read when they are asked for. Results of a table may have
other columns and other precisions; each says which, so that a frame comes back exactly as it was.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from medrepro.datamodules.support.cache import atomic_write
from medrepro.datamodules.support.errors import InputError

WHERE = "packed"  # of a line: the row group of its predictions, and their columns with their types
Content = dict[str, Any]


@dataclass(frozen=True)
class Group:
    """Where a result's predictions lie.

    Attributes:
        path: the Parquet file.
        number: of the row group.
        columns: in order, with their Arrow types.
    """

    path: Path
    number: int
    columns: Mapping[str, str]

    def read(self) -> pd.DataFrame:
        """Return the predictions.

        Raises:
            InputError: the file is missing or damaged.
        """
        try:
            table = _file(self.path).read_row_group(self.number, columns=list(self.columns))
            types = pa.schema([(name, pa.type_for_alias(kind)) for name, kind in self.columns.items()])
            frame: pd.DataFrame = table.select(list(self.columns)).cast(types).to_pandas()
        except (OSError, ValueError, KeyError) as error:  # Arrow's errors are such
            raise InputError(f"cannot read predictions {self.path}: {error}; restore the file") from error
        return frame


@lru_cache(maxsize=64)
def _file(path: Path) -> pq.ParquetFile:
    return pq.ParquetFile(path)


def write_packed(place: Path, results: Sequence[tuple[Content, pd.DataFrame | None]]) -> None:
    """Write results as ``<place>.jsonl`` and ``<place>.parquet``, each whole or not at all.

    Args:
        place: folder and name of the table, without an ending.
        results: content and predictions, in the order in which they are to stand.
    """
    tables = [pa.Table.from_pandas(frame, preserve_index=False) for _, frame in results if frame is not None]
    lines, number = [], 0
    for content, frame in results:
        line = {name: value for name, value in content.items() if name != WHERE}
        if frame is not None:
            columns = {field.name: str(field.type) for field in tables[number].schema}
            line[WHERE] = {"group": number, "columns": columns}
            number += 1
        lines.append(json.dumps(line) + "\n")
    if tables:
        with atomic_write(_with(place, ".parquet")) as temporary:
            _write(temporary, tables)
    with atomic_write(_with(place, ".jsonl")) as temporary:
        temporary.write_text("".join(lines), encoding="utf-8")
    _file.cache_clear()


def _write(path: Path, tables: Sequence[pa.Table]) -> None:
    schema = pa.unify_schemas([table.schema.remove_metadata() for table in tables], promote_options="permissive")
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for table in tables:
            for field in schema:
                if field.name not in table.schema.names:
                    table = table.append_column(field.name, pa.nulls(len(table), field.type))
            writer.write_table(table.select(schema.names).cast(schema), row_group_size=max(1, len(table)))


def read_packed(place: Path) -> Iterator[tuple[Content, Group | None]]:
    """Yield content and place of the predictions of each result of ``<place>.jsonl``.

    Raises:
        InputError: a line is no result; names the file and the line.
    """
    path = _with(place, ".jsonl")
    for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            content: Content = json.loads(text)
            where = content.pop(WHERE, None)
            group = None if where is None else Group(_with(place, ".parquet"), where["group"], where["columns"])
        except (ValueError, AttributeError, KeyError, TypeError) as error:
            raise InputError(f"cannot read result {path}:{number}: {error}; restore the file") from error
        yield content, group


def is_packed(place: Path) -> bool:
    """Whether ``<place>.jsonl`` is there."""
    return _with(place, ".jsonl").is_file()


def _with(place: Path, ending: str) -> Path:
    return place.with_name(place.name + ending)
