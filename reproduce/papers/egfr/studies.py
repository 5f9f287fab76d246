"""Plan the egfr paper's figures, and the studies that it lacks: samples, batch size, curves, margin, leakage."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from medrepro.reproduce.papers.egfr.counts import table2
from medrepro.reproduce.papers.egfr.protocol import (
    CLASSES,
    HERE,
    KEY,
    PROTOCOL,
    baselines,
    columns,
    levels,
    preparation,
)
from medrepro.reproduce.papers.egfr.tables import table5_variants, table6_variants
from medrepro.reproduce.plan.options import Options
from medrepro.reproduce.plan.paper import Job
from medrepro.reproduce.plan.protocol import Variant
from medrepro.reproduce.plan.table import Column, RowSpec, TableSpec

BATCH_SIZES = (6, 12, 18, 24, 30, 36, 42, 48)  # Sec. 3.2
FIGURE5_PRINTED = {6: "78.52", 36: "81.58"}  # Sec. 3.2: the only two values the text gives
MARGINS = (0.1, 0.3, 0.5, 0.7, 1.0)
LEAKAGE_EPOCHS = 8
LEAKAGE_SEEDS = (0, 1, 2, 3, 4)


def figure4(options: Options) -> Job:
    """Plan Figure 4: patches of both classes, drawn by a fixed seed from different patients."""
    job = table2(options)
    title = "Image samples of both classes"
    spec = replace(job.spec, kind="Figure", number="4", source="2", title=title, rows=job.spec.rows[:2])
    wanted = {row.id for row in spec.rows}

    def draw(view: Any) -> Sequence[Any]:
        from medrepro.reproduce.papers.egfr.figures import records, samples

        del view
        return (samples(records(options), CLASSES[options.data]),)

    return replace(job, spec=spec, cells=tuple(cell for cell in job.cells if cell.row in wanted), figures=draw)


def figure5(options: Options) -> Job:
    """Plan Figure 5: accuracy of ResNet34-MLB against the batch size."""
    backbone = "resnet34" if options.preset == "paper" else "resnet18"
    variants = [
        Variant(
            f"n{size}", f"n_b = {size}", {"backbone": backbone, "loss": "ml"}, {"batches": "bt", "batch_size": size}
        )
        for size in BATCH_SIZES
    ]
    rows = tuple(
        RowSpec(variant.row, variant.label, {"acc": FIGURE5_PRINTED[size]} if size in FIGURE5_PRINTED else {})
        for size, variant in zip(BATCH_SIZES, variants, strict=True)
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
        levels=levels(options),
        classes=CLASSES[options.data],
        notes=("The paper plots eight values and prints two of them (Sec. 3.2).",),
    )
    at = {variant.row: float(size) for size, variant in zip(BATCH_SIZES, variants, strict=True)}
    draw = against(at, "batch size", ("ACC, images", "AUC, patients"))
    return Job(
        spec, PROTOCOL.cells(options, "figure5", variants), PROTOCOL.assumptions(options), draw, preparation(options)
    )


def against(at: Mapping[str, float], title: str, labels: Sequence[str]) -> Callable[[Any], Sequence[Any]]:
    """Return what draws columns against the number that the rows vary; matplotlib is imported when it is called."""

    def draw(view: Any) -> Sequence[Any]:
        from medrepro.reproduce.report.figures.series import series_figure

        figure = series_figure(view, at, title, labels)
        return () if figure is None else (figure,)

    return draw


def figure6(options: Options) -> Job:
    """Plan Figure 6: random selection against batch training, from Table 5's cells."""
    title = "Loss curves, random selection against batch training"
    return _curves(options, "6", title, "5", table5_variants(options))


def figure7(options: Options) -> Job:
    """Plan Figure 7: cross-entropy against the mixed loss, from Table 6's cells."""
    chosen = [variant for variant in table6_variants(options) if variant.row.endswith(("-ce", "-ml"))]
    return _curves(options, "7", "Loss curves of the networks", "6", chosen)


def _curves(options: Options, figure: str, title: str, source: str, variants: Sequence[Variant]) -> Job:
    spec = TableSpec(
        key=KEY,
        number=figure,
        kind="Figure",
        source=source,
        title=title,
        columns=(
            Column("curve/train", "training loss, last epoch"),
            Column("curve/val", "validation cross-entropy, last epoch"),
            Column("curve/rise", "its rise above the best epoch"),
            Column("curve/roughness", "its roughness"),
        ),
        rows=tuple(RowSpec(variant.row, variant.label, method=variant.row.partition("-")[2]) for variant in variants),
        notes=(
            f"The curves come from Table {source}'s cells (with --out of its run they are drawn without training). The "
            "training loss is the loss trained on, so CE and ML rows differ by a term; the validation loss is "
            "cross-entropy for all.",
            "Roughness: mean absolute second difference of the validation loss over epochs. The paper judges by eye.",
        ),
    )
    shared = options.sharing(f"table {source}")
    return Job(
        spec, PROTOCOL.cells(shared, source, variants), PROTOCOL.assumptions(options), prepare=preparation(options)
    )


def margin(options: Options) -> Job:
    """Plan the study of the margin q that the paper does not print."""
    backbone = "resnet34" if options.preset == "paper" else "resnet18"
    with_cosines = f"{HERE}.compute:train_with_cosines"
    losses: list[tuple[str, str, dict[str, Any]]] = [("ce", "cross-entropy", {"loss": "ce"})]
    losses += [(f"q{q}", f"q = {q}", {"loss": "ml", "margin": q}) for q in MARGINS]
    variants = [
        Variant(row, label, {"backbone": backbone, **loss}, {"batches": "bt"}, function=with_cosines)
        for row, label, loss in losses
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
        rows=tuple(RowSpec(variant.row, variant.label) for variant in variants),
        baselines=baselines(options),
        levels=levels(options),
        classes=CLASSES[options.data],
        notes=("Cosines are between the 512 features of test images; they end in a ReLU, so none is negative.",),
    )
    draw = against({f"q{q}": q for q in MARGINS}, "margin q", ("AUC, patients", "mean cosine, other class"))
    return Job(
        spec, PROTOCOL.cells(options, "margin", variants), PROTOCOL.assumptions(options), draw, preparation(options)
    )


def leakage(options: Options) -> Job:
    """Plan the leak test: patient or image split, true or permuted labels, no augmentation."""
    base = {"backbone": "resnet18", "loss": "ce", "augmented": False}
    variants = [
        Variant(
            f"{split}-{labels}",
            f"{split} split, {labels} labels",
            base,
            {"batches": "rs", "leaky_split": split == "image", "shuffle_labels": labels == "random"},
            {"train_metrics": True},
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
        rows=tuple(RowSpec(variant.row, variant.label) for variant in variants),
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
    longer, seeds = (LEAKAGE_EPOCHS, LEAKAGE_SEEDS) if options.preset != "smoke" else (None, None)
    cells = PROTOCOL.cells(options, "leakage", variants, seeds, epochs=longer)
    return Job(spec, cells, PROTOCOL.assumptions(options), prepare=preparation(options))
