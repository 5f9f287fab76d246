"""The multi-scale protocol: what each preset trains, and the numbered assumptions that a run rests on.

In: options and a row's choices; out: cells with their whole configuration. A cell's ``kind`` says how it is run:
``classifier`` and ``segmenter`` are trained, ``ensemble`` and ``count`` are computed (epochs 0).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from medrepro.reproduce.plan.cell import Cell
from medrepro.reproduce.plan.options import Options

KEY = "multiscale"
EMBEDDED = "embedded"
FOLDS = 5
SCALES = (32, 48, 64)
Kind = Literal["classifier", "segmenter", "ball", "ensemble", "count"]
Block = dict[str, dict[str, Any]]

# What each preset changes of the defaults of module, datamodule and training, which are the paper's.
CLASSIFIER: dict[str, Block] = {
    "paper": {"module": {}, "data": {}, "train": {"epochs": 120, "select": "last"}},
    "quick": {
        "module": {"width": 0.5, "schedule": "cosine"},
        "data": {"voxel_mm": 2.0, "limit_patients": 300, "batch_size": 16},
        "train": {"epochs": 4, "select": "last"},
    },
    "smoke": {
        "module": {"width": 0.25, "schedule": "cosine"},
        "data": {"voxel_mm": 4.0, "limit_patients": 40, "batch_size": 8},
        "train": {"epochs": 3, "select": "last"},
    },
}
SEGMENTER: dict[str, Block] = {
    "paper": {"module": {}, "data": {}, "train": {"epochs": 120, "select": "last"}},
    "quick": {
        "module": {"width": 0.5, "schedule": "cosine"},
        "data": {"scale": 32, "voxel_mm": 2.0, "limit_patients": 300, "batch_size": 8},  # the classifiers' cubes
        "train": {"epochs": 5, "select": "last"},
    },
    "smoke": {
        "module": {"width": 0.25, "schedule": "cosine"},
        "data": {"scale": 32, "cube_mm": 32, "voxel_mm": 2.0, "limit_patients": 20, "batch_size": 8},
        "train": {"epochs": 3, "select": "last"},
    },
}
LIDC_DATA = (EMBEDDED, "lidc")  # real patients and diameters
NOT_FOR = {EMBEDDED: (), "lidc": ("limit_patients",), "nodulemnist3d": ("limit_patients", "voxel_mm")}
SEEDS = {"paper": (0,), "quick": (0, 1, 2), "smoke": (0,)}
FOLDS_OF = {"paper": FOLDS, "quick": 1, "smoke": 1}

ASSUMPTIONS = {
    "labels": "1. Labels: the median of the readers' ratings, halves to the even level; level 3 is dropped.",
    "split": "2. Split: five folds by patient; 20 % of the other patients choose the ensemble's weights.",
    "power": "3. lambda of Eq. 12 is not printed: 2 (study: 1, 2, 3).",
    "epochs": "4. Epochs: 120 with lr x 0.1 every 30 (Sec. 4.5), not Table 3's 30; the last epoch counts.",
    "networks": "5. No width is printed: 16-32-64-128 for Light10 and the residual blocks, 8 for a channel.",
    "ifm": "6. IFM: a stem a channel, RAM's softmax over the three channels, strides 2-2-2-1 (Figs. 2 and 3 are lost).",
    "level": "7. Over- and under-complete channels have one x2 level: three would make maps of 256^3.",
    "rows": "8. KiU and DAS are rebuilt around one idea each; OL and SD2023 are cited numbers, not runs.",
    "voxels": "9. Voxels of 1 mm; the paper crops the scanner's own.",
    "shift": "10. Translations reach 2 voxels; the paper names no distance.",
    "grid": "11. Weights: steps of 0.05 on the simplex; of equal AUCs the one nearest to equal weights.",
    "decoder": "12. Ablation: U-Net decoders, Dice and cross-entropy; CEL is IFM with cross-entropy alone.",
    "quick": "13. quick: 300 patients, voxels of 2 mm, half the widths, batches of 16, 4 epochs with cosine decay.",
    "quick-masks": "13. quick: 300 patients, 32 mm in voxels of 2 mm, half the widths, batches of 8, 5 epochs.",
    "quick-3": "14. quick: Table 3 trains the 32 mm scale alone, so its rows are no ensembles.",
    "smoke": "13. smoke: few patients, coarse voxels, quarter widths, 3 epochs: proves the code, measures nothing.",
}
DATA_ASSUMPTIONS = ("labels", "split", "epochs", "voxels", "shift")


def assumptions(options: Options, *names: str) -> tuple[str, ...]:
    """Return the named assumptions and those of all trained tables, in the card's order, as they touch this run."""
    wanted = {*DATA_ASSUMPTIONS, *names}
    if options.data not in LIDC_DATA:
        wanted -= {"labels", "split", "voxels"}
    wanted = {name for name in wanted if not name.startswith(("quick", "smoke")) or name.startswith(options.preset)}
    return tuple(text for name, text in ASSUMPTIONS.items() if name in wanted)


@dataclass(frozen=True)
class Recipe:
    """One cell's choices: its row and label, its kind, and what it sets in module and datamodule."""

    row: str
    label: str
    kind: Kind = "classifier"
    module: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)


def cells(options: Options, table: str, recipes: Sequence[Recipe]) -> tuple[Cell, ...]:
    """Return one cell for each recipe, seed and fold, seeds outermost so that early results are whole tables."""
    seeds = options.seeds or SEEDS[options.preset]
    folds = (options.folds or FOLDS_OF[options.preset]) if options.data in LIDC_DATA else 1
    found: list[Cell] = []
    for seed in seeds:
        for fold in range(folds):
            found += [_cell(options, table, recipe, seed, fold) for recipe in recipes]
    return tuple(found)


def counted(options: Options, table: str, rows: Sequence[tuple[str, str]]) -> tuple[Cell, ...]:
    """Return one computed cell for each (row, label): counting has no seeds and no presets but the paper's."""
    config = {"kind": "count", "module": {}, "data": {}, "train": {"epochs": 0}}
    options = replace(options, preset="paper")
    return tuple(_make(options, table, Recipe(row, label, "count"), 0, 0, config) for row, label in rows)


def _cell(options: Options, table: str, recipe: Recipe, seed: int, fold: int) -> Cell:
    preset = (SEGMENTER if recipe.kind in ("segmenter", "ball") else CLASSIFIER)[options.preset]
    if recipe.kind == "ball":  # no setting of a network or of its training touches it
        data = _data(options, preset, recipe, seed, fold)
        config = {"kind": "ball", "module": recipe.module, "data": data, "train": {"epochs": 0}}
        return _make(options, table, recipe, seed, fold, config)
    epochs = options.epochs or preset["train"]["epochs"]
    module = {**preset["module"], **recipe.module, "epochs": epochs, "seed": seed, **options.module}
    train = {**preset["train"], "epochs": epochs, "precision": options.precision}
    if recipe.kind == "ensemble":
        train = {"epochs": 0, "members": train}
    config = {"kind": recipe.kind, "module": module, "data": _data(options, preset, recipe, seed, fold), "train": train}
    return _make(options, table, recipe, seed, fold, config)


def _data(options: Options, preset: Block, recipe: Recipe, seed: int, fold: int) -> dict[str, Any]:
    return {
        **{name: value for name, value in preset["data"].items() if name not in NOT_FOR[options.data]},
        **recipe.data,
        "data": options.data,
        "data_root": options.data_root,
        "seed": seed,
        "fold": fold,
        "leaky_split": options.split == "image",
        **options.datamodule,
    }


def _make(options: Options, table: str, recipe: Recipe, seed: int, fold: int, config: dict[str, Any]) -> Cell:
    return Cell(
        key=KEY,
        table=table,
        row=recipe.row,
        label=recipe.label,
        seed=seed,
        fold=fold,
        preset=options.preset,
        config=config,
        out=options.out,
        command=options.command,
        runtime=options.runtime,
    )


def preparation(options: Options, found: Sequence[Cell]) -> Callable[[], object]:
    """Return what fills the data cache before the cells run: every different rendering once."""

    def prepare() -> None:
        from medrepro.datamodules.multiscale import MultiScaleDataModule

        seen: set[tuple[object, ...]] = set()
        for cell in found:
            data = cell.config["data"]
            rendering = tuple(data.get(name) for name in ("voxel_mm", "cube_mm", "limit_patients"))
            if cell.config["train"]["epochs"] and rendering not in seen:
                seen.add(rendering)
                MultiScaleDataModule(**data, cache_dir=options.cache_dir).prepare_data()

    return prepare
