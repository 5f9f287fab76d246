"""Reading result files: what is accepted, what is refused and how, and cases at every level."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from medrepro.datamodules.support.errors import InputError
from medrepro.reproduce.evaluation.results import Current, Predictions, read_result, read_results
from medrepro.reproduce.plan.table import Level, Subset
from tests._present import present
from tests.reproduce._fakes import LEVELS, content, make_results, predictions, slices, write

BY_NAME = {level.name: level for level in LEVELS}


@pytest.fixture
def frame() -> pd.DataFrame:
    return predictions(1.0, 0, slices(patients=20))


def test_results_are_read_in_order_of_names(tmp_path: Path) -> None:
    make_results(tmp_path, rows=("ml-rs", "ce-rs"), seeds=(1, 0), patients=5)
    assert [(r.row, r.run) for r in read_results(tmp_path)] == [
        ("ce-rs", (0, 0)),
        ("ce-rs", (1, 0)),
        ("ml-rs", (0, 0)),
        ("ml-rs", (1, 0)),
    ]
    assert read_results(tmp_path / "nowhere") == ()


def test_broken_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text("{")
    with pytest.raises(InputError, match=r"cannot read result .*x\.json.*delete it"):
        read_result(path)
    path.write_text("[]")
    with pytest.raises(InputError, match=r"x\.json lacks schema, key"):
        read_result(path)
    values = content("ce-rs", 0)
    path.write_text(json.dumps({**values, "schema": 2}))
    with pytest.raises(InputError, match="has schema 2, this version reads 1"):
        read_result(path)
    del values["data"]
    path.write_text(json.dumps(values))
    with pytest.raises(InputError, match="lacks data;"):
        read_result(path)


def test_predictions_are_checked_when_they_are_needed(tmp_path: Path, frame: pd.DataFrame) -> None:
    missing = write(tmp_path, content("ce-rs", 0), None)
    with pytest.raises(InputError, match="cannot read predictions"):
        _ = missing.predictions
    lacking = write(tmp_path, content("ce-rs", 1), frame.drop(columns="patient_id"))
    with pytest.raises(InputError, match="lack patient_id"):
        _ = lacking.predictions
    twice = write(tmp_path, content("ce-rs", 2), pd.concat([frame, frame[:1]]))
    with pytest.raises(InputError, match=r"hold sample 'P0000-0-0' twice"):
        _ = twice.predictions
    assert write(tmp_path, content("ce-rs", 3, predictions=None), None).predictions is None


def test_scores_of_model_and_baselines(frame: pd.DataFrame) -> None:
    found = Predictions(frame, "here")
    np.testing.assert_array_equal(present(found.scores()), frame[["prob_0", "prob_1"]])
    np.testing.assert_array_equal(found.scores("pixel-count"), frame["baseline_pixel-count"])
    assert found.scores("radiomics") is None
    assert Predictions(frame.drop(columns=["prob_0", "prob_1"]), "here").scores() is None
    with pytest.raises(InputError, match="here: prob holds values that are not finite"):
        Predictions(frame.assign(prob_1=np.nan), "here").scores()


def test_class_columns_are_in_numerical_order() -> None:
    names = [f"prob_{c}" for c in range(12)]
    table = pd.DataFrame({name: [float(c)] for c, name in enumerate(names)})[sorted(names)]
    np.testing.assert_array_equal(Predictions(table, "").scores(), [np.arange(12.0)])
    many = pd.DataFrame({"baseline_forest_1": [0.7], "baseline_forest_0": [0.3], "baseline_forest_x": [9.0]})
    np.testing.assert_array_equal(Predictions(many, "").scores("forest"), [[0.3, 0.7]])


def test_patients_score_is_the_largest_nodule_mean(frame: pd.DataFrame) -> None:
    found = Predictions(frame, "here")
    cases = found.cases(BY_NAME["patient"], BY_NAME, present(found.scores()))
    nodules = frame.groupby(["patient_id", "nodule_id"])[["label", "prob_1"]].mean().reset_index()
    expected = nodules.groupby("patient_id")[["label", "prob_1"]].max()
    assert cases is not None
    assert cases.ids.tolist() == expected.index.tolist()
    np.testing.assert_allclose(cases.scores[:, 1], expected["prob_1"])
    np.testing.assert_array_equal(cases.labels, expected["label"])


def test_nodules_keep_their_patient_and_subsets_their_bounds(frame: pd.DataFrame) -> None:
    found = Predictions(frame, "here")
    cases = found.cases(BY_NAME["nodule"], BY_NAME, present(found.scores()), Subset("diameter_mm", 8, 15))
    inside = frame[(frame.diameter_mm >= 8) & (frame.diameter_mm < 15)].drop_duplicates("nodule_id")
    assert cases is not None
    assert sorted(cases.ids) == sorted(inside.nodule_id)
    assert [name.split("-")[0] for name in cases.ids] == cases.patients.tolist()
    assert found.cases(BY_NAME["nodule"], BY_NAME, present(found.scores()), Subset("diameter_mm", 900, 901)) is None
    assert found.cases(BY_NAME["nodule"], BY_NAME, present(found.scores()), Subset("volume", 0, 1)) is None


def test_levels_without_their_columns_are_told(frame: pd.DataFrame) -> None:
    bare = Predictions(frame.drop(columns="nodule_id"), "here")
    assert bare.has(BY_NAME["image"], BY_NAME)
    assert not bare.has(BY_NAME["nodule"], BY_NAME)
    assert not bare.has(BY_NAME["patient"], BY_NAME)


def test_a_group_of_two_patients_is_refused(frame: pd.DataFrame) -> None:
    torn = frame.assign(nodule_id=["N" if i < 2 else name for i, name in enumerate(frame.nodule_id)])
    torn.loc[0, "patient_id"] = "somebody else"
    found = Predictions(torn, "ce.json")
    with pytest.raises(InputError, match=r"ce\.json: nodule_id 'N' belongs to more than one patient"):
        found.cases(BY_NAME["nodule"], BY_NAME, present(found.scores()))


def test_only_numbers_are_columns(frame: pd.DataFrame) -> None:
    found = Predictions(frame.assign(dice=0.5), "here")
    assert found.column("dice") is not None
    assert found.column("nodule_id") is None
    assert found.column("jaccard") is None


def test_stale_reasons(tmp_path: Path) -> None:
    result = make_results(tmp_path, rows=("ce-rs",), seeds=(0,), patients=3)[0]
    assert Current().stale_reason(result) == ""
    assert Current("a" * 64, frozenset({"d" * 64, "e" * 64})).stale_reason(result) == ""
    assert Current("b" * 64).stale_reason(result) == "code"
    assert Current("b" * 64, frozenset({"e" * 64})).stale_reason(result) == "code and data"


def test_levels_are_plain() -> None:
    assert Level("volume") == Level("volume", None, "mean", None)
