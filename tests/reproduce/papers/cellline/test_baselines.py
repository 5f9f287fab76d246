"""The rows without a network: fitted on the fold's own training images, against scikit-learn."""

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier

from medrepro.datamodules.cellline import CellLineDataModule
from tests.reproduce.papers.cellline.conftest import Run


@pytest.fixture(scope="module")
def frames(run: Run) -> dict[str, pd.DataFrame]:
    job = run("--table", "2", rows=("majority", "grey"))
    found = {cell.row: cell for cell in job.cells if cell.row in ("majority", "grey")}
    return {row: pd.read_parquet(cell.path.with_suffix(".parquet")) for row, cell in found.items()}


@pytest.fixture(scope="module")
def data(run: Run) -> CellLineDataModule:
    (cell,) = [cell for cell in run("--table", "2", execute=False).cells if cell.row == "grey"]
    module = CellLineDataModule(**cell.config["data"])
    module.setup()
    return module


def test_they_predict_the_test_images_of_the_rows_they_stand_below(run: Run, frames: dict[str, pd.DataFrame]) -> None:
    job = run("--table", "2", rows=("ix",))
    (network,) = [cell for cell in job.cells if cell.row == "ix"]
    theirs = pd.read_parquet(network.path.with_suffix(".parquet"))
    for frame in frames.values():
        for name in ("sample_id", "patient_id", "label"):
            assert frame[name].tolist() == theirs[name].tolist()
        np.testing.assert_allclose(frame.filter(like="prob_").sum(axis=1), 1)


def test_majority_is_scikit_learns_prior(frames: dict[str, pd.DataFrame], data: CellLineDataModule) -> None:
    fitted = np.concatenate([data.parts.train, data.parts.val])
    prior = DummyClassifier(strategy="prior").fit(np.zeros((len(fitted), 1)), data.records.labels[fitted])
    expected = prior.predict_proba(np.zeros((len(data.parts.test), 1)))
    np.testing.assert_allclose(frames["majority"].filter(like="prob_"), expected)


def test_no_setting_of_a_network_runs_them_again(run: Run) -> None:
    for words in (["--epochs", "2"], ["--module.lr", "0.5"]):
        usual, changed = (
            {cell.row: cell.config_sha256 for cell in run("--table", "2", *more, execute=False).cells}
            for more in ([], words)
        )
        assert usual["grey"] == changed["grey"]
        assert usual["ix"] != changed["ix"]
