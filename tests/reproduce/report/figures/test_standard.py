"""The standard figures: what is drawn is what was measured, and nothing is drawn from nothing."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import confusion_matrix, roc_auc_score

from medrepro.reproduce.evaluation.table_view import TableView, build_table
from medrepro.reproduce.plan.table import Column, Level, RowSpec, TableSpec
from medrepro.reproduce.report.figures.canvas import Figure
from medrepro.reproduce.report.figures.curves import calibration_figure, confusion_figure, roc_figure, row_slots
from medrepro.reproduce.report.figures.learning import learning_figure
from medrepro.reproduce.report.figures.standard import standard_figures
from medrepro.reproduce.report.figures.style import BASELINE
from tests._present import present
from tests.reproduce._fakes import SPEC, content, history, make_results, slices, write


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory) -> TableView:
    results = make_results(tmp_path_factory.mktemp("figures"), rows=("ce-rs", "ml-bt"), seeds=(0, 1), patients=40)
    return build_table(SPEC, results, resamples=100)


def words(figure: Figure) -> list[str]:
    return [note.get_text() for axis in figure.canvas.axes for note in axis.texts]


def test_all_five_are_drawn(view: TableView) -> None:
    assert [figure.id for figure in standard_figures(view)] == ["roc", "learning", "confusion", "calibration", "forest"]


def test_rows_that_are_no_classifiers_have_no_roc(view: TableView) -> None:
    measured = replace(view, spec=replace(view.spec, columns=(Column("nodule/pointing", "pointing game", ci=True),)))
    assert not {figure.id for figure in standard_figures(measured)} & {"roc", "confusion", "calibration"}
    assert {figure.id for figure in standard_figures(view)} >= {"roc", "confusion", "calibration"}


def test_nothing_is_drawn_from_nothing(tmp_path: Path) -> None:
    assert standard_figures(build_table(SPEC, [])) == ()
    bare = write(tmp_path, content("ce-rs", 0, predictions=None, history={}, metrics={"patient/auc": 0.8}), None)
    assert standard_figures(build_table(SPEC, [bare])) == ()


def test_roc_states_the_auc_of_the_table(view: TableView) -> None:
    figure = roc_figure(view, 6)
    assert figure is not None
    estimates = [row.cells[2].estimate for row in view.rows]
    said = words(figure)
    assert f"AUC {present(estimates[0]).value:.3f}" in said
    assert f"AUC {present(estimates[3]).value:.3f}" in said
    assert f"diameter alone {present(estimates[4]).value:.3f}" in said
    assert len(figure.canvas.axes) == 2
    assert len(present(roc_figure(view, 1)).canvas.axes) == 1


def test_a_method_keeps_its_colour_in_every_figure(view: TableView) -> None:
    slots = row_slots(view)
    assert slots["diameter"] == BASELINE
    assert slots["ce-rs"] != slots["ml-bt"]
    for make in (roc_figure, calibration_figure, learning_figure):
        figure = present(make(view, 6))
        colours = {line.get_color() for axis in figure.canvas.axes for line in axis.lines}
        assert {slots["ce-rs"].light, slots["ml-bt"].light} <= colours


def test_confusion_counts(view: TableView, tmp_path: Path) -> None:
    figure = confusion_figure(view, 6)
    assert figure is not None
    frames = [present(view.evidence.rows["ce-rs"][seed, 0].predictions).frame for seed in (0, 1)]
    mean = np.mean([confusion_matrix(f.label, f.prob_1 >= 0.5) for f in frames], axis=0)
    shares = mean / mean.sum(axis=1, keepdims=True)
    expected = [f"{shares[i, j]:.0%}\n{mean[i, j]:,.0f}" for i in (0, 1) for j in (0, 1)]
    assert words(figure)[:4] == expected
    labels = [tick.get_text() for tick in figure.canvas.axes[0].get_yticklabels()]
    assert labels == ["benign", "malignant"]


def test_learning_curves_are_means_over_runs(view: TableView) -> None:
    figure = standard_figures(view)[1]
    assert [axis.get_title(loc="left") for axis in figure.canvas.axes] == [
        "training loss",
        "validation loss",
        "validation auc",
    ]
    expected = np.mean([history(1.0, seed)["train/loss"] for seed in (0, 1)], axis=0)
    np.testing.assert_allclose(np.asarray(figure.canvas.axes[0].lines[0].get_ydata()), expected)


def test_one_epoch_is_no_curve(tmp_path: Path) -> None:
    results = make_results(tmp_path, rows=("ce-rs",), seeds=(0,), patients=10, history={"train/loss": [0.6]})
    assert learning_figure(build_table(SPEC, results, resamples=20), 6) is None


def test_forest_has_a_panel_a_column_with_intervals(view: TableView) -> None:
    figure = standard_figures(view)[4]
    assert [axis.get_title(loc="left") for axis in figure.canvas.axes] == [c.label for c in view.columns[2:]]
    rows = [tick.get_text() for tick in figure.canvas.axes[0].get_yticklabels()]
    assert rows == [row.label for row in view.rows]


def many_classes(folder: Path) -> TableView:
    """Eight classes, two runs."""
    spec = TableSpec(
        "cellline", "5", "Eight lines", (Column("image/auc", "AUC", ci=True), Column("image/f1", "F1")),
        (RowSpec("transfer", "transfer"),), classes=tuple(f"line {c}" for c in range(8)), levels=(Level("image"),),
    )  # fmt: skip
    results = []
    for seed in (0, 1):
        rng = np.random.default_rng(seed)
        frame = slices(patients=60)[["sample_id", "patient_id"]]
        frame = frame.assign(label=rng.integers(0, 8, len(frame)))
        chances = rng.dirichlet(np.ones(8), len(frame)) + 0.5 * np.eye(8)[frame.label]
        chances /= chances.sum(axis=1, keepdims=True)
        frame = pd.concat([frame, pd.DataFrame(chances, columns=[f"prob_{c}" for c in range(8)])], axis=1)
        results.append(
            write(folder, content("transfer", seed, key="cellline", predictions=f"transfer__{seed}__0.parquet"), frame)
        )
    return build_table(spec, results, resamples=50)


def test_many_classes(tmp_path: Path) -> None:
    view = many_classes(tmp_path)
    frames = [present(result.predictions).frame for result in view.results]
    figures = {figure.id: figure for figure in standard_figures(view)}
    assert [axis.get_title(loc="left") for axis in figures["roc"].canvas.axes] == list(view.spec.classes)
    expected = np.mean([roc_auc_score(frame.label == 3, frame.prob_3) for frame in frames])
    assert f"AUC {expected:.3f}" in words(figures["roc"])
    assert "one class against the rest" in figures["roc"].caption
    assert len(words(figures["confusion"])) == 64
    assert "predicted class" in figures["calibration"].canvas.get_supxlabel()


def test_figures_may_stand_on_another_tables_results(view: TableView) -> None:
    other = replace(view.spec, number="7", source="5", kind="Figure")
    assert build_table(other, view.results, resamples=20).title_line.startswith("EGFR · Figure 7")
