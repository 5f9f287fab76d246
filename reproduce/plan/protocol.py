"""Turn a request and the rows of a table into cells: presets, seeds, folds, overrides and assumptions, for all papers.

Values win in this order: the preset; data, root, seed, fold and split; the row's variant; the user's ``--module.*`` and
``--datamodule.*``.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal

from medrepro.reproduce.plan.cell import Cell
from medrepro.reproduce.plan.options import Options

EMBEDDED = "embedded"
TUNING = "-tuning"  # ends the table of the trainings on which a row's learning rate is chosen
TUNING_SEED = 1000  # theirs: no repeat that counts has it
Values = Mapping[str, Any]
EMPTY: Values = MappingProxyType({})


@dataclass(frozen=True)
class Variant:
    """One row of a table: what it changes, and what computes it.

    Attributes:
        row: id of the row.
        label: what the row is called in the table.
        module: arguments of the module.
        data: arguments of the datamodule.
        train: settings of the training.
        function: what computes it, ``package.module:name``; default: the protocol's training.
        computed: it is computed without training, so no preset of a network or training applies to it.
        needs: rows of the same seed and fold, planned before it, that must be finished first.
    """

    row: str
    label: str
    module: Values = field(default_factory=dict)
    data: Values = field(default_factory=dict)
    train: Values = field(default_factory=dict)
    function: str = ""
    computed: bool = False
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Preset:
    """What a preset changes of the defaults of module, datamodule and training, which are the paper's.

    Attributes:
        seeds: trainings of each fold.
        epochs: of each training.
        folds: how many are run.
        select: whether the last epoch counts, or the best on validation.
        patience: epochs without a better validation AUC after which training ends; 0: never before ``epochs``.
        rates: learning rates of which each row takes the best on validation, by trainings of their own.
        module: arguments of the module.
        data: arguments of the datamodule.
        train: further settings of the training.
    """

    seeds: tuple[int, ...]
    epochs: int
    folds: int = 1
    select: Literal["last", "best"] = "last"
    patience: int = 0
    rates: tuple[float, ...] = ()
    module: Values = field(default_factory=dict)
    data: Values = field(default_factory=dict)
    train: Values = field(default_factory=dict)

    def changed(self, module: Values = EMPTY, data: Values = EMPTY, **others: Any) -> "Preset":
        """Return this preset with further arguments of module and datamodule, and other settings."""
        return replace(self, module={**self.module, **module}, data={**self.data, **data}, **others)


@dataclass(frozen=True)
class Assumption:
    """A numbered deviation of the paper's card, and the runs that it touches.

    Attributes:
        text: number and sentence.
        presets: the presets that it touches; empty: all.
        data: the data that it touches; empty: all.
        named: it touches only the tables that name it.
    """

    text: str
    presets: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    named: bool = False

    def touches(self, options: Options) -> bool:
        """Whether it holds for this preset and these data."""
        preset, data = options.preset, options.data
        return (not self.presets or preset in self.presets) and (not self.data or data in self.data)


def _as_it_is(preset: Preset, options: Options, variant: Variant) -> Preset:
    del options, variant
    return preset


@dataclass(frozen=True)
class Protocol:
    """How a paper trains.

    Attributes:
        key: the paper.
        presets: by name.
        train: the function that trains a cell, ``package.module:name``.
        assumptions_by_name: in the card's order.
        adapt: what of the preset depends on the data or the row, such as sizes per data set.
        own_split: names of data whose parts are given, so that there is one fold whatever the user asks for.
        module_gets: which of ``epochs`` and ``seed`` the module takes.
    """

    key: str
    presets: Mapping[str, Preset]
    train: str
    assumptions_by_name: Mapping[str, Assumption] = field(default_factory=dict)
    adapt: Callable[[Preset, Options, Variant], Preset] = _as_it_is
    own_split: tuple[str, ...] = ()
    module_gets: tuple[str, ...] = ("epochs", "seed")

    def cells(
        self,
        options: Options,
        table: str,
        variants: Sequence[Variant],
        seeds: Sequence[int] | None = None,
        folds: int | None = None,
        epochs: int | None = None,
    ) -> tuple[Cell, ...]:
        """Return one cell per variant, seed and fold, seeds outermost so that early results are whole tables.

        Args:
            options: what the user asked for.
            table: which table the cells belong to.
            variants: its rows; each after those that it needs.
            seeds: instead of the preset's; the user's ``--seeds`` still win.
            folds: run only the first so many.
            epochs: instead of the preset's; the user's ``--epochs`` still win.
        """
        found: list[Cell] = []
        for seed in options.seeds or seeds or self.presets[options.preset].seeds:
            for fold in range(folds or self.folds(options)):
                rows: dict[str, Cell] = {}
                for variant in variants:
                    needs = tuple(rows[row] for row in variant.needs)
                    rows[variant.row] = self.cell(options, table, variant, seed, fold, needs, epochs)
                found += rows.values()
        return tuple(found)

    def folds(self, options: Options) -> int:
        """Return how many folds are run."""
        return 1 if options.data in self.own_split else options.folds or self.presets[options.preset].folds

    def cell(
        self,
        options: Options,
        table: str,
        variant: Variant,
        seed: int = 0,
        fold: int = 0,
        needs: tuple[Cell, ...] = (),
        epochs: int | None = None,
    ) -> Cell:
        """Return one cell with its whole configuration."""
        preset = self.adapt(self.presets[options.preset], options, variant)
        given: dict[str, Any] = {"epochs": options.epochs or epochs or preset.epochs, "seed": seed}
        data = {
            **preset.data,
            "data": options.data,
            "data_root": options.data_root,
            "seed": seed,
            "fold": fold,
            "leaky_split": options.split == "image",
            **variant.data,
            **options.datamodule,
        }
        if variant.computed:
            return self._cell(options, table, variant, seed, fold, {"module": {**variant.module}, "data": data}, needs)
        settings = {name: given[name] for name in self.module_gets}
        train = {
            "epochs": given["epochs"],
            "select": preset.select,
            **({"patience": preset.patience} if preset.patience else {}),
            **preset.train,
            **variant.train,
            "precision": options.precision,
            **({"accumulate": options.accumulate} if options.accumulate > 1 else {}),
        }
        module = {**preset.module, **variant.module, **settings, **options.module}
        if preset.rates and "lr" not in {**variant.module, **options.module}:
            needs = (*needs, *self._tuning(options, table, variant, preset.rates))
        return self._cell(options, table, variant, seed, fold, {"module": module, "data": data, "train": train}, needs)

    def _tuning(self, options: Options, table: str, variant: Variant, rates: Sequence[float]) -> tuple[Cell, ...]:
        """Return one training per learning rate, on a seed of their own: the same small grid for every row."""
        rows = [
            replace(variant, row=f"{variant.row}-lr{rate:g}", module={**variant.module, "lr": rate}) for rate in rates
        ]
        return tuple(self.cell(options, f"{table}{TUNING}", row, TUNING_SEED) for row in rows)

    def counted(self, options: Options, table: str, variants: Sequence[Variant]) -> tuple[Cell, ...]:
        """Return one cell per variant that is computed from what the variant says and nothing else."""
        return tuple(
            self._cell(options, table, variant, 0, 0, {"module": {**variant.module}, "data": {**variant.data}}, ())
            for variant in variants
        )

    def _cell(
        self,
        options: Options,
        table: str,
        variant: Variant,
        seed: int,
        fold: int,
        config: dict[str, Any],
        needs: tuple[Cell, ...],
    ) -> Cell:
        return Cell(
            key=self.key,
            table=table,
            row=variant.row,
            label=variant.label,
            seed=seed,
            fold=fold,
            preset=options.preset,
            config=config,
            out=options.out,
            command=options.command,
            runtime=options.runtime,
            function=variant.function or self.train,
            needs=needs,
        )

    def assumptions(self, options: Options, *names: str) -> tuple[str, ...]:
        """Return the card's numbered deviations that touch this run, with those that its table names."""
        return tuple(
            one.text
            for name, one in self.assumptions_by_name.items()
            if one.touches(options) and (not one.named or name in names)
        )
