import pytest

from medrepro.reproduce.papers.cellline.protocol import (
    ASSUMPTIONS,
    PRESETS,
    PROTOCOL,
    SOURCES,
    STRATEGIES,
    TRAINED_EPOCHS,
)
from medrepro.reproduce.plan.options import Options
from medrepro.reproduce.printed.load import load_paper


def test_strategies_are_the_rows_of_table_2() -> None:
    printed = load_paper("cellline").table("2")
    assert len(STRATEGIES) == len(printed.rows) == 9
    for strategy in STRATEGIES:
        row = strategy.number.lower()
        marks = {column: printed.cell(row, column).printed for column in printed.columns}
        assert bool(marks["grayscale"]) == strategy.grey
        assert bool(marks["transfer"]) == strategy.transfer
        assert (marks["augmentation"] or "none").lower() == strategy.augment


@pytest.mark.parametrize("preset", ["quick", "smoke", "paper"])
def test_every_preset_trains_three_epochs_or_more(preset: str) -> None:
    assert min(PRESETS[preset].epochs, TRAINED_EPOCHS[preset], SOURCES[preset]["epochs"]) >= 3


def test_the_paper_preset_changes_nothing_of_the_papers_defaults() -> None:
    assert PRESETS["paper"].module == PRESETS["paper"].data == {}


def test_assumptions_are_those_that_touch_the_run() -> None:
    quick = PROTOCOL.assumptions(Options(command="", target="table 5", preset="quick"), "source")
    assert [text[:2] for text in quick] == [f"{number}." for number in range(1, 10)]
    real = PROTOCOL.assumptions(Options(command="", target="table 5", preset="paper", data="livecell"), "source")
    assert {ASSUMPTIONS[name].text for name in ("embedded", "quick", "source")}.isdisjoint(real)
