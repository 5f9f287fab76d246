"""The cellline protocol: strategies I-IX, what each preset trains, the numbered assumptions a run rests on.

In: options and a row's choice of strategy, task and network; out: cells with their whole configuration.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from medrepro.reproduce.plan.cell import Cell
from medrepro.reproduce.plan.options import Options

Start = Literal["imagenet", "source", "frozen", "trained"]
Augment = Literal["none", "nearest", "constant"]
EMBEDDED = "embedded"


@dataclass(frozen=True)
class Strategy:
    """One row of Table 2."""

    number: str
    grey: bool
    augment: Augment
    transfer: bool


AUGMENTS: tuple[Augment, ...] = ("none", "nearest", "constant")
COLOURS = ((True, False), (False, True), (False, False))  # (grey, transfer), Table 2: no transfer for grey images
STRATEGIES = tuple(
    Strategy(number, grey, augment, transfer)
    for number, ((grey, transfer), augment) in zip(
        ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX"), itertools.product(COLOURS, AUGMENTS), strict=True
    )
)

# What each preset changes of the defaults of module, datamodule and training, which are the paper's.
PRESETS: dict[str, dict[str, dict[str, Any]]] = {
    "paper": {
        "module": {},
        "data": {},
        "train": {
            "epochs": 50,
            "trained_epochs": 50,
            "select": "last",
            "source": {"sets": [0], "share": 1.0, "epochs": 50},
        },
    },
    "quick": {
        "module": {"backbone": "mobilenetv1_100"},
        "data": {"image_size": 64, "share": 0.25, "draws": 1},
        "train": {
            "epochs": 10,
            "trained_epochs": 4,
            "select": "last",
            "source": {"sets": [0], "share": 0.4, "epochs": 10},
        },
    },
    "smoke": {
        "module": {"backbone": "mobilenetv3_small_050"},
        "data": {"image_size": 32, "share": 0.08, "width": 64, "flasks": 4, "folds": 3, "draws": 1},
        "train": {
            "epochs": 3,
            "trained_epochs": 3,
            "select": "last",
            "source": {"sets": [0], "share": 0.01, "epochs": 3},
        },
    },
}
SEEDS = {"paper": (0,), "quick": (0,), "smoke": (0,)}  # ten folds are ten trainings; the paper reports over folds
FOLDS = {"paper": 10, "quick": 10, "smoke": 2}
LEARNING_RATE_TRAINED = 1e-3  # from scratch: assumed

ASSUMPTIONS = {
    "embedded": "1. The paper's images are private: eight rendered lines with its names and class counts; synthetic.",
    "optimiser": "2. Optimiser, learning rates and epochs are not printed: Adam, 1e-3 (head) and 1e-4 (backbone).",
    "flasks": "3. Folds keep a flask whole; the paper's are of images (`--split image`, marked leaky).",
    "shift": "4. The range of the width shift is not printed: up to 20 % of the width, whole copies drawn once.",
    "head": "5. The head's input is standardised by the training images, or random features would not train at all.",
    "scratch": "6. 'From scratch' trains the fully connected layers only, as the paper says; 'trained' trains all.",
    "source": "7. Transfer comes from eight other rendered lines, not from ImageNet; the ImageNet row needs --weights.",
    "confidence": "8. Confidence is measured on test images; the paper took training images and averaged in a 0.",
    "quick": "9. quick: MobileNet at 64 px, a quarter of the images, one copy, 10 epochs (4 whole network).",
    "smoke": "9. smoke: a tiny network, 32 px, two folds, 3 epochs: proves that the code runs, measures nothing.",
}


def assumptions(options: Options) -> tuple[str, ...]:
    """Return the card's numbered deviations that touch this run."""
    skipped = {"quick", "smoke"} - {options.preset}
    if options.data != EMBEDDED:
        skipped |= {"embedded"}
    if options.data != EMBEDDED or (options.flags.get("weights", "none") != "none" and options.target != "table 5"):
        skipped |= {"source"}  # transfer is ImageNet's there
    return tuple(text for name, text in ASSUMPTIONS.items() if name not in skipped)


@dataclass(frozen=True)
class Recipe:
    """One row's choices: an id, a label, where the backbone's weights come from, and what differs otherwise."""

    row: str
    label: str
    start: Start = "source"
    module: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    train: dict[str, Any] = field(default_factory=dict)


def seeds(options: Options) -> tuple[int, ...]:
    """Return the seeds to run."""
    return options.seeds or SEEDS[options.preset]


def folds(options: Options) -> int:
    """Return how many folds to run."""
    return options.folds or FOLDS[options.preset]


def cells(options: Options, table: str, recipes: Sequence[Recipe], weights: str) -> tuple[Cell, ...]:
    """Return one cell for each recipe, seed and fold, folds outermost so that early results are whole tables.

    Rows that need no pretraining come first within a fold: a second worker then does not wait for it.
    """
    ordered = sorted(recipes, key=lambda recipe: recipe.start == "source")
    return tuple(
        cell(options, table, recipe, seed, fold, weights)
        for seed in seeds(options)
        for fold in range(folds(options))
        for recipe in ordered
    )


def cell(options: Options, table: str, recipe: Recipe, seed: int, fold: int, weights: str) -> Cell:
    """Return one cell with its whole configuration."""
    preset = PRESETS[options.preset]
    start = {"imagenet": weights, "source": "source", "frozen": "none", "trained": "none"}[recipe.start]
    module = {**preset["module"], "weights": start, **recipe.module, "seed": seed, **options.module}
    if recipe.start == "trained":
        module |= {"freeze": "none", "lr_backbone": LEARNING_RATE_TRAINED}
    data = {
        **preset["data"],
        "data": options.data,
        "data_root": options.data_root,
        "leaky_split": options.split == "image",
        **recipe.data,
        "seed": seed,
        "fold": fold,
        **options.datamodule,
    }
    usual = preset["train"]["trained_epochs" if recipe.start == "trained" else "epochs"]
    train = {
        "epochs": options.epochs or usual,
        "precision": options.precision,
        "select": preset["train"]["select"],
        "source": preset["train"]["source"] if start == "source" else None,
        **recipe.train,
    }
    return Cell(
        key="cellline",
        table=table,
        row=recipe.row,
        label=recipe.label,
        seed=seed,
        fold=fold,
        preset=options.preset,
        config={"module": module, "data": data, "train": train},
        out=options.out,
        command=options.command,
        runtime=options.runtime,
    )


LINES = {  # rows of Tables 1, 8 and 9 in the order of the classes
    "colo-704": "COLO-704",
    "colo-704-cddp": "COLO-704rCDDP1000",
    "efo-21": "EFO-21",
    "efo-21-cddp": "EFO-21rCDDP2000",
    "efo-27": "EFO-27",
    "efo-27-cddp": "EFO-27rCDDP2000",
    "ukf-nb-3": "UKF-NB-3",
    "ukf-nb-3-oxali": "UKF-NB-3rOXALI4000",
}
