import json

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score

from tests.reproduce.papers.cellline.conftest import Run, result_of


def metrics(job: object, row: str) -> dict[str, float]:
    found: dict[str, float] = json.loads(result_of(job, row).read_text())["metrics"]  # type: ignore[arg-type] # a Job
    return found


@pytest.fixture(scope="module")
def predictions(run: Run) -> pd.DataFrame:
    job = run("--table", "5", rows=("source-nearest",))
    return pd.read_parquet(result_of(job, "source-nearest").with_suffix(".parquet"))


def test_table_8_is_scikit_learns_report_of_table_5(run: Run, predictions: pd.DataFrame) -> None:
    job = run("--table", "8")
    answers = predictions.filter(like="prob_").to_numpy().argmax(axis=1)
    expected = f1_score(predictions["label"], answers, average=None, labels=range(8), zero_division=0)
    found = [metrics(job, row.id)["class/f1"] for row in job.spec.rows]
    np.testing.assert_allclose(found, expected)


def test_a_row_of_a_class_rests_on_table_5s_own_cell(run: Run) -> None:
    table = {cell.config_sha256 for cell in run("--table", "5", execute=False).cells}
    cells = run("--table", "8", execute=False).cells
    assert {need.config_sha256 for cell in cells for need in cell.needs} < table
    assert len({cell.config_sha256 for cell in cells}) == 8  # another class is another cell


def test_table_9_is_measured_on_test_images(run: Run, predictions: pd.DataFrame) -> None:
    job = run("--table", "9")
    probabilities, labels = predictions.filter(like="prob_").to_numpy(), predictions["label"].to_numpy()
    right = probabilities.argmax(axis=1) == labels
    best = probabilities.max(axis=1)
    overall = metrics(job, "average")
    assert overall["confidence/right"] == pytest.approx(best[right].mean())
    assert overall["confidence/wrong"] == pytest.approx(best[~right].mean())
    for number, row in enumerate(job.spec.rows[:8]):
        wrong = best[(labels == number) & ~right]
        assert metrics(job, row.id).get("confidence/wrong") == (pytest.approx(wrong.mean()) if len(wrong) else None)


def test_table_1_counts_what_was_rendered(run: Run) -> None:
    job = run("--table", "1")
    counts = [metrics(job, row.id)["count/images"] for row in job.spec.rows]
    assert counts == [18, 22, 18, 18, 18, 18, 16, 14]  # 8 % of Table 1


def test_pooled_folds_hold_each_image_once(run: Run) -> None:
    job = run("--study", "leakage", rows=("scratch-images", "scratch-flasks"))
    frames = [
        pd.read_parquet(result_of(job, f"scratch-{unit}").with_suffix(".parquet")) for unit in ("images", "flasks")
    ]
    assert frames[0]["sample_id"].is_unique
    assert set(frames[0]["sample_id"]) == set(frames[1]["sample_id"])
    marks = json.loads(result_of(job, "scratch-images").read_text())["marks"]
    assert marks == ["leaky split"]


@pytest.mark.slow
def test_the_average_of_the_pairs(run: Run) -> None:
    job = run("--table", "6")
    pairs = [metrics(job, row.id)["image/auc"] for row in job.spec.rows[:-1]]
    assert len(pairs) == 4
    assert metrics(job, "average")["image/auc"] == pytest.approx(np.mean(pairs))
