"""The one protocol: which of preset, run, variant and user wins, and which cells a request makes."""

import pytest

from medrepro.reproduce.plan.options import Options
from medrepro.reproduce.plan.protocol import EMBEDDED, Assumption, Preset, Protocol, Variant

PROTOCOL = Protocol(
    key="egfr",
    presets={
        "paper": Preset(seeds=(0, 1), epochs=50, folds=5, select="best"),
        "quick": Preset((0,), 4, 3, module={"lr": 0.1, "width": 1}, data={"fold": 9, "size": 8}, train={"share": 0.5}),
    },
    train="here:train",
    assumptions_by_name={
        "all": Assumption("1. All."),
        "quick": Assumption("2. Quick.", presets=("quick",)),
        "embedded": Assumption("3. Embedded.", data=(EMBEDDED,)),
        "some": Assumption("4. Some tables.", named=True),
    },
    own_split=("given",),
)
ONE = Variant("one", "One", {"width": 2}, {"size": 16})


def options(**more: object) -> Options:
    return Options(command="c", target="table 1", out="runs/x", **more)  # type: ignore[arg-type]  # fields by name


def test_the_run_wins_over_the_preset_the_variant_over_both_and_the_user_over_all() -> None:
    (cell,) = PROTOCOL.cells(options(), "1", [ONE], folds=1)
    assert cell.config == {
        "module": {"lr": 0.1, "width": 2, "epochs": 4, "seed": 0},
        "data": {"fold": 0, "size": 16, "data": EMBEDDED, "data_root": None, "seed": 0, "leaky_split": False},
        "train": {"epochs": 4, "select": "last", "share": 0.5, "precision": "32-true"},
    }
    asked = options(epochs=7, split="image", accumulate=2, module={"width": 3, "epochs": 1}, datamodule={"size": 32})
    (cell,) = PROTOCOL.cells(asked, "1", [ONE], folds=1, epochs=5)
    assert (cell.config["module"]["width"], cell.config["module"]["epochs"], cell.config["data"]["size"]) == (3, 1, 32)
    assert (cell.epochs, cell.config["train"]["accumulate"], cell.config["data"]["leaky_split"]) == (7, 2, True)


def test_seeds_and_folds_of_the_user_the_table_and_the_preset() -> None:
    def runs(asked: Options, **table: object) -> list[tuple[int, int]]:
        return [(cell.seed, cell.fold) for cell in PROTOCOL.cells(asked, "1", [ONE], **table)]  # type: ignore[arg-type]

    assert runs(options()) == [(0, 0), (0, 1), (0, 2)]
    assert runs(options(), seeds=(5, 6), folds=1) == [(5, 0), (6, 0)]
    assert runs(options(seeds=(7,), folds=2), seeds=(5, 6)) == [(7, 0), (7, 1)]
    assert runs(options(data="given", data_root=".", folds=2)) == [(0, 0)]


def test_a_computed_variant_has_no_training_and_needs_rows_of_its_seed_and_fold() -> None:
    above = Variant("above", "Above", function="here:above", computed=True, needs=("one",))
    cells = PROTOCOL.cells(options(folds=2), "1", [ONE, above])
    assert [cell.row for cell in cells] == ["one", "above", "one", "above"]
    assert [(cell.function, cell.epochs) for cell in cells[:2]] == [("here:train", 4), ("here:above", None)]
    assert cells[3].needs == (cells[2],)
    assert cells[3].config == {"module": {}, "data": {**cells[2].config["data"], "size": 8}}


def test_a_counted_variant_is_what_it_says() -> None:
    (cell,) = PROTOCOL.counted(options(seeds=(3,), module={"lr": 1}), "1", [ONE])
    assert cell.config == {"module": {"width": 2}, "data": {"size": 16}}
    assert (cell.seed, cell.fold, cell.epochs) == (0, 0, None)


def test_the_preset_may_depend_on_data_and_row() -> None:
    def halved(preset: Preset, asked: Options, variant: Variant) -> Preset:
        return preset.changed(data={"size": 4}, epochs=2) if asked.data == "given" and variant.row == "one" else preset

    protocol = Protocol("egfr", PROTOCOL.presets, "here:train", adapt=halved, module_gets=("seed",))
    (cell,) = protocol.cells(options(data="given", data_root="."), "1", [Variant("one", "One")], folds=1)
    assert (cell.epochs, cell.config["data"]["size"]) == (2, 4)
    assert "epochs" not in cell.config["module"]


@pytest.mark.parametrize(
    ("asked", "names", "numbers"),
    [
        (options(), (), "123"),
        (options(), ("some",), "1234"),
        (options(preset="paper"), (), "13"),
        (options(data="given", data_root="."), (), "12"),
    ],
)
def test_assumptions_are_those_that_touch_the_run(asked: Options, names: tuple[str, ...], numbers: str) -> None:
    assert "".join(text[0] for text in PROTOCOL.assumptions(asked, *names)) == numbers
