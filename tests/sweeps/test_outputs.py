"""What a study leaves: a table, a configuration, plots that open offline."""

from pathlib import Path

import optuna
import pandas as pd
import pytest
import yaml
from optuna.trial import FrozenTrial, TrialState

from medrepro.reproduce.run.queue import ERROR, WORKER
from medrepro.sweeps import cellline, egfr
from medrepro.sweeps.outputs import parameters, spread, trials_table, write_best, write_plots
from medrepro.sweeps.study import Choice


def trial(number: int, value: float | None, **more: object) -> FrozenTrial:
    params = {"module.gamma": 0.1 * number, "module.lr": 1e-4}
    made = optuna.create_trial(
        state=TrialState.FAIL if value is None else TrialState.COMPLETE,
        value=value,
        params=params,
        distributions={name: optuna.distributions.FloatDistribution(0, 2) for name in params},
        user_attrs={"values": [value - 0.01, value + 0.01] if value else [], WORKER: "here:1", **more},
    )
    made.number = number
    return made


def test_the_table_has_every_trial_and_why_it_failed() -> None:
    table = trials_table([trial(0, 0.8), trial(1, None, **{ERROR: "the loss is nan"})])
    assert table["state"].tolist() == ["complete", "fail"]
    assert table["value"].iloc[0] == 0.8
    assert table["values"].tolist() == ["0.790000 0.810000", ""]
    assert table["error"].tolist() == ["", "the loss is nan"]
    assert table["module.gamma"].tolist() == pytest.approx([0.0, 0.1])


def test_the_spread_is_over_seeds() -> None:
    assert spread(trial(0, 0.8)) == "0.8000 ± 0.0141"
    one = trial(0, 0.8)
    one.user_attrs["values"] = [0.8]
    assert spread(one) == "0.8000"


def test_named_choices_become_values_again(tmp_path: Path) -> None:
    study = cellline.STUDIES["head"]
    best = optuna.create_trial(
        value=0.9,
        params={"datamodule.batch_size": 32, "module.hidden": "256-128"},
        distributions={
            axis.name: optuna.distributions.CategoricalDistribution(list(axis.values))
            for axis in study.space
            if isinstance(axis, Choice)
        },
    )
    assert parameters(study, best) == {"datamodule.batch_size": 32, "module.hidden": [256, 128]}
    write_best(tmp_path / "best.yaml", study, best, "preset quick, data embedded")
    assert yaml.safe_load((tmp_path / "best.yaml").read_text()) == {
        "datamodule": {"batch_size": 32},
        "module": {"hidden": [256, 128]},
    }


def test_the_configuration_says_where_it_comes_from(tmp_path: Path) -> None:
    write_best(tmp_path / "best.yaml", egfr.STUDIES["loss"], trial(3, 0.8), "preset quick, data embedded")
    text = (tmp_path / "best.yaml").read_text()
    assert "Trial 3: val/auc 0.8000 ± 0.0141 on validation data, 2 cell(s); preset quick" in text
    assert "--config" in text


@pytest.mark.filterwarnings("ignore")
def test_plots_open_offline_and_as_pictures(tmp_path: Path) -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(direction="maximize")
    study.set_metric_names(["val/auc"])
    for number in range(4):
        study.add_trial(trial(number, 0.8 - 0.01 * number))
    assert write_plots(tmp_path, study, "Which <weights>?") == []
    page = (tmp_path / "plots.html").read_text()
    assert "<title>Which &lt;weights&gt;?</title>" in page
    assert "Plotly.newPlot" in page
    assert "val\\u002fauc" in page  # the metric's name
    assert "<script src" not in page.replace('"', "").replace("<script src=http://_", "")
    for name in ("history", "importance", "slice", "parallel"):
        assert f'id="{name}"' in page
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.filterwarnings("ignore")
def test_one_trial_has_no_importance_and_the_page_says_so(tmp_path: Path) -> None:
    study = optuna.create_study(direction="maximize")
    study.add_trial(trial(0, 0.8))
    (missing,) = write_plots(tmp_path, study, "One")
    assert missing == "importance: it takes two trials with different values"
    assert f"Not drawn: {missing}" in (tmp_path / "plots.html").read_text()
    assert not (tmp_path / "importance.png").exists()


def test_the_table_can_be_read_back(tmp_path: Path) -> None:
    trials_table([trial(0, 0.8)]).to_csv(tmp_path / "trials.csv", index=False)
    assert pd.read_csv(tmp_path / "trials.csv")["value"].tolist() == [0.8]
