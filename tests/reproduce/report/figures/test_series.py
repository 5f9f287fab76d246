"""Columns against the number that rows vary: what is drawn is what the table says."""

from pathlib import Path

import numpy as np
import pytest

from medrepro.reproduce.evaluation.table_view import TableView, build_table
from medrepro.reproduce.report.figures.series import PRINTED, series_figure
from tests._present import present
from tests.reproduce._fakes import SPEC, make_results

AT = {"ml-bt": 6.0, "ce-rs": 48.0}  # not in the table's order
LABELS = ("ACC, images", "AUC, patients")


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory) -> TableView:
    results = make_results(tmp_path_factory.mktemp("series"), rows=tuple(AT), seeds=(0, 1), patients=20)
    return build_table(SPEC, results, resamples=50)


def test_points_are_the_table_s_at_their_numbers(view: TableView) -> None:
    figure = present(series_figure(view, AT, "batch size", LABELS))
    first, second = figure.canvas.axes
    rows = {row.id: row for row in view.rows}
    accuracy = [present(rows[name].cells[1].estimate).value * 100 for name in AT]
    auc = [present(rows[name].cells[2].estimate).value for name in AT]
    for axis, expected in ((first, accuracy), (second, auc)):
        (line,) = [line for line in axis.lines if line.get_marker() == "o"]
        np.testing.assert_allclose(np.asarray(line.get_xdata()), [6, 48])
        np.testing.assert_allclose(np.asarray(line.get_ydata()), expected)
    assert second.get_xlabel() == "batch size"


def test_the_papers_numbers_are_marked_and_named_as_of_other_data(view: TableView) -> None:
    figure = present(series_figure(view, AT, "batch size", LABELS))
    crosses = [line for axis in figure.canvas.axes for line in axis.lines if line.get_marker() == "x"]
    assert len(crosses) == 1
    np.testing.assert_allclose(np.asarray(crosses[0].get_ydata()), [81.58, 78.07])
    assert figure.caption.endswith(PRINTED)
    unprinted = present(series_figure(view, AT, "batch size", LABELS[1:]))
    assert PRINTED not in unprinted.caption


def test_baselines_are_named_and_the_majority_is_not(view: TableView) -> None:
    figure = present(series_figure(view, AT, "batch size", LABELS))
    names = {note.get_text() for axis in figure.canvas.axes for note in axis.texts}
    assert names == {"diameter alone", "pixel count alone"}


def test_a_column_that_is_not_there_is_an_error_and_no_rows_are_no_figure(view: TableView, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no columns Dice; the table has: ACC, images, AUC, patients"):
        series_figure(view, AT, "batch size", ("Dice",))
    assert series_figure(view, {"other": 1.0}, "batch size", LABELS) is None
    empty = build_table(SPEC, [])
    assert series_figure(empty, AT, "batch size", LABELS) is None
