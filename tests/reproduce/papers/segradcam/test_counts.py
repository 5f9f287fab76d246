"""Counted rows: Table 1 divides the population, Table 2 has the network's shapes, LUNA16's list is checked."""

from pathlib import Path

import pandas as pd
import pytest

from medrepro.datamodules.support.errors import InputError
from medrepro.reproduce.papers.segradcam import counts
from medrepro.reproduce.papers.segradcam.compute import activation
from medrepro.reproduce.papers.segradcam.counts import count_population, count_size, in_luna16
from medrepro.reproduce.papers.segradcam.tables import PARTS, SIZES
from medrepro.reproduce.run.outcome import Context
from tests.reproduce.papers.segradcam._parts import cell, nodules


def test_table_2_has_the_documented_shapes_and_parameters(tmp_path: Path) -> None:
    rows = {part: activation(cell(tmp_path, part, "2", module={}), Context()).metrics for part in PARTS}
    found = {part: {name: float(value) for name, value in row.items()} for part, row in rows.items()}
    shapes = {part: (row["activation/channels"], row["activation/side"]) for part, row in found.items()}
    assert shapes == {
        "stem": (32, 32), "stage1": (64, 32), "stage2": (128, 16), "stage3": (256, 8), "stage4": (512, 4),
        "classifier": (2, 1),
    }  # fmt: skip
    assert sum(row["activation/parameters"] for row in found.values()) == 1_789_934
    assert found["stage4"]["activation/size"] == 512 * 4**3


def test_table_1_divides_the_population(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts, "luna16_nodules", lambda *_: nodules())
    rows = [count_size(cell(tmp_path, f"mm-{size}", "1"), Context()).metrics for size in SIZES]
    assert sum(float(row["nodules/all"]) for row in rows) == len(nodules())
    assert sum(float(row["nodules/malignant"]) for row in rows) == nodules()["label"].sum()


def test_luna16_s_list(tmp_path: Path) -> None:
    table = pd.DataFrame({"series_uid": ["1.1", "1.2", "1.3"]})
    with pytest.raises(FileNotFoundError, match=r"seriesuids\.csv: no such file; --luna16"):
        in_luna16(table, str(tmp_path))
    (tmp_path / "seriesuids.csv").write_text("1.1\n1.3\n9.9\n")
    assert in_luna16(table, str(tmp_path))["series_uid"].tolist() == ["1.1", "1.3"]
    (tmp_path / "seriesuids.csv").write_text("seriesuid\n9.9\n")
    with pytest.raises(InputError, match="none of its 2 series"):
        in_luna16(table, str(tmp_path))


def test_luna16_s_scans_are_a_part_of_the_population(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = nodules().assign(series_uid=[f"1.{number}" for number in range(len(nodules()))])
    monkeypatch.setattr(counts, "luna16_nodules", lambda *_: table)
    (tmp_path / "seriesuids.csv").write_text("1.0\n1.1\n")
    everyone = count_population(cell(tmp_path, "luna16-rule", "population", module={}), Context())
    listed = cell(tmp_path, "luna16-scans", "population", module={"luna16": str(tmp_path)})
    assert everyone.metrics["nodules/all"] == len(table)
    assert count_population(listed, Context()).metrics["nodules/all"] == 2
