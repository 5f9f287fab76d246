"""The cellline paper's tuning studies, and ours of leakage and of transfer on real images.

In: options and the ImageNet weights given, if any; out: a :class:`~medrepro.reproduce.command.Job`. The paper prints
their
results in a supplement whose numbers are not in its text, so nothing stands beside ours.
"""

from dataclasses import replace
from typing import Any

from medrepro.reproduce.papers.cellline.bases import derive
from medrepro.reproduce.papers.cellline.paper import EMBEDDED, FOLDS, PRESETS, Recipe, Start, cell, seeds
from medrepro.reproduce.papers.cellline.tables import COLUMNS, best_start, job, strategy_five, trained_job
from medrepro.reproduce.plan.options import Options
from medrepro.reproduce.plan.paper import Job
from medrepro.reproduce.plan.table import ClaimSpec, Column, RowSpec

RESIZES = {
    "squash": "squashed to the input",
    "crop": "centre of the original",
    "half": "1/2, then centre",
    "quarter": "1/4, then centre",
    "sixth": "1/6, then centre",
}
HEADS: tuple[tuple[int, ...], ...] = ((), (128,), (512,), (256, 128))  # Table S3's sizes are not in the text
BATCHES = (8, 16, 32, 64)
LEAKAGE_SEEDS = {"paper": (0, 1, 2), "quick": (0, 1, 2), "smoke": (0,)}


def resize(options: Options, weights: str) -> Job:
    """Plan five ways to the square input (Table S1); images are rendered six times the input's size."""
    data = {} if options.preset == "paper" else _wide(options)
    recipes = [strategy_five(weights, mode, text, resize=mode, **data) for mode, text in RESIZES.items()]
    claim = ClaimSpec("squashing is no worse than 1/4 and centre", "squash", "quarter", "image/f1", 0.0)
    return _study(options, weights, "resize", "Resizing and cropping", recipes, claims=(claim,))


def _wide(options: Options) -> dict[str, Any]:
    """Return the rendering that leaves the smallest crop (1/6 of the height) as large as the input."""
    size = PRESETS[options.preset]["data"]["image_size"]
    return {"width": 8 * size, "share": min(0.1, PRESETS[options.preset]["data"]["share"])}


def head(options: Options, weights: str) -> Job:
    """Plan fully connected layers (Table S3)."""
    recipes = []
    for hidden in HEADS:
        name = "-".join(map(str, hidden)) or "one"
        label = f"{len(hidden) + 1} layer(s){': ' + ', '.join(map(str, hidden)) if hidden else ''}"
        recipes.append(
            Recipe(name, label, best_start(weights), module={"hidden": list(hidden)}, data={"augment": "nearest"})
        )
    return _study(options, weights, "head", "Fully connected layers", recipes)


def batch(options: Options, weights: str) -> Job:
    """Plan batch sizes (Table S2)."""
    recipes = [strategy_five(weights, f"b{size}", f"batch size {size}", batch_size=size) for size in BATCHES]
    return _study(options, weights, "batch", "Batch size", recipes)


def stages(options: Options, weights: str) -> Job:
    """Plan one and two stages of pretraining; each stage's checkpoint is kept and reused by every fold.

    The control ``twice`` sees as many images as two stages, all of the first stage's kind.
    """
    breakhis = options.flags.get("breakhis", "")
    usual = PRESETS[options.preset]["train"]["source"]
    twice = {**usual, "epochs": 2 * usual["epochs"]}
    sets = {"one": usual, "twice": twice, "two": {**usual, "sets": [0, 1]}}
    labels = {"one": "one source task", "twice": "one source task, twice as long", "two": "two source tasks in turn"}
    recipes = [
        Recipe(name, labels[name], "source", data={"augment": "nearest"}, train={"source": source})
        for name, source in sets.items()
    ]
    if breakhis and weights:
        source = {**usual, "start": weights, "sets": ["breakhis"], "breakhis_root": breakhis}
        recipes += [
            Recipe("imagenet", "ImageNet", "imagenet", data={"augment": "nearest"}),
            Recipe(
                "breakhis", "ImageNet, then BreaKHis", "source", data={"augment": "nearest"}, train={"source": source}
            ),
        ]
    claim = ClaimSpec("a second stage of pretraining helps", "two", "twice", "image/f1", 0.01)
    return _study(options, weights, "stages", "Multi-stage transfer", recipes, claims=(claim,))


def samplesize(options: Options, weights: str) -> Job:
    """Plan training fractions with and without transfer: how many images transfer is worth."""
    starts: dict[Start, str] = {best_start(weights): "transfer", "frozen": "scratch"}
    recipes = [
        Recipe(
            f"{name}-{percent}",
            f"{name}, {percent} %",
            start,
            data={"augment": "nearest", "train_fraction": percent / 100},
        )
        for percent in (100, 60, 20)
        for start, name in starts.items()
    ]
    return _study(options, weights, "samplesize", "Sample size with and without transfer", recipes)


def leakage(options: Options, weights: str) -> Job:
    """Plan flask folds against the paper's image folds, over three seeds.

    A row pools the test parts of all folds: each image once, so that both ways of folding can be paired.
    """
    starts: dict[Start, str] = {best_start(weights): "transfer", "frozen": "scratch"}
    options = replace(options, seeds=options.seeds or LEAKAGE_SEEDS[options.preset])
    parts = PRESETS[options.preset]["data"].get("folds", FOLDS["paper"])
    rows, planned, claims = [], [], []
    for start, name in starts.items():
        for unit in ("flasks", "images"):
            row, label = f"{name}-{unit}", f"{name}, folds of {unit}"
            recipe = Recipe(f"{row}-fold", label, start, data={"augment": "none", "leaky_split": unit == "images"})
            rows.append(RowSpec(row, label))
            for seed in seeds(options):
                bases = tuple(cell(options, "leakage", recipe, seed, fold, weights) for fold in range(parts))
                planned.append(derive(bases, "leakage", row, label, "pooled", options.out))
        claims.append(
            ClaimSpec(f"{name}: folds of images score higher", f"{name}-images", f"{name}-flasks", "image/f1", 0.01)
        )
    columns = (
        Column("image/f1", "F1", ci=True),
        Column("image/auc", "AUC", ci=True),
    )
    title = "Folds of images leak the flask"
    found = job(options, "leakage", title, rows, planned, columns, claims, kind="Study")
    return replace(found, spec=replace(found.spec, members=tuple(f"{row.id}-fold" for row in rows)))


def transfer(options: Options, weights: str) -> Job:
    """Plan pretrained and frozen, random and frozen, random and trained, at the same number of epochs.

    On real images pretrained means ImageNet, and stays blank without its weights; on rendered ones it is the source
    task then.
    """
    epochs = {"epochs": options.epochs or PRESETS[options.preset]["train"]["epochs"]}
    first: Start = "source" if options.data == EMBEDDED and not weights else "imagenet"
    texts: dict[Start, str] = {
        first: f"pretrained on {'other rendered lines' if first == 'source' else 'ImageNet'}, head trained",
        "frozen": "random, head trained",
        "trained": "random, everything trained",
    }
    recipes = [Recipe(start, text, start, data={"augment": "none"}, train=epochs) for start, text in texts.items()]
    claims = (
        ClaimSpec("pretrained features beat random features", first, "frozen", "image/auc", 0.01),
        ClaimSpec("pretrained features beat training from scratch", first, "trained", "image/auc", 0.01),
    )
    return _study(options, weights, "transfer", "Frozen features against training from scratch", recipes, claims=claims)


def _study(
    options: Options,
    weights: str,
    name: str,
    title: str,
    recipes: list[Recipe],
    claims: tuple[ClaimSpec, ...] = (),
) -> Job:
    """Return a study's job."""
    return trained_job(options, weights, name, title, recipes, columns=COLUMNS, claims=claims, kind="Study")
