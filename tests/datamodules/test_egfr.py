"""What the egfr paper sees: cohorts as published, batches of its two strategies, thinning of training slices only."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from medrepro.datamodules.ct.published_slices import lidc_nodule_slices, nsclc_slices
from medrepro.datamodules.egfr import EGFRDataModule, grey_window, hu_window, thinned
from medrepro.datamodules.lidc.cohorts import labelled_nodules
from medrepro.datamodules.samplers import ClusterBatchSampler, RandomBatchSampler
from medrepro.datamodules.support.errors import InputError


def smoke(**changes: Any) -> EGFRDataModule:
    data = EGFRDataModule(limit_patients=16, val_fraction=0.25, **changes)
    data.setup()
    return data


def test_cohorts_as_stated() -> None:
    table = labelled_nodules()
    sizes = table.groupby("cohort").agg(nodules=("label", "size"), patients=("patient_id", "nunique"))
    assert sizes.loc["train"].to_numpy().tolist() == [802, 411]
    assert sizes.loc["test"].to_numpy().tolist() == [392, 228]
    owners = [set(table.loc[table["cohort"] == side, "patient_id"]) for side in ("train", "test")]
    assert not owners[0] & owners[1]


def test_window_maps_hu_to_unit_range() -> None:
    hu = np.array([[-2000, -1000, -300, 400, 3000]], dtype=np.int16)
    assert np.allclose(np.asarray(hu_window()(hu)), [[0, 0, 0.5, 1, 1]])
    assert np.allclose(np.asarray(grey_window()(np.array([[0, 51, 255]], dtype=np.uint8))), [[0, 0.2, 1]])


def test_strategies_and_clusters() -> None:
    data = smoke(batches="bt", batch_size=12)
    sampler = data.train_sampler(0, 1)
    assert isinstance(sampler, ClusterBatchSampler)
    assert len(sampler.groups) == 6
    labels = data.records.labels[data.parts.train]
    shares = [labels[batch].mean() for batch in sampler.global_batches(0) if len(batch) == 12]
    assert max(abs(share - labels.mean()) for share in shares) <= 3 / 12
    assert isinstance(smoke(batches="rs").train_sampler(0, 1), RandomBatchSampler)


def test_batch_below_the_number_of_groups() -> None:
    with pytest.raises(InputError, match="batch of 4 cannot hold one sample of each of 6 groups"):
        smoke(batch_size=4).train_sampler(0, 1)


def test_thinning_is_even_and_for_training_only() -> None:
    table = pd.DataFrame({"nodule_id": ["a"] * 10 + ["b"] * 3})
    kept = thinned(table, np.arange(13), 4)
    assert kept.tolist() == [0, 3, 5, 8, 10, 11, 12]
    assert thinned(table, np.arange(13), 0).tolist() == list(range(13))
    whole, thin = smoke(), smoke(slices_per_nodule=2)
    assert len(thin.parts.train) < len(whole.parts.train)
    assert np.array_equal(thin.parts.test, whole.parts.test)
    assert thin.records.table.iloc[thin.parts.train].groupby("nodule_id").size().max() == 2


def test_real_lidc_slices(real_data: Path) -> None:
    records = lidc_nodule_slices(real_data)
    assert len(records) == 5043
    assert records.table["nodule_id"].nunique() == 882
    assert len(set(records.patients)) == 494
    assert records.table.groupby("nodule_id")["label"].first().tolist().count(1) == 267


def test_real_nsclc_slices(real_data: Path) -> None:
    records = nsclc_slices(real_data)
    assert records.images.shape == (2292, 1, 64, 64)
    status = records.table.groupby("patient_id")["label"].first()
    assert (len(status), int(status.sum())) == (79, 15)


def test_missing_archives_are_named(tmp_path: Path) -> None:
    for read in (lidc_nodule_slices, nsclc_slices):
        with pytest.raises(FileNotFoundError, match="--data-root must be the folder that holds"):
            read(tmp_path)


def test_torn_archive(tmp_path: Path) -> None:
    (tmp_path / "lidc_nodules").mkdir()
    path = tmp_path / "lidc_nodules" / "lidc_masked_nodules.npz"
    np.savez(path, slices=np.zeros((3, 64, 64), np.uint8))
    with pytest.raises(InputError, match="cannot be read"):
        lidc_nodule_slices(tmp_path)
    np.savez(path, slices=np.zeros((3, 64, 64), np.uint8), offsets=np.array([0, 2]), label=np.array([0]),
             exam_id=np.array(["e"]), nodule_id=np.array(["n"]))  # fmt: skip
    with pytest.raises(InputError, match="offsets describe 2 slices, the file has 3"):
        lidc_nodule_slices(tmp_path)
