"""LUNA16's published nodules and ours: read, matched in z, and counted on the real list."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from medrepro.datamodules.lidc.cohorts import luna16_nodules
from medrepro.datamodules.lidc.luna16 import agreement, matched, read_annotations
from medrepro.datamodules.support.errors import InputError
from medrepro.reproduce.papers.segradcam.counts import in_luna16

HEADER = "seriesuid,coordX,coordY,coordZ,diameter_mm\n"


def test_read_and_matched(tmp_path: Path) -> None:
    path = tmp_path / "annotations.csv"
    path.write_text(HEADER + "1.2,10,20,-30,5\n1.2,10,20,50,5\n1.9,1,2,3,4\n")
    published = read_annotations(path)
    assert published.iloc[0].tolist() == ["1.2", -30, 20, 10, 5]
    ours = pd.DataFrame(
        {
            "series_uid": ["1.2", "1.2", "1.3"],
            "nodule_id": ["a", "b", "c"],
            "centroid_z_mm": [-40.0, -32.0, 3.0],
            "diameter_mm": [4.0, 6.0, 8.0],
        }
    )
    found = matched(ours, published)
    assert found["nodule_id"].iloc[0] == "b"
    assert found["nodule_id"].isna().tolist() == [False, True, True]
    assert found[["distance_z_mm", "our_diameter_mm"]].iloc[0].tolist() == [2.0, 6.0]


def test_agreement_in_space(tmp_path: Path) -> None:
    path = tmp_path / "annotations.csv"
    path.write_text(HEADER + "1.2,10,20,30,5\n1.2,10,20,50,5\n1.9,1,2,3,4\n")
    row = {"series": "1.2", "n_readers": 3, "world_z_mm": 30.0, "world_y_mm": 23.0, "world_x_mm": 14.0}
    said = agreement(read_annotations(path), pd.DataFrame([row, row | {"n_readers": 2, "world_z_mm": 50.0}]))
    assert said["published nodules of these scans"] == 2
    assert said["with one of ours within 5 mm"] == 1
    assert said["median distance in mm"] == 5.0
    assert said["unmatched"] == [{"series_uid": "1.2", "zyx_mm": [50.0, 20.0, 10.0]}]


def test_errors(tmp_path: Path) -> None:
    path = tmp_path / "annotations.csv"
    with pytest.raises(FileNotFoundError, match="must lie in the folder of the subsets"):
        read_annotations(path)
    for text, said in (
        ("", "not a CSV"),
        ("a,b\n1,2\n", "lacks the columns"),
        (HEADER + "1,1,2,x,4\n", "line 2: a coord"),
    ):
        path.write_text(text)
        with pytest.raises(InputError, match=said):
            read_annotations(path)


@pytest.mark.real_data
def test_of_luna16_s_1186_nodules_1185_are_ours_in_height(real_data: Path) -> None:
    folder = real_data / "lidc_tables"
    ours = luna16_nodules()
    assert len(in_luna16(ours, str(folder))) == 1186  # our rule in its 888 scans: the published number
    found = matched(ours, read_annotations(folder / "annotations.csv"))
    assert len(found) == 1186
    lost = found[found["nodule_id"].isna()]
    assert len(lost) == 1
    assert lost[["z_mm", "y_mm", "x_mm"]].iloc[0].round(1).tolist() == [-268.0, 29.5, 88.7]  # of a scan's own series
    assert np.median(found["distance_z_mm"].dropna()) < 0.1
