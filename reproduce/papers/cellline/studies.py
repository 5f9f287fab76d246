"""Plan the cellline paper's tuning studies, and ours of leakage and of transfer on real images.

The paper prints their results in a supplement whose numbers are not in its text, so nothing stands beside ours.
"""

from dataclasses import replace
from typing import Any

from medrepro.reproduce.papers.cellline.protocol import (
    HERE,
    PRESETS,
    PROTOCOL,
    SOURCES,
    Start,
    best_start,
    line,
    weights_of,
)
from medrepro.reproduce.papers.cellline.tables import COLUMNS, job, strategy_five, trained_job
from medrepro.reproduce.plan.options import Options
from medrepro.reproduce.plan.paper import Job
from medrepro.reproduce.plan.protocol import EMBEDDED, Variant
from medrepro.reproduce.plan.table import Column, RowSpec

RESIZES = {
    "squash": "squashed to the input",
    "crop": "centre of the original",
    "half": "1/2, then centre",
    "quarter": "1/4, then centre",
    "sixth": "1/6, then centre",
}
HEADS: tuple[tuple[int, ...], ...] = ((), (128,), (512,), (256, 128))  # Table S3's sizes are not in the text
BATCHES = (8, 16, 32, 64)
LEAKAGE_SEEDS = {"paper": (0, 1, 2), "quick": (0, 1, 2), "judge": tuple(range(10)), "smoke": (0,)}


def resize(options: Options) -> Job:
    """Plan five ways to the square input (Table S1); images are rendered six times the input's size."""
    data = {} if options.preset == "paper" else _wide(options)
    variants = [strategy_five(options, mode, text, resize=mode, **data) for mode, text in RESIZES.items()]
    return _study(options, "resize", "Resizing and cropping", variants)


def _wide(options: Options) -> dict[str, Any]:
    """Return the rendering that leaves the smallest crop (1/6 of the height) as large as the input."""
    size = PRESETS[options.preset].data["image_size"]
    return {"width": 8 * size, "share": min(0.1, PRESETS[options.preset].data["share"])}


def head(options: Options) -> Job:
    """Plan fully connected layers (Table S3)."""
    variants = []
    for hidden in HEADS:
        name = "-".join(map(str, hidden)) or "one"
        label = f"{len(hidden) + 1} layer(s){': ' + ', '.join(map(str, hidden)) if hidden else ''}"
        variants.append(
            line(
                options, name, label, best_start(options), module={"hidden": list(hidden)}, data={"augment": "nearest"}
            )
        )
    return _study(options, "head", "Fully connected layers", variants)


def batch(options: Options) -> Job:
    """Plan batch sizes (Table S2)."""
    variants = [strategy_five(options, f"b{size}", f"batch size {size}", batch_size=size) for size in BATCHES]
    return _study(options, "batch", "Batch size", variants)


def stages(options: Options) -> Job:
    """Plan one and two stages of pretraining; each stage's checkpoint is kept and reused by every fold.

    The control ``twice`` sees as many images as two stages, all of the first stage's kind.
    """
    breakhis = options.flags.get("breakhis", "")
    usual = SOURCES[options.preset]
    twice = {**usual, "epochs": 2 * usual["epochs"]}
    sets = {"one": usual, "twice": twice, "two": {**usual, "sets": [0, 1]}}
    labels = {"one": "one source task", "twice": "one source task, twice as long", "two": "two source tasks in turn"}
    variants = [
        line(options, name, labels[name], "source", data={"augment": "nearest"}, train={"source": source})
        for name, source in sets.items()
    ]
    if breakhis and weights_of(options):
        source = {**usual, "start": weights_of(options), "sets": ["breakhis"], "breakhis_root": breakhis}
        variants += [
            line(options, "imagenet", "ImageNet", "imagenet", data={"augment": "nearest"}),
            line(
                options,
                "breakhis",
                "ImageNet, then BreaKHis",
                "source",
                data={"augment": "nearest"},
                train={"source": source},
            ),
        ]
    return _study(options, "stages", "Multi-stage transfer", variants)


def samplesize(options: Options) -> Job:
    """Plan training fractions with and without transfer: how many images transfer is worth."""
    starts: dict[Start, str] = {best_start(options): "transfer", "frozen": "scratch"}
    variants = [
        line(
            options,
            f"{name}-{percent}",
            f"{name}, {percent} %",
            start,
            data={"augment": "nearest", "train_fraction": percent / 100},
        )
        for percent in (100, 60, 20)
        for start, name in starts.items()
    ]
    return _study(options, "samplesize", "Sample size with and without transfer", variants)


def leakage(options: Options) -> Job:
    """Plan flask folds against the paper's image folds, over three seeds.

    A row pools the test parts of all folds: each image once, so that both ways of folding can be paired.
    """
    starts: dict[Start, str] = {best_start(options): "transfer", "frozen": "scratch"}
    parts = PRESETS[options.preset].data.get("folds", PRESETS["paper"].folds)
    rows, planned = [], []
    for start, name in starts.items():
        for unit in ("flasks", "images"):
            row, label = f"{name}-{unit}", f"{name}, folds of {unit}"
            variant = line(
                options, f"{row}-fold", label, start, data={"augment": "none", "leaky_split": unit == "images"}
            )
            rows.append(RowSpec(row, label))
            pooled = Variant(row, label, function=f"{HERE}.derived:pooled", computed=True)
            for seed in options.seeds or LEAKAGE_SEEDS[options.preset]:
                bases = tuple(PROTOCOL.cell(options, "leakage", variant, seed, fold) for fold in range(parts))
                planned.append(PROTOCOL.cell(options, "leakage", pooled, seed, 0, bases))
    columns = (
        Column("image/f1", "F1", ci=True),
        Column("image/auc", "AUC", ci=True),
    )
    title = "Folds of images leak the flask"
    found = job(options, "leakage", title, rows, planned, columns, kind="Study")
    return replace(found, spec=replace(found.spec, members=tuple(f"{row.id}-fold" for row in rows)))


def transfer(options: Options) -> Job:
    """Plan pretrained and frozen, random and frozen, random and trained, at the same number of epochs.

    On real images pretrained means ImageNet, and stays blank without its weights; on rendered ones it is the source
    task then.
    """
    epochs = {"epochs": options.epochs or PRESETS[options.preset].epochs}
    first: Start = "source" if options.data == EMBEDDED and not weights_of(options) else "imagenet"
    texts: dict[Start, str] = {
        first: f"pretrained on {'other rendered lines' if first == 'source' else 'ImageNet'}, head trained",
        "frozen": "random, head trained",
        "trained": "random, everything trained",
    }
    variants = [
        line(options, start, text, start, data={"augment": "none"}, train=epochs) for start, text in texts.items()
    ]
    return _study(options, "transfer", "Frozen features against training from scratch", variants)


def _study(
    options: Options,
    name: str,
    title: str,
    variants: list[Variant],
) -> Job:
    """Return a study's job."""
    return trained_job(options, name, title, variants, columns=COLUMNS, kind="Study")
