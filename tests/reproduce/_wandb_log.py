"""Read an offline W&B run back: its log file into protobuf records, and what the records say.

The log has LevelDB's format: a header of 7 bytes, then blocks of 32 KiB of chunks ``crc32, length, type, data``; a
record is one whole chunk, or a first, middle ones and a last.
"""

import json
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wandb.proto import wandb_internal_pb2 as pb

MAGIC, BLOCK, HEAD = b":W&B", 32768, 7
WHOLE, FIRST, MIDDLE, LAST = 1, 2, 3, 4


def records(path: Path) -> Iterator[pb.Record]:
    """Yield the records of a ``run-*.wandb`` file in order."""
    data, position, parts = path.read_bytes(), HEAD, b""
    assert data[:4] == MAGIC
    while position + HEAD <= len(data):
        if BLOCK - position % BLOCK < HEAD:
            position += BLOCK - position % BLOCK  # the block's padding
            continue
        _, length, kind = struct.unpack("<IHB", data[position : position + HEAD])
        parts = (b"" if kind in (WHOLE, FIRST) else parts) + data[position + HEAD : position + HEAD + length]
        position += HEAD + length
        if kind in (WHOLE, LAST):
            record = pb.Record()
            record.ParseFromString(parts)
            yield record


class OfflineRun:
    """What one offline run holds.

    Attributes:
        run: the record that opened it: project, group, name, tags.
        config: as it was given.
        history: every logged step.
        summary: the last value of each metric.
        artifacts: type -> names of the files in it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (log,) = folder.glob("run-*.wandb")
        self.config: dict[str, Any] = {}
        self.summary: dict[str, Any] = {}
        self.history: list[dict[str, Any]] = []
        self.artifacts: dict[str, list[str]] = {}
        for record in _whole(log):
            self._add(record)

    def _add(self, record: pb.Record) -> None:
        kind = record.WhichOneof("record_type")
        if kind == "run":
            self.run = record.run
            self.config |= _values(record.run.config.update)
        elif kind == "config":
            self.config |= _values(record.config.update)
        elif kind == "history":
            self.history.append(_values(record.history.item))
        elif kind == "summary":
            self.summary |= _values(record.summary.update)
        elif kind == "artifact":
            files = [entry.path for entry in record.artifact.manifest.contents]
            self.artifacts.setdefault(record.artifact.type, []).extend(files)

    def curve(self, name: str) -> list[float]:
        """The values of a metric, in order."""
        return [step[name] for step in self.history if name in step]

    def media(self, name: str) -> Path:
        """The file behind a logged table, image or page."""
        (found,) = [step[name] for step in self.history if name in step]
        return self.folder / "files" / str(found["path"])

    def table(self, name: str) -> dict[str, Any]:
        """A logged table: columns and data."""
        content: dict[str, Any] = json.loads(self.media(name).read_text())
        return content


def _whole(log: Path, seconds: float = 20) -> list[pb.Record]:
    """Return the records of a log once its last one is there: W&B's process writes on when ``finish`` has returned."""
    end = time.monotonic() + seconds
    while True:
        found = list(records(log))
        if (found and found[-1].WhichOneof("record_type") == "exit") or time.monotonic() > end:
            return found
        time.sleep(0.05)


def _values(items: Any) -> dict[str, Any]:
    """Values by key; a dictionary, such as a table's reference, comes in one item a leaf."""
    found: dict[str, Any] = {}
    for item in items:
        name, *inner = [item.key] if item.key else item.nested_key
        place = found
        for step in inner:
            place, name = place.setdefault(name, {}), step
        place[name] = json.loads(item.value_json)
    return found


def offline_runs(folder: Path) -> list[OfflineRun]:
    """Every offline run below ``folder/wandb``, oldest first."""
    return [OfflineRun(path) for path in sorted((folder / "wandb").glob("offline-run-*"))]
