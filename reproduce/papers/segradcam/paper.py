"""The segradcam protocol: what each preset trains and explains, and the numbered assumptions that a run rests on.

In: options and a row's choices; out: cells with their whole configuration. A cell's ``kind`` says how it is run:
``trained``; ``same`` (the network's own cells, shown in another table) and ``explained``, which rest on a trained
cell; ``classical`` and ``counted``. Only the first takes epochs. All targets share one folder of cells.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from medrepro.reproduce.plan.cell import Cell
from medrepro.reproduce.plan.options import Options

KEY = "segradcam"
EMBEDDED = "embedded"
FOLDS = {"paper": 10, "quick": 3, "smoke": 2}  # Sec. 5: ten
COMPARED_FOLDS = {"quick": 1}  # how many of them Table 4 runs, where not all: its comparators are slow
NETWORK = "network"  # the table of the paper's own network; other tables, figures and explanations rest on it
DEFAULT = "table summary"
Block = dict[str, dict[str, Any]]

QUICK_NETWORK = {"design": "bottleneck", "widths": [8, 32, 64, 128], "early_pool": True}
# What each preset changes of the defaults of module, datamodule and training, which are the paper's.
PRESETS: dict[str, Block] = {
    "paper": {"module": {}, "data": {}, "train": {"epochs": 150, "select": "last"}},
    "quick": {
        "module": {**QUICK_NETWORK, "schedule": "cosine", "lr": 0.01},
        "data": {},
        "train": {"epochs": 6, "select": "last"},
    },
    "smoke": {
        "module": {"design": "bottleneck", "widths": [4, 4, 8, 8], "early_pool": True, "schedule": "cosine"},
        "data": {"limit_patients": 40},
        "train": {"epochs": 3, "select": "last"},
    },
}
# The comparators' widths: in each preset their parameters are within 5 % of the network's.
WIDTHS: dict[str, dict[str, int | None]] = {
    "paper": {},
    "quick": {"three-plane": 15, "dual-path": 42, "autoencoder": 28, "multi-crop": 25, "binary-tree": 16},
    "smoke": {"three-plane": 4, "dual-path": 8, "autoencoder": 4, "multi-crop": 4, "binary-tree": 4},
}
PRETRAIN = {"paper": 50, "quick": 2, "smoke": 1}  # assumed: a third of the epochs, or half
EXPLAINED = {"paper": 100, "quick": 12, "smoke": 4}  # nodules a fold; occlusion hides each hundreds of times
# Layers for a coarse and a fine heat map; with early_pool a stage's map is half as wide as the paper's.
LAYERS = {"paper": ("stage4", "stage3"), "quick": ("stage3", "stage2"), "smoke": ("stage3", "stage2")}

ASSUMPTIONS = {
    "population": "1. Slices of at most 2.5 mm (the text says 3), three readers or more, a mean of 3 dropped (not "
    "'>= 3'): only so the published 450 and 554 come out.",
    "split": "2. Ten folds by patient; the paper's are by nodule, which puts 67 % of them beside a training nodule.",
    "window": "3. [-1200, 600] HU, clipped first, then scaled: the paper prints [1200, 600] and the reverse order.",
    "network": "4. Table 2 is lost: widths and inner design are SE-ResNeXt's (1,789,934 parameters).",
    "lr": "5. lr 1e-3, x 0.1 at 60 and 120 (the printed third value repeats the second; Sec. 4's 0.30 contradicts).",
    "decay": "6. Weight decay 1e-3: the sentence is garbled.",
    "trust": "7. Trust is measured on true masks instead of asked of nine raters, whose printed numbers are those of "
    "the original Grad-CAM study; Eqs. 1-9 are Grad-CAM's, ours is Grad-CAM++'s Eq. 19.",
    "explained": "8. Explained: nodules of the test folds, as many of each class, for the predicted class.",
    "classical": "9. Table 3: each family is a textbook set (datamodules/features/handcrafted.py); nested folds "
    "by patient.",
    "comparators": "10. Table 4: small networks with one mechanism each, within 5 % of ours in parameters, 32^3 input; "
    "quick runs the first of its three folds, at the learning rate chosen for ours.",
    "quick": "11. quick: 3 folds, widths 8-128, pooling before stage 1, 6 epochs, lr 0.01 with cosine decay, chosen on "
    "validation nodules.",
    "smoke": "11. smoke: 40 patients, 2 folds, tiny widths, 3 epochs: proves that the code runs, measures nothing.",
}


def assumptions(options: Options, *names: str) -> tuple[str, ...]:
    """Return the named assumptions and those of all trained tables, in the card's order, as they touch this run."""
    wanted = {"population", "split", "window", "network", "lr", "decay", options.preset, *names}
    wanted -= {"population", "split"} if options.data == "nodulemnist3d" else set()
    wanted -= {"population"} if options.data == "folder" else set()
    wanted -= {"lr"} if options.preset != "paper" else set()
    return tuple(text for name, text in ASSUMPTIONS.items() if name in wanted)


@dataclass(frozen=True)
class Recipe:
    """One row's choices: id, label, and what it sets in module and datamodule."""

    row: str
    label: str
    module: dict[str, Any] = field(default_factory=dict)


WITH_DIAMETER = (EMBEDDED, "lidc")
OURS = Recipe("senet", "SE network (Mish)")


def fold_count(options: Options) -> int:
    """Return how many folds are run: all of them, as each tests its own nodules."""
    return (options.folds or FOLDS[options.preset]) if options.data != "nodulemnist3d" else 1


def compared_folds(options: Options) -> int:
    """Return how many folds Table 4 runs: the preset's, unless the user names a number of folds."""
    return fold_count(options) if options.folds else COMPARED_FOLDS.get(options.preset, fold_count(options))


def trained(options: Options, table: str, recipes: Sequence[Recipe], folds: int | None = None) -> tuple[Cell, ...]:
    """Return one trained cell for each recipe, seed and fold; ``folds`` runs only the first so many."""
    return tuple(
        _make(options, table, recipe.row, recipe.label, seed, fold, _trained_config(options, recipe, seed, fold))
        for seed in options.seeds or (0,)
        for fold in range(folds or fold_count(options))
        for recipe in recipes
    )


def same(options: Options, table: str, folds: int | None = None) -> tuple[Cell, ...]:
    """Return the network's own cells as a row of another table: nothing is trained twice."""
    bases = trained(options, NETWORK, [OURS], folds)
    return tuple(_resting(options, table, OURS.row, OURS.label, base, "same") for base in bases)


def explained(options: Options, rows: Sequence[tuple[str, str]]) -> tuple[Cell, ...]:
    """Return one cell for each method's (row, label), seed and fold; folds outermost, as they are trained."""
    explain = {"nodules": EXPLAINED[options.preset], "layers": list(LAYERS[options.preset])}
    return tuple(
        _resting(options, "trust", row, label, base, "explained", {"explain": explain})
        for base in trained(options, NETWORK, [OURS])
        for row, label in rows
    )


def base_of(cell: Cell) -> Cell:
    """Return the trained cell that another cell rests on."""
    train = {name: value for name, value in cell.config["train"].items() if name != "base_epochs"}
    config = {
        "kind": "trained",
        "module": cell.config["module"],
        "data": cell.config["data"],
        "train": {**train, "epochs": cell.config["train"]["base_epochs"]},
    }
    return replace(cell, table=NETWORK, row=OURS.row, label=OURS.label, config=config)


def _resting(
    options: Options, table: str, row: str, label: str, base: Cell, kind: str, more: dict[str, Any] | None = None
) -> Cell:
    train = {**base.config["train"], "epochs": 0, "base_epochs": base.config["train"]["epochs"]}
    return _make(
        options, table, row, label, base.seed, base.fold, {**base.config, "kind": kind, "train": train, **(more or {})}
    )


def classical(options: Options, table: str, rows: Sequence[tuple[str, str, dict[str, str]]]) -> tuple[Cell, ...]:
    """Return one cell a (row, label, choice) and seed; its folds are inside, so every nodule is tested once."""
    found = []
    for seed in options.seeds or (0,):
        for row, label, choice in rows:
            data = _data(options, seed, 0)
            config = {"kind": "classical", "module": choice, "data": data, "train": {"epochs": 0}}
            found.append(_make(options, table, row, label, seed, 0, config))
    return tuple(found)


def counted(options: Options, table: str, rows: Sequence[tuple[str, str]]) -> tuple[Cell, ...]:
    """Return one computed cell for each (row, label): nothing is trained, so there is one seed."""
    module = _module(options, OURS)
    config = {"kind": "counted", "module": module, "data": {}, "train": {"epochs": 0}, "flags": options.flags}
    return tuple(_make(options, table, row, label, 0, 0, config) for row, label in rows)


def _trained_config(options: Options, recipe: Recipe, seed: int, fold: int) -> dict[str, Any]:
    preset = PRESETS[options.preset]
    epochs = options.epochs or preset["train"]["epochs"]
    module = {**_module(options, recipe), "epochs": epochs, "seed": seed, **options.module}
    train = {**preset["train"], "epochs": epochs, "precision": options.precision}
    return {"kind": "trained", "module": module, "data": _data(options, seed, fold), "train": train}


def _module(options: Options, recipe: Recipe) -> dict[str, Any]:
    module = {**PRESETS[options.preset]["module"], **recipe.module}
    network = recipe.module.get("network")
    if network is None:
        return module
    shared = {name: value for name, value in module.items() if name in ("schedule", "lr", "network")}
    pretrain = {"pretrain_epochs": PRETRAIN[options.preset]} if network == "autoencoder" else {}
    return {**shared, "width": WIDTHS[options.preset].get(network), **pretrain}


def _data(options: Options, seed: int, fold: int) -> dict[str, Any]:
    changed = PRESETS[options.preset]["data"] if options.data == EMBEDDED else {}
    return {
        **changed,
        "data": options.data,
        "data_root": options.data_root,
        "folds": max(fold_count(options), 2),
        "fold": fold,
        "seed": seed,
        "leaky_split": options.split == "image",
        **options.datamodule,
    }


def _make(options: Options, table: str, row: str, label: str, seed: int, fold: int, config: dict[str, Any]) -> Cell:
    return Cell(
        key=KEY,
        table=table,
        row=row,
        label=label,
        seed=seed,
        fold=fold,
        preset=options.preset,
        config=config,
        out=options.sharing(DEFAULT).out,
        command=options.command,
        runtime=options.runtime,
    )


def preparation(options: Options) -> Callable[[], object]:
    """Return what fills the cache before the cells run."""

    def prepare() -> None:
        from medrepro.datamodules.segradcam import SEGradCAMDataModule

        config = _data(options, 0, 0)
        SEGradCAMDataModule(**config, cache_dir=options.cache_dir).prepare_data()

    return prepare
