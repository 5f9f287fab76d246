"""Say how cellline is trained: strategies I-IX, where weights come from, presets, and the card's assumptions."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from medrepro.reproduce.plan.cell import Cell
from medrepro.reproduce.plan.options import Options
from medrepro.reproduce.plan.protocol import EMBEDDED, EMPTY, Assumption, Preset, Protocol, Values, Variant

KEY = "cellline"
HERE = "medrepro.reproduce.papers.cellline"
Start = Literal["imagenet", "source", "frozen", "trained"]
Augment = Literal["none", "nearest", "constant"]


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

# Ten folds are ten trainings, so one seed does; the paper reports over folds.
PRESETS = {
    "paper": Preset(seeds=(0,), folds=10, epochs=50),
    "quick": Preset(
        seeds=(0,),
        folds=10,
        epochs=10,
        module={"backbone": "mobilenetv1_100"},
        data={"image_size": 64, "share": 0.25, "draws": 1},
    ),
    "judge": Preset(
        seeds=tuple(range(10)),
        folds=3,
        epochs=40,
        select="best",
        patience=10,
        rates=(3e-4, 1e-3, 3e-3),
        module={"backbone": "mobilenetv1_100"},
        data={"image_size": 64, "share": 0.5, "folds": 3, "draws": 1},
    ),
    "smoke": Preset(
        seeds=(0,),
        folds=2,
        epochs=3,
        module={"backbone": "mobilenetv3_small_050"},
        data={"image_size": 32, "share": 0.08, "width": 64, "flasks": 4, "folds": 3, "draws": 1},
    ),
}
TRAINED_EPOCHS = {"paper": 50, "quick": 4, "judge": 12, "smoke": 3}  # of a whole network
SOURCES: dict[str, dict[str, Any]] = {  # how a backbone is pretrained on other rendered lines
    "paper": {"sets": [0], "share": 1.0, "epochs": 50},
    "quick": {"sets": [0], "share": 0.4, "epochs": 10},
    "judge": {"sets": [0], "share": 0.4, "epochs": 10},
    "smoke": {"sets": [0], "share": 0.01, "epochs": 3},
}
LEARNING_RATE_TRAINED = 1e-3  # from scratch: assumed

ASSUMPTIONS = {
    "embedded": Assumption(
        "1. The paper's images are private: eight rendered lines with its names and class counts; synthetic.",
        data=(EMBEDDED,),
    ),
    "optimiser": Assumption(
        "2. Optimiser, learning rates and epochs are not printed: Adam, 1e-3 (head) and 1e-4 (backbone)."
    ),
    "flasks": Assumption("3. Folds keep a flask whole; the paper's are of images (`--split image`, marked leaky)."),
    "shift": Assumption(
        "4. The range of the width shift is not printed: up to 20 % of the width, whole copies drawn once."
    ),
    "head": Assumption(
        "5. The head's input is standardised by the training images, or random features would not train at all."
    ),
    "scratch": Assumption(
        "6. 'From scratch' trains the fully connected layers only, as the paper says; 'trained' trains all."
    ),
    "source": Assumption(
        "7. Transfer comes from eight other rendered lines, not from ImageNet; the ImageNet row needs --weights.",
        data=(EMBEDDED,),
        named=True,
    ),
    "confidence": Assumption(
        "8. Confidence is measured on test images; the paper took training images and averaged in a 0."
    ),
    "quick": Assumption(
        "9. quick: MobileNet at 64 px, a quarter of the images, one copy, 10 epochs (4 whole network).",
        presets=("quick",),
    ),
    "judge": Assumption(
        "9. judge: MobileNet at 64 px, half of the images, three folds per seed; each row's learning rate is the best "
        "of 3e-4, 1e-3 and 3e-3 on validation flasks; up to 40 epochs (12 whole network), ended by 10 without a better "
        "validation AUC, the best counts.",
        presets=("judge",),
    ),
    "smoke": Assumption(
        "9. smoke: a tiny network, 32 px, two folds, 3 epochs: proves that the code runs, measures nothing.",
        presets=("smoke",),
    ),
}


def preset_for(preset: Preset, options: Options, variant: Variant) -> Preset:
    """Return the preset with the epochs of a whole network for the rows that train one."""
    whole = variant.module.get("freeze") == "none"
    return replace(preset, epochs=TRAINED_EPOCHS[options.preset]) if whole else preset


PROTOCOL = Protocol(KEY, PRESETS, f"{HERE}.compute:train", ASSUMPTIONS, preset_for, module_gets=("seed",))


def weights_of(options: Options) -> str:
    """Return the ImageNet weights that the user gives, a file or ``imagenet``; empty for none."""
    weights = options.flags.get("weights", "none")
    return "" if weights == "none" else weights


def best_start(options: Options) -> Start:
    """Return where transfer comes from: ImageNet if its weights are here, else the source task."""
    return "imagenet" if weights_of(options) else "source"


def line(
    options: Options,
    row: str,
    label: str,
    start: Start = "source",
    module: Values = EMPTY,
    data: Values = EMPTY,
    train: Values = EMPTY,
) -> Variant:
    """Return a row that starts from some weights.

    Args:
        options: what the user asked for.
        row: id of the row.
        label: what it is called in the table.
        start: ``imagenet`` (the user's weights), ``source`` (pretrained on other rendered lines), ``frozen`` (random,
            head trained) or ``trained`` (random, everything trained).
        module: further arguments of the module.
        data: of the datamodule.
        train: of the training.
    """
    weights = {"imagenet": weights_of(options), "source": "source"}.get(start, "none")
    whole = {"freeze": "none", "lr_backbone": LEARNING_RATE_TRAINED} if start == "trained" else {}
    source = SOURCES[options.preset] if weights == "source" else None
    return Variant(row, label, {"weights": weights, **whole, **module}, data, {"source": source, **train})


def is_possible(variant: Variant) -> bool:
    """Whether the weights that a row starts from are at hand."""
    return variant.module.get("weights") != ""


def cells(options: Options, table: str, variants: Sequence[Variant]) -> tuple[Cell, ...]:
    """Return one cell per variant, seed and fold.

    Rows that need no pretraining come first within a fold: a second worker then does not wait for it. Rows that
    follow from others come last.
    """
    ordered = sorted(variants, key=lambda one: (bool(one.needs), one.module.get("weights") == "source"))
    return PROTOCOL.cells(options, table, ordered)


def runs(options: Options) -> list[tuple[int, int]]:
    """Return the seeds and folds to run."""
    seeds = options.seeds or PRESETS[options.preset].seeds
    return [(seed, fold) for seed in seeds for fold in range(PROTOCOL.folds(options))]
