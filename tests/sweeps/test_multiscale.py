"""The search for the ensemble's weights: a sharp optimum, regret beside random search, the command."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from medrepro.reproduce.papers.multiscale.ensemble import auc, combine, grid_search, simplex_grid
from medrepro.sweeps import multiscale as sweep
from medrepro.sweeps.study import Study


def test_the_budget_is_a_fifth_of_the_grid() -> None:
    assert sweep.budget() == 46
    assert sweep.budget() * 5 <= 231


def test_the_sharp_case_is_sharp() -> None:
    case = sweep.sharp_case((0.2, 0.3, 0.5))
    grid = simplex_grid()
    values = np.sort(auc(case.labels, combine(grid, case.probabilities)))
    best = grid_search(case.probabilities, case.labels)
    np.testing.assert_allclose(best.weights, (0.2, 0.3, 0.5))
    assert best.auc > 0.95
    assert values[-2] < best.auc - 0.02  # its neighbours are clearly worse
    assert float(np.median(values)) < 0.65  # nearly everywhere else it is little better than chance


@pytest.mark.parametrize("best", [sweep.OPTIMA[0]])
def test_optuna_finds_the_sharp_optimum_with_a_fifth_of_the_evaluations(best: tuple[float, ...]) -> None:
    case = sweep.sharp_case(best)
    grid = grid_search(case.probabilities, case.labels)
    found = sweep.search(case, 0, sweep.budget())
    blind = sweep.random_search(case, 0, sweep.budget())
    assert grid.auc - found.auc <= 1e-3
    assert grid.auc - blind.auc > 1e-3
    assert found.weights.sum() == pytest.approx(1)
    assert (found.weights >= 0).all()


def test_difficulty_falls_with_the_auc_and_is_a_cone_where_scores_are_normal() -> None:
    areas = np.linspace(0, 1, 101)
    values = np.array([sweep.difficulty(float(area)) for area in areas])
    assert (np.diff(values) <= 0).all()
    assert (values[:51] == 10).all()
    distance = np.array([4.0, 8.0, 16.0])  # noise that grows with the distance from the best weights
    cone = [sweep.difficulty(float(norm.cdf(1 / np.hypot(0.1, step) / 2**0.5))) for step in distance]
    np.testing.assert_allclose(cone, np.minimum(distance, 10), rtol=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("best", sweep.OPTIMA)
@pytest.mark.parametrize("seed", [0, 1])
def test_optuna_finds_every_sharp_optimum(best: tuple[float, ...], seed: int) -> None:
    assert len(sweep.OPTIMA) == 3
    case = sweep.sharp_case(best, seed)
    records = pd.DataFrame(sweep.compare(case, [0, 1]))
    regret = records.groupby("search")["regret"]
    assert regret.max()["optuna"] <= 1e-3
    assert regret.mean()["random"] > regret.mean()["optuna"]


def write_run(folder: Path, scales: tuple[int, ...] = (32, 48, 64)) -> Path:
    results = folder / "results" / "multiscale" / "scales"
    results.mkdir(parents=True)
    generator = np.random.default_rng(0)
    labels = (generator.random(50) < 0.4).astype(np.int64)
    for scale in scales:
        scores = 0.5 + 0.1 * labels + 0.1 * generator.normal(size=50)
        frame = pd.DataFrame({"sample_id": np.arange(50).astype(str), "label": labels, "prob_1": scores})
        frame.to_parquet(results / f"{scale}-auc-ce__0__0.val.parquet")
    return folder


def test_a_runs_validation_predictions_are_its_cases(tmp_path: Path) -> None:
    (case,) = sweep.run_cases(write_run(tmp_path))
    assert case.name == "auc-ce, seed 0, fold 0"
    assert case.probabilities.shape == (3, 50)


def test_the_command_writes_its_record(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "SEARCHES", {"random": sweep.random_search})
    out = tmp_path / "record.csv"
    assert sweep.main(["--run", str(write_run(tmp_path)), "--seeds", "0", "1", "--out", str(out)]) == 0
    records = pd.read_csv(out)
    assert records["search"].tolist() == ["grid", "random", "random"]
    assert records["evaluations"].tolist() == [231, 46, 46]
    assert "regret in 46" in capsys.readouterr().out


def test_a_run_without_predictions_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        sweep.main(["--run", str(tmp_path)])
    assert stopped.value.code == 2
    assert "no validation predictions" in capsys.readouterr().err


def test_the_auc_term_has_a_study_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[object] = []

    def run(key: str, studies: Mapping[str, Study], args: list[str] | None) -> int:
        called.append((key, list(studies), args))
        return 0

    monkeypatch.setattr(sweep, "run", run)
    for words in (["--study", "auc-term"], ["--study=auc-term", "--trials", "2"]):
        assert sweep.main(words) == 0
    assert called == [
        ("multiscale", ["auc-term"], ["--study", "auc-term"]),
        ("multiscale", ["auc-term"], ["--study=auc-term", "--trials", "2"]),
    ]
