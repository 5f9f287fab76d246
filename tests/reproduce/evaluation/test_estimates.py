"""Estimates from results: recomputed, paired, averaged; the numbers are those of pandas and scikit-learn."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, roc_auc_score

from medrepro.datamodules.support.errors import InputError
from medrepro.reproduce.evaluation.estimates import Evidence, Quantity, spread
from medrepro.reproduce.evaluation.results import Result
from medrepro.reproduce.plan.table import Column, Level, RowSpec, Subset, TableSpec
from tests._present import present
from tests.reproduce._fakes import SPEC, content, make_results, predictions, slices, write


def evidence(folder: Path, **how: Any) -> Evidence:
    return Evidence(SPEC, make_results(folder, patients=40, **how), resamples=200)


def by_pandas(folder: Path, row: str, seed: int) -> tuple[float, float, float]:
    """Image accuracy, patient AUC of model and of diameter, by other means."""
    frame = pd.read_parquet(folder / f"{row}__{seed}__0.parquet")
    nodules = frame.groupby(["patient_id", "nodule_id"])[["label", "prob_1", "baseline_diameter"]].mean()
    patients = nodules.groupby("patient_id").max()
    return (
        accuracy_score(frame.label, frame.prob_1 >= 0.5),
        roc_auc_score(patients.label, patients.prob_1),
        roc_auc_score(patients.label, patients.baseline_diameter),
    )


def test_estimates_are_means_over_seeds_with_their_sd(tmp_path: Path) -> None:
    found = evidence(tmp_path)
    expected = np.array([by_pandas(tmp_path, "ml-bt", seed) for seed in range(3)])
    for metric, column in (("image/accuracy", 0), ("patient/auc", 1)):
        estimate = found.estimate("ml-bt", Quantity(metric))
        assert estimate is not None
        assert estimate.runs == pytest.approx(expected[:, column])
        assert estimate.value == pytest.approx(expected[:, column].mean())
        assert estimate.sd == pytest.approx(expected[:, column].std(ddof=1))
        assert present(estimate.interval.low) < estimate.value < present(estimate.interval.high)
        assert estimate.over == "3 seeds"


def test_a_baseline_is_paired_with_the_rows_own_predictions(tmp_path: Path) -> None:
    found = evidence(tmp_path)
    expected = [by_pandas(tmp_path, "ce-bt", seed) for seed in range(3)]
    difference = found.difference(["ce-bt"], ["diameter"], Quantity("patient/auc"))
    assert difference is not None
    assert difference.runs == pytest.approx([model - simple for _, model, simple in expected])
    assert difference.luck is not None
    assert 0 <= difference.luck.p() <= 1
    assert difference.interval == difference.luck.interval
    back = found.difference(["diameter"], ["ce-bt"], Quantity("patient/auc"))
    assert back is not None
    assert back.value == pytest.approx(-difference.value)
    assert back.interval.low == pytest.approx(-present(difference.interval.high))


def test_pairs_of_rows_are_averaged(tmp_path: Path) -> None:
    found = evidence(tmp_path)
    both = found.difference(["ce-bt", "ml-bt"], ["ce-rs", "ml-rs"], Quantity("patient/auc"))
    pairs = (("ce-bt", "ce-rs"), ("ml-bt", "ml-rs"))
    singles = [present(found.difference([a], [b], Quantity("patient/auc"))) for a, b in pairs]
    assert both is not None
    assert both.value == pytest.approx(np.mean([single.value for single in singles]))
    assert both.runs == pytest.approx(np.mean([single.runs for single in singles], axis=0))
    assert both.repeats == dict(enumerate(both.runs))
    weights = {"ce-bt": 0.5, "ml-bt": 0.5, "ce-rs": -0.5, "ml-rs": -0.5}
    assert present(found.contrast(weights, Quantity("patient/auc"))).runs == pytest.approx(both.runs)
    assert found.contrast({**weights, "absent": 1.0}, Quantity("patient/auc")) is None


def test_only_common_runs_are_compared(tmp_path: Path) -> None:
    results = make_results(tmp_path, rows=("ce-rs",), seeds=(0, 1, 2), patients=40)
    results += make_results(tmp_path, rows=("ce-bt",), seeds=(1, 2, 3), patients=40)
    found = Evidence(SPEC, results, 200).difference(["ce-bt"], ["ce-rs"], Quantity("patient/auc"))
    assert found is not None
    assert len(found.runs) == 2
    assert found.over == "2 seeds"
    apart = [r for r in results if (r.row, r.run[0]) in {("ce-rs", 0), ("ce-bt", 3)}]
    assert Evidence(SPEC, apart, 200).difference(["ce-bt"], ["ce-rs"], Quantity("patient/auc")) is None


def test_subsets_reach_the_nodules(tmp_path: Path) -> None:
    found = evidence(tmp_path, rows=("ce-rs",), seeds=(0,))
    what = Quantity("nodule/auc", Subset("diameter_mm", 8, 15))
    frame = pd.read_parquet(tmp_path / "ce-rs__0__0.parquet").query("8 <= diameter_mm < 15")
    nodules = frame.groupby("nodule_id")[["label", "prob_1"]].mean()
    estimate = found.estimate("ce-rs", what)
    assert estimate is not None
    assert estimate.value == pytest.approx(roc_auc_score(nodules.label, nodules.prob_1))
    assert found.estimate("ce-rs", Quantity("nodule/auc", Subset("diameter_mm", 900, 901))) is None


def test_folds_spread_where_there_is_one_seed(tmp_path: Path) -> None:
    found = evidence(tmp_path, rows=("ce-rs",), seeds=(0,), folds=(0, 1, 2)).estimate(
        "ce-rs", Quantity("image/accuracy")
    )
    assert found is not None
    assert found.over == "1 seed x 3 folds"
    assert found.sd == pytest.approx(np.std(found.runs, ddof=1))


def test_seeds_spread_after_folds_are_averaged() -> None:
    values = {(0, 0): 1.0, (0, 1): 3.0, (1, 0): 2.0, (1, 1): 6.0}
    assert spread(values) == pytest.approx(np.std([2.0, 4.0], ddof=1))
    assert spread({(0, 0): 1.0, (0, 1): 3.0}) == pytest.approx(np.sqrt(2))
    assert spread({(0, 0): 1.0}) is None


def test_columns_of_predictions_are_averaged_by_case(tmp_path: Path) -> None:
    spec = TableSpec(
        "multiscale", "4", "Dice", (Column("case/dice"),), (RowSpec("unet", "U-Net"),), levels=(Level("case"),)
    )
    frame = predictions(1.0, 0, slices(patients=15)).assign(dice=np.linspace(0.5, 0.9, len(slices(patients=15))))
    result = write(tmp_path, content("unet", 0), frame)
    estimate = Evidence(spec, [result], 200).estimate("unet", Quantity("case/dice"))
    assert estimate is not None
    assert estimate.value == pytest.approx(0.7)
    assert present(estimate.interval.low) < 0.7 < present(estimate.interval.high)


def test_what_cannot_be_recomputed_is_taken_from_the_results(tmp_path: Path) -> None:
    def result(seed: int, **changes: Any) -> Result:
        return write(tmp_path, content("ce-rs", seed, predictions=None, **changes), None)

    one = Evidence(
        SPEC, [result(0, metrics={"case/dice": 0.8, "shape": "32 x 32"}, ci={"case/dice": [0.7, 0.9, "x", 9]})]
    )
    estimate = one.estimate("ce-rs", Quantity("case/dice"))
    assert estimate is not None
    assert (estimate.value, estimate.interval.low, estimate.interval.high) == (0.8, 0.7, 0.9)
    words = one.estimate("ce-rs", Quantity("shape"))
    assert words is not None
    assert words.text == "32 x 32"
    assert one.estimate("ce-rs", Quantity("case/jaccard")) is None
    both = Evidence(SPEC, [result(0, metrics={"case/dice": 0.8}), result(1, metrics={"case/dice": 0.6})])
    estimate = both.estimate("ce-rs", Quantity("case/dice"))
    assert estimate is not None
    assert (estimate.value, estimate.sd) == pytest.approx((0.7, np.sqrt(0.02)))
    assert estimate.interval.low is None
    assert both.difference(["ce-rs"], ["ce-rs"], Quantity("case/dice")) is None


def test_baselines_without_columns_come_from_the_results(tmp_path: Path) -> None:
    frame = predictions(1.0, 0, slices(patients=15)).drop(columns="baseline_diameter")
    result = write(tmp_path, content("ce-rs", 0, baselines={"diameter": {"patient/auc": 0.81}}), frame)
    found = Evidence(SPEC, [result], 50)
    estimate = found.estimate("diameter", Quantity("patient/auc"))
    assert estimate is not None
    assert (estimate.value, estimate.interval.low) == (0.81, None)
    assert found.difference(["ce-rs"], ["diameter"], Quantity("patient/auc")) is None


def test_unknown_names_have_no_estimate(tmp_path: Path) -> None:
    found = evidence(tmp_path, rows=("ce-rs",), seeds=(0,))
    assert found.estimate("vgg16", Quantity("patient/auc")) is None
    assert found.difference(["vgg16"], ["ce-rs"], Quantity("patient/auc")) is None
    assert Evidence(SPEC, []).estimate("diameter", Quantity("patient/auc")) is None


def test_rows_on_other_cases_are_not_compared(tmp_path: Path) -> None:
    results = [
        write(tmp_path, content(row, 0), predictions(1.0, 0, slices(seed, patients=15)))
        for seed, row in enumerate(("ce-rs", "ce-bt"))
    ]
    with pytest.raises(InputError, match="cannot pair predictions of different cases"):
        Evidence(SPEC, results, 50).difference(["ce-bt"], ["ce-rs"], Quantity("patient/auc"))
