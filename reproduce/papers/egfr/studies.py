"""The egfr paper's figures that are trained, and the studies it lacks: batch size, curves, margin, leakage.

In: options; out: a :class:`~medrepro.reproduce.plan.paper.Job`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from medrepro.reproduce.papers.egfr.paper import (
    CLASSES,
    KEY,
    Recipe,
    assumptions,
    baselines,
    cells,
    columns,
    levels,
    preparation,
)
from medrepro.reproduce.papers.egfr.tables import GAIN, table5_recipes, table6_recipes
from medrepro.reproduce.plan.options import Options
from medrepro.reproduce.plan.paper import Job
from medrepro.reproduce.plan.table import ClaimSpec, Column, RowSpec, TableSpec

BATCH_SIZES = (6, 12, 18, 24, 30, 36, 42, 48)  # Sec. 3.2
FIGURE5_PRINTED = {6: "78.52", 36: "81.58"}  # Sec. 3.2: the only two values the text gives
MARGINS = (0.1, 0.3, 0.5, 0.7, 1.0)
LEAKAGE_EPOCHS = 8
LEAKAGE_SEEDS = (0, 1, 2, 3, 4)


def figure5(options: Options) -> Job:
    """Plan Figure 5: accuracy of ResNet34-MLB against the batch size."""
    backbone = "resnet34" if options.preset == "paper" else "resnet18"
    recipes = [
        Recipe(f"n{size}", f"n_b = {size}", {"backbone": backbone, "loss": "ml"}, {"batches": "bt", "batch_size": size})
        for size in BATCH_SIZES
    ]
    rows = tuple(
        RowSpec(recipe.row, recipe.label, {"acc": FIGURE5_PRINTED[size]} if size in FIGURE5_PRINTED else {})
        for size, recipe in zip(BATCH_SIZES, recipes, strict=True)
    )
    spec = TableSpec(
        key=KEY,
        number="5",
        kind="Figure",
        source="figure5",
        title="Accuracy against the batch size",
        columns=columns(options),
        rows=rows,
        baselines=baselines(options),
        claims=(
            ClaimSpec("n_b = 36 beats n_b = 6", "n36", "n6", metric="image/accuracy", tolerance=GAIN),
            ClaimSpec("n_b = 48 beats n_b = 24", "n48", "n24", metric="image/accuracy", tolerance=GAIN),
        ),
        levels=levels(options),
        classes=CLASSES[options.data],
        notes=("The paper plots eight values and prints two of them (Sec. 3.2).",),
    )
    at = {recipe.row: float(size) for size, recipe in zip(BATCH_SIZES, recipes, strict=True)}
    draw = against(at, "batch size", ("ACC, images", "AUC, patients"))
    return Job(spec, cells(options, "figure5", recipes), assumptions(options), draw, preparation(options))


def against(at: Mapping[str, float], title: str, labels: Sequence[str]) -> Callable[[Any], Sequence[Any]]:
    """Return what draws columns against the number that the rows vary; matplotlib is imported when it is called."""

    def draw(view: Any) -> Sequence[Any]:
        from medrepro.reproduce.report.figures.series import series_figure

        figure = series_figure(view, at, title, labels)
        return () if figure is None else (figure,)

    return draw


def curves(options: Options, figure: str) -> Job:
    """Plan Figure 6 (RS against BT, from Table 5's cells) or 7 (CE against ML, from Table 6's)."""
    if figure == "6":
        source, recipes = "5", table5_recipes(options)
    else:
        source = "6"
        recipes = [recipe for recipe in table6_recipes(options) if recipe.row.endswith(("-ce", "-ml"))]
    spec = TableSpec(
        key=KEY,
        number=figure,
        kind="Figure",
        source=source,
        title="Loss curves, random selection against batch training"
        if figure == "6"
        else "Loss curves of the networks",
        columns=(
            Column("curve/train", "training loss, last epoch"),
            Column("curve/val", "validation cross-entropy, last epoch"),
            Column("curve/rise", "its rise above the best epoch"),
            Column("curve/roughness", "its roughness"),
        ),
        rows=tuple(RowSpec(recipe.row, recipe.label, method=recipe.row.partition("-")[2]) for recipe in recipes),
        notes=(
            f"The curves come from Table {source}'s cells (with --out of its run they are drawn without training). The "
            "training loss is the loss trained on, so CE and ML rows differ by a term; the validation loss is "
            "cross-entropy for all.",
            "Roughness: mean absolute second difference of the validation loss over epochs. The paper judges by eye.",
        ),
    )
    shared = options.sharing(f"table {source}")
    return Job(spec, cells(shared, source, recipes), assumptions(options), prepare=preparation(options))


def margin(options: Options) -> Job:
    """Plan the study of the margin q that the paper does not print."""
    backbone = "resnet34" if options.preset == "paper" else "resnet18"
    recipes = [Recipe("ce", "cross-entropy", {"backbone": backbone, "loss": "ce"}, {"batches": "bt"})]
    recipes += [
        Recipe(f"q{q}", f"q = {q}", {"backbone": backbone, "loss": "ml", "margin": q}, {"batches": "bt"})
        for q in MARGINS
    ]
    spec = TableSpec(
        key=KEY,
        number="margin",
        kind="Study",
        title="The margin q of Eq. 8",
        columns=(
            *columns(options),
            Column("cosine/within", "mean cosine, same class"),
            Column("cosine/between", "mean cosine, other class"),
        ),
        rows=tuple(RowSpec(recipe.row, recipe.label) for recipe in recipes),
        baselines=baselines(options),
        claims=(ClaimSpec("q = 0.5 beats cross-entropy", "q0.5", "ce", metric="patient/auc", tolerance=GAIN),),
        levels=levels(options),
        classes=CLASSES[options.data],
        notes=("Cosines are between the 512 features of test images; they end in a ReLU, so none is negative.",),
    )
    draw = against({f"q{q}": q for q in MARGINS}, "margin q", ("AUC, patients", "mean cosine, other class"))
    return Job(spec, cells(options, "margin", recipes), assumptions(options), draw, preparation(options))


def leakage(options: Options) -> Job:
    """Plan the leak test: patient or image split, true or permuted labels, no augmentation."""
    base = {"backbone": "resnet18", "loss": "ce", "augmented": False}
    recipes = [
        Recipe(
            f"{split}-{labels}",
            f"{split} split, {labels} labels",
            base,
            {"batches": "rs", "leaky_split": split == "image", "shuffle_labels": labels == "random"},
        )
        for split in ("patient", "image")
        for labels in ("true", "random")
    ]
    spec = TableSpec(
        key=KEY,
        number="leakage",
        kind="Study",
        title="What a split by image inflates",
        columns=(
            Column("image/auc", "AUC, test images", ci=True),
            Column("nodule/auc", "AUC, test nodules", ci=True),
            Column("patient/auc", "AUC, test patients", ci=True),
            Column("train/auc", "AUC, training images"),
        ),
        rows=tuple(RowSpec(recipe.row, recipe.label) for recipe in recipes),
        levels=levels(options),
        classes=CLASSES[options.data],
        ranked=False,
        notes=(
            "Random labels are permuted between nodules; all images of a nodule keep one label. An honest split scores "
            "0.5 on them, whatever the network has memorised; a split by image lets it recognise the nodule.",
            "Read the nodules' column. A patient's label is 'any malignant', its score the largest nodule mean: with "
            "more nodules both are likelier, which lifts the patients' AUC above 0.5 without any leak.",
        ),
    )
    longer = options.epochs or (LEAKAGE_EPOCHS if options.preset != "smoke" else None)
    seeds = options.seeds or (LEAKAGE_SEEDS if options.preset != "smoke" else None)
    planned = cells(options, "leakage", recipes, epochs=longer, seeds=seeds, train={"train_metrics": True})
    return Job(spec, planned, assumptions(options), prepare=preparation(options))
