"""The quadsnet protocol: what each preset trains on which data, and the numbered assumptions that a run rests on.

In: options and a row's choice of network, loss and streams; out: cells with their whole configuration.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from medrepro.reproduce.plan.cell import Cell
from medrepro.reproduce.plan.options import Options

EMBEDDED = "embedded"
THETAS = "thetas"  # --data thetas: every data set of Table I below --data-root
# Table I's data sets, the paper's own before its stand-in.
CANDIDATES: dict[str, tuple[str, ...]] = {
    "theta1": ("chest-xray", "pneumoniamnist"),
    "theta2": ("covid-ct",),
    "theta3": ("skin",),
    "theta4": ("fundus", "retinamnist"),
    "theta5": ("oct", "octmnist"),
    "theta6": ("malaria",),
    "theta7": ("mnist",),
}
THETA_OF = {name: theta for theta, names in CANDIDATES.items() for name in names}
NETWORKS = {
    "qn": ("quadsnet", "QuadSNet"),
    "dn": ("densenet121", "DenseNet121"),
    "in": ("inception_v3", "InceptionV3"),
    "mn": ("mobilenetv1_100", "MobileNet"),
    "rn": ("resnet50", "ResNet50"),
    "vg": ("vgg16", "VGG16"),
    "xc": ("legacy_xception", "Xception"),
}
QUICK_NETWORKS = ("qn", "mn", "rn")  # one smaller and one larger than QuadSNet

IMBALANCE = 10
SMOKE_LIMIT = 150  # images a kind
FAST: dict[str, Any] = {"bn_momentum": 0.1, "lr": 1e-3, "schedule": "cosine"}
# What each preset changes of the defaults of module, datamodule and training, which are the paper's.
PRESETS: dict[str, dict[str, dict[str, Any]]] = {
    "paper": {"module": {}, "data": {"image_size": 224}, "train": {"epochs": 100, "select": "best"}},
    "quick": {"module": FAST, "data": {}, "train": {"epochs": 7, "select": "last"}},
    "smoke": {"module": {**FAST, "widths": [4, 4, 8, 8]}, "data": {}, "train": {"epochs": 3, "select": "last"}},
}
QUICK_WIDTHS = [8, 16, 32, 64]  # of the embedded data; real data get the paper's network
# Real data on a CPU: how small, how many, how long.
QUICK_DATA: dict[str, dict[str, int]] = {
    "covid-ct": {"image_size": 48, "epochs": 12},
    "skin": {"image_size": 32, "train_limit": 1500, "epochs": 6},
    "mnist": {"image_size": 28, "train_limit": 3000, "epochs": 4},
    "pneumoniamnist": {"image_size": 28, "train_limit": 2000, "epochs": 5},
}
QUICK_OTHER = {"image_size": 32, "train_limit": 2000, "epochs": 5}
SEEDS = {"paper": (0, 1, 2, 3, 4), "quick": (0, 1, 2), "smoke": (0,)}
STUDY_SEEDS = {"imbalance": (0, 1, 2, 3, 4)}

ASSUMPTIONS = {
    "task": "1. Embedded data: odd digits and malignant nodules against even and benign ones stand in for Table I.",
    "layers": "2. No layer table is printed: two convolutions a block, widths 32-256, 512 hidden units; the parameters "
    "come to 5,242,728 against 5,235,944.",
    "squash": "3. Eq. 2 needs outputs in [0, 1]: v is the sigmoid of the logits, a class by itself; --study loss has "
    "the softmax too.",
    "weighted": "4. 'Weighted' and 'dynamic weights' are not defined: a sample weighs N / (K n_k) of its class.",
    "momentum": "5. Batch-norm momentum 0.99 is read as Keras counts it; 'momentum 0.009' of Adam is left at 0.9.",
    "split": "6. Shares of the three parts are not printed: the source's own parts, else a fifth to test, a tenth of "
    "the rest to validation; patients stay together where they are known.",
    "metrics": "7. Table III's 'sensitivity' and 'specificity' of the skin data fit its other columns and 1800 : 1497 "
    "images only as PPV and NPV: both readings are shown.",
    "quick": "8. quick: lr 1e-3 with cosine decay, batch-norm momentum 0.1, few epochs, the last "
    "one, small images, networks from scratch (the paper's baselines are pre-trained): not the paper's protocol.",
    "thinned": "9. Training and validation are made 1:10 imbalanced by the seed; the test part is not.",
    "widths": "10. quick on embedded data: QuadSNet at a quarter of its width (434,000 parameters).",
    "smoke": "8. smoke: 150 images a kind, 3 epochs, tiny widths: proves that the code runs, measures nothing.",
}


def preparation(options: Options) -> Callable[[], object] | None:
    """Return what renders the embedded nodules into the cache; None where the data are read as they are."""
    if options.data != EMBEDDED:
        return None
    limit = SMOKE_LIMIT if options.preset == "smoke" else 0

    def render() -> object:
        from medrepro.datamodules.lidc.cohorts import embedded_slices

        return embedded_slices(options.cache_dir, limit, progress=not options.quiet)

    return render


def assumptions(options: Options) -> tuple[str, ...]:
    """Return the card's numbered deviations that touch this run."""
    skipped = {"quick", "smoke"} - {options.preset}
    if options.data != EMBEDDED:
        skipped |= {"task", "thinned", "widths"}
    if options.preset != "quick":
        skipped |= {"widths"}
    return tuple(text for name, text in ASSUMPTIONS.items() if name not in skipped)


@dataclass(frozen=True)
class Recipe:
    """One row's choices: an id and label, what it sets in module and datamodule, and which data it is about."""

    row: str
    label: str
    module: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    source: str = ""


def cells(options: Options, table: str, recipes: Sequence[Recipe]) -> tuple[Cell, ...]:
    """Return one cell for each recipe and seed, seeds outermost so that early results are whole tables."""
    seeds = options.seeds or (STUDY_SEEDS.get(table, ()) if options.preset == "quick" else ()) or SEEDS[options.preset]
    folds = options.folds or 1
    return tuple(
        _cell(options, table, recipe, seed, fold) for seed in seeds for fold in range(folds) for recipe in recipes
    )


def computed(options: Options, table: str, recipes: Sequence[Recipe]) -> tuple[Cell, ...]:
    """Return one cell for each recipe of a table without training."""
    return tuple(
        _make(options, table, recipe, 0, 0, {"module": recipe.module, "data": recipe.data, "train": {"epochs": 0}})
        for recipe in recipes
    )


def _cell(options: Options, table: str, recipe: Recipe, seed: int, fold: int) -> Cell:
    preset, source = PRESETS[options.preset], recipe.source or options.data
    size = _size(options.preset, source)
    epochs = options.epochs or size.pop("epochs", preset["train"]["epochs"])
    size.pop("epochs", None)
    narrow = {"widths": QUICK_WIDTHS} if options.preset == "quick" and source == EMBEDDED else {}
    module = {**preset["module"], **narrow, **recipe.module, "epochs": epochs, "seed": seed, **options.module}
    data = {
        **preset["data"],
        **size,
        **recipe.data,
        "data": source,
        "data_root": options.data_root,
        "seed": seed,
        "fold": fold,
        "leaky_split": options.split == "image",
        **options.datamodule,
    }
    train = {**preset["train"], "epochs": epochs, "precision": options.precision}
    if "baseline" in recipe.module:  # no setting of a network or of its training touches it
        module, train = {}, {"epochs": 0, **recipe.module}
    return _make(options, table, recipe, seed, fold, {"module": module, "data": data, "train": train})


def _size(preset: str, source: str) -> dict[str, int]:
    """Return what a preset changes of a data set: size, number, epochs."""
    if source == EMBEDDED:
        small = {"smoke": {"limit": SMOKE_LIMIT}, "quick": {"train_limit": 900}}.get(preset, {})
        return {"image_size": 0, "imbalance": IMBALANCE, **small}
    if preset == "smoke":
        return {"image_size": 32, "train_limit": 96}
    return dict(QUICK_DATA.get(source, QUICK_OTHER)) if preset == "quick" else {}


def _make(options: Options, table: str, recipe: Recipe, seed: int, fold: int, config: dict[str, Any]) -> Cell:
    return Cell(
        key="quadsnet",
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
