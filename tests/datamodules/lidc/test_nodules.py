"""The nodule table: counts published for LIDC-IDRI and LUNA16 come out of the annotations alone."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from medrepro.datamodules.lidc.nodules import consensus_mask, nodules
from medrepro.datamodules.support.errors import InputError
from tests.datamodules._lidc_cache import cache_folder, decided_nodules, rows

COLUMNS = (
    "nodule_id",
    "scan_id",
    "patient_id",
    "series_uid",
    "n_readers",
    "malignancy_mean",
    "malignancy_median",
    "subtlety",
    "calcification",
    "sphericity",
    "margin",
    "lobulation",
    "spiculation",
    "texture",
    "internal_structure",
    "diameter_mm",
    "volume_mm3",
    "centroid_z_mm",
    "centroid_y_mm",
    "centroid_x_mm",
    "pixel_spacing_mm",
    "slice_thickness_mm",
    "is_from_initial",
)


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return nodules(cache_dir=cache_folder())


def levels(ratings: pd.Series) -> list[int]:
    return [int((np.round(ratings) == level).sum()) for level in range(1, 6)]


def benign_malignant(table: pd.DataFrame) -> list[int]:
    return [
        int(rule.sum()) for rule in (table.malignancy_mean > 3, table.malignancy_mean < 3, table.malignancy_mean == 3)
    ]


def test_counts_of_all_nodules(table: pd.DataFrame) -> None:
    assert len(table) == pytest.approx(2651, abs=3)
    np.testing.assert_allclose(levels(table["malignancy_median"]), [324, 826, 956, 430, 115], atol=3)
    np.testing.assert_allclose(levels(table["malignancy_mean"]), [287, 836, 1026, 432, 70], atol=3)


def test_counts_of_the_luna16_rule() -> None:
    chosen = nodules(min_readers=3, max_slice_thickness=2.5, cache_dir=cache_folder())
    assert len(chosen) == pytest.approx(1192, abs=3)
    np.testing.assert_allclose(benign_malignant(chosen), [453, 562, 177], atol=3)


def test_counts_of_the_two_cohorts() -> None:
    table = decided_nodules()
    first = table[table["is_from_initial"]]
    rest = table[~table["is_from_initial"]]
    assert (len(rest), rest["patient_id"].nunique()) == (802, 411)
    assert (len(first), first["patient_id"].nunique()) == (392, 228)
    assert not set(first["patient_id"]) & set(rest["patient_id"])
    assert (table.groupby("patient_id")["label"].nunique() == 2).sum() == 130


def test_diameter_alone_tells_malignancy_as_published(table: pd.DataFrame) -> None:
    decided = table[table["malignancy_mean"] != 3]
    assert len(decided) == pytest.approx(2010, abs=3)
    assert roc_auc_score(decided["malignancy_mean"] > 3, decided["diameter_mm"]) == pytest.approx(0.890, abs=5e-4)
    several = decided[decided["n_readers"] >= 3]
    assert len(several) == pytest.approx(1194, abs=3)
    assert roc_auc_score(several["malignancy_mean"] > 3, several["diameter_mm"]) == pytest.approx(0.906, abs=5e-4)


def test_table_is_whole(table: pd.DataFrame) -> None:
    assert set(COLUMNS) <= set(table.columns)
    assert table["nodule_id"].is_unique
    assert not table.isna().any().any()
    assert (table["volume_mm3"] > 0).all()
    ratings = table["malignancy_ratings"].str.split(",")
    assert (ratings.map(len) == table["n_readers"]).all()
    means = ratings.map(lambda texts: np.mean([int(text) for text in texts]))
    np.testing.assert_allclose(means, table["malignancy_mean"])


def test_volume_is_that_of_the_native_mask(table: pd.DataFrame) -> None:
    for row in rows(table.iloc[::300]):
        native = consensus_mask(row.nodule_id, cache_dir=cache_folder())
        assert native.mask.sum() * np.prod(native.spacing) == pytest.approx(row.volume_mm3)
        assert native.spacing == (row.slice_spacing_mm, row.pixel_spacing_mm, row.pixel_spacing_mm)
        centre = (np.argwhere(native.mask).mean(axis=0) + native.origin) * native.spacing
        np.testing.assert_allclose(centre[1:], [row.centroid_y_mm, row.centroid_x_mm])


def test_cached_table_is_quick_and_the_callers_own(table: pd.DataFrame) -> None:
    begin = time.perf_counter()
    again = nodules(cache_dir=cache_folder())
    assert time.perf_counter() - begin < 0.5
    again.loc[:, "malignancy_mean"] = 0.0
    pd.testing.assert_frame_equal(nodules(cache_dir=cache_folder()), table)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"min_readers": 0}, "min_readers is 0; .* 1, 2, 3 or 4"),
        ({"min_readers": 5}, "min_readers is 5"),
        ({"max_slice_thickness": 0.0}, "max_slice_thickness is 0.0 mm; it must be above 0"),
        ({"max_slice_thickness": float("nan")}, "max_slice_thickness is nan"),
    ],
)
def test_wrong_bounds_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        nodules(**arguments, cache_dir=cache_folder())


def test_unknown_nodule_is_refused() -> None:
    with pytest.raises(InputError, match="no LIDC nodule is called 'X'; take the ids from"):
        consensus_mask("X", cache_dir=cache_folder())


@pytest.mark.real_data
def test_luna16_selects_the_same_nodules(real_data: Path) -> None:
    published = pd.read_csv(real_data / "lidc_tables" / "annotations.csv")
    scans = set((real_data / "lidc_tables" / "seriesuids.csv").read_text().split())
    assert (len(published), len(scans)) == (1186, 888)
    chosen = nodules(min_readers=3, max_slice_thickness=2.5, cache_dir=cache_folder())
    chosen = chosen[chosen["series_uid"].isin(scans)]
    assert len(chosen) == pytest.approx(1186, abs=3)
    np.testing.assert_allclose(benign_malignant(chosen), [451, 559, 176], atol=3)
    near_in_z, near = matched(published, chosen)
    assert near_in_z == pytest.approx(1185, abs=3)
    assert near == pytest.approx(1171, abs=3)


def matched(published: pd.DataFrame, ours: pd.DataFrame) -> tuple[int, int]:
    """Published nodules with one of ours within 5 mm: in z, and in space after each scan's best in-plane offset."""
    near_in_z = near = 0
    scans = dict(list(ours.groupby("series_uid")))
    for series_uid, theirs in published.groupby("seriesuid"):
        if series_uid not in scans:
            continue
        own = scans[series_uid][["centroid_x_mm", "centroid_y_mm", "centroid_z_mm"]].to_numpy()
        apart = theirs[["coordX", "coordY", "coordZ"]].to_numpy()[:, None] - own[None]
        close = np.abs(apart[..., 2]) <= 5
        near_in_z += int(close.any(axis=1).sum())
        offsets = [np.array([*pair[:2], 0.0]) for pair in apart[close]]
        hits = [int((np.linalg.norm(apart - offset, axis=2).min(axis=1) <= 5).sum()) for offset in offsets]
        near += max(hits, default=0)
    return near_in_z, near


@pytest.mark.real_data
def test_contours_lie_on_the_real_nodule(real_data: Path, table: pd.DataFrame) -> None:
    with np.load(real_data / "lidc_ct" / "LIDC-IDRI-0001.npz", allow_pickle=False) as file:
        volume, heights, series_uid = file["volume"], file["z"], str(file["series_uid"])
    (row,) = rows(table[table["series_uid"] == series_uid])
    mask, (_, top, left), (depth, _, _) = consensus_mask(row.nodule_id, cache_dir=cache_folder())
    offset = np.argwhere(mask)[:, 0].mean() * depth
    first = int(np.abs(heights - (row.centroid_z_mm - offset)).argmin())
    slices = slice(first, first + mask.shape[0])
    crop = volume[slices, top : top + mask.shape[1], left : left + mask.shape[2]]
    assert crop[mask].mean() > -400
    assert crop[~mask].mean() < -400
    swapped = volume[slices, left : left + mask.shape[2], top : top + mask.shape[1]].transpose(0, 2, 1)
    assert swapped[mask].mean() < -700  # the check would notice exchanged axes
