"""Learning curves of many rows: one column of panels a design, or the first rows and a caption that says so."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from medrepro.reproduce.evaluation.table_view import TableView, build_table
from medrepro.reproduce.plan.table import RowSpec
from medrepro.reproduce.report.figures.curves import confusion_figure, roc_figure, row_slots
from medrepro.reproduce.report.figures.learning import learning_figure
from medrepro.reproduce.report.figures.standard import standard_figures
from tests._present import present
from tests.reproduce._fakes import SKILLS, SPEC, history, make_results

PAIRS = ("ce-rs", "ce-bt", "ml-rs", "ml-bt")  # two designs, each trained in two ways


def built(folder: Path, *rows: RowSpec) -> TableView:
    results = make_results(folder, rows=tuple(row.id for row in rows), seeds=(0,), patients=12)
    return build_table(replace(SPEC, rows=rows), results, resamples=20)


@pytest.fixture(scope="module")
def paired(tmp_path_factory: pytest.TempPathFactory) -> TableView:
    rows = [RowSpec(name, f"Net {name[:2]} {name[3:].upper()}", method=name[3:]) for name in PAIRS]
    return built(tmp_path_factory.mktemp("paired"), *rows)


@pytest.fixture(scope="module")
def unpaired(tmp_path_factory: pytest.TempPathFactory) -> TableView:
    return built(tmp_path_factory.mktemp("unpaired"), *(RowSpec(name, f"Row {name}") for name in PAIRS))


def test_rows_that_fit_share_one_column(paired: TableView) -> None:
    figure = present(learning_figure(paired, 4))
    assert not figure.wide
    assert [len(axis.lines) for axis in figure.canvas.axes] == [4, 4, 4]
    assert "The first" not in figure.caption


def test_more_rows_are_drawn_by_design_and_none_is_left_out(paired: TableView) -> None:
    figure = standard_figures(paired, 3)[1]
    axes = figure.canvas.axes
    assert figure.wide
    assert len(axes) == 6
    assert [axis.get_title(loc="left") for axis in axes[:2]] == ["Net ce", "Net ml"]
    assert [axis.get_ylabel() for axis in axes[::2]] == ["training loss", "validation loss", "validation auc"]
    assert "The first" not in figure.caption
    slots = row_slots(paired)
    for column, rows in enumerate((PAIRS[:2], PAIRS[2:])):
        for line, name in zip(axes[column].lines, rows, strict=True):
            np.testing.assert_allclose(np.asarray(line.get_ydata()), history(SKILLS[name], 0)["train/loss"])
            assert line.get_color() == slots[name].light
    assert {note.get_text() for note in axes[1].texts} == {"RS", "BT"}


def test_rows_without_pairs_are_cut_and_the_captions_say_so(unpaired: TableView) -> None:
    figure = present(learning_figure(unpaired, 3))
    assert len(figure.canvas.axes[0].lines) == 3
    for make in (learning_figure, roc_figure, confusion_figure):
        assert present(make(unpaired, 3)).caption.endswith(" The first 3 of 4 rows.")
        assert "The first" not in present(make(unpaired, 4)).caption
