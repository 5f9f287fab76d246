"""Plan the egfr paper's trained tables, 5 to 7: which cells fill them, what stands beside them, what they test."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from medrepro.reproduce.papers.egfr.protocol import (
    BATCHES,
    CLASSES,
    HERE,
    KEY,
    LOSSES,
    NETWORKS,
    PROTOCOL,
    baselines,
    columns,
    levels,
    narrow_note,
    network_label,
    preparation,
    rows,
)
from medrepro.reproduce.plan.options import Options
from medrepro.reproduce.plan.paper import Job
from medrepro.reproduce.plan.protocol import Variant
from medrepro.reproduce.plan.table import RowSpec, TableSpec
from medrepro.reproduce.printed.load import load_paper

if TYPE_CHECKING:
    from medrepro.reproduce.run.classical import Classifier

GAIN = 0.01  # of AUC: what counts as an improvement, fixed before anything was run


def table5_variants(options: Options) -> list[Variant]:
    """Return cross-entropy or mixed loss, random or batch training, on ResNet34 (a narrow ResNet18 in quick)."""
    backbone = "resnet34" if options.preset == "paper" else "resnet18"
    shown = network_label(backbone, options)
    return [
        Variant(
            f"resnet34-{loss}-{batches}",
            f"{shown} {LOSSES[loss]}  {BATCHES[batches]}",
            {"backbone": backbone, "loss": loss},
            {"batches": batches},
        )
        for loss in ("ce", "ml")
        for batches in ("rs", "bt")
    ]


def table5(options: Options) -> Job:
    """Plan Table 5: four training strategies."""
    variants = table5_variants(options)
    spec = TableSpec(
        key=KEY,
        number="5",
        title="Accuracy of training strategies for ResNet34",
        columns=columns(options),
        rows=rows("5", variants),
        baselines=baselines(options),
        levels=levels(options),
        classes=CLASSES[options.data],
        notes=narrow_note(options),
    )
    return Job(
        spec,
        PROTOCOL.cells(options, "5", variants),
        PROTOCOL.assumptions(options),
        drawn(options),
        preparation(options),
    )


def table6_variants(options: Options) -> list[Variant]:
    """Return five networks x four losses, all with batch training."""
    return [
        Variant(
            f"{backbone}-{loss}",
            f"{network_label(backbone, options)} {LOSSES[loss]}",
            {"backbone": backbone, "loss": loss},
            {"batches": "bt"},
        )
        for backbone in NETWORKS
        for loss in LOSSES
    ]


def table6(options: Options) -> Job:
    """Plan Table 6: five networks x four losses."""
    variants = table6_variants(options)
    printed = ("image/sensitivity", "image/specificity", "image/accuracy", "image/auc")
    spec = TableSpec(
        key=KEY,
        number="6",
        title="Metrics for the compared networks based on each loss",
        columns=columns(options, printed),
        rows=rows("6", variants),
        baselines=baselines(options),
        levels=levels(options),
        classes=CLASSES[options.data],
        notes=narrow_note(options),
    )
    return Job(
        spec,
        PROTOCOL.cells(options, "6", variants),
        PROTOCOL.assumptions(options),
        drawn(options),
        preparation(options),
    )


def drawn(options: Options) -> Callable[[Any], Sequence[Any]]:
    """Return what draws a trained table's examples; matplotlib is imported when it is called."""

    def draw(view: Any) -> Sequence[Any]:
        from medrepro.reproduce.papers.egfr.figures import Gallery

        return Gallery(options)(view)

    return draw


CLASSIFIERS: "dict[str, tuple[Classifier, str]]" = {
    "features-forest": ("forest", "shape + first-order features, random forest"),
    "features-svm": ("svm", "shape + first-order features, SVM"),
    "features-tree": ("tree", "shape + first-order features, decision tree"),
    "radiomics-forest": ("forest", "shape + IBSI radiomics, random forest"),
}
WITHOUT_MASKS = ("nsclc", "nsclc-slices")  # no outline, so no shape: first-order features of the whole slice
SLICE_CLASSIFIERS: "dict[str, tuple[Classifier, str]]" = {
    "slice-forest": ("forest", "first-order features of the whole slice, random forest"),
    "slice-svm": ("svm", "first-order features of the whole slice, SVM"),
    "slice-tree": ("tree", "first-order features of the whole slice, decision tree"),
}
CITED = "another study's patients: cited, not reproduced"
CHOSEN = "Classifiers choose their parameters on inner folds of training patients; "
FEATURES_OF = {
    False: "the features are of each nodule's largest slice, and all its slices share the nodule's score.",
    True: "the features are the grey levels of chest and table: what they reach is not the tumour's doing.",
}
PRINTED = ("image/sensitivity", "image/specificity", "image/accuracy", "image/auc")


def table7(options: Options) -> Job:
    """Plan Table 7."""
    backbone = "resnet34" if options.preset == "paper" else "resnet18"
    ours = Variant(
        "ours", f"{network_label(backbone, options)} ML, batch training", {"backbone": backbone}, {"batches": "bt"}
    )
    without_masks = options.data in WITHOUT_MASKS
    known = SLICE_CLASSIFIERS if without_masks else CLASSIFIERS
    classical = [
        Variant(row, label, function=f"{HERE}.comparators:compute", computed=True) for row, (_, label) in known.items()
    ]
    printed = load_paper(KEY).table("7")
    cited = [Variant(row, printed.rows[row].label) for row in printed.rows if row != "ours"]
    spec = TableSpec(
        key=KEY,
        number="7",
        title="Comparison of the studies",
        columns=columns(options, PRINTED),
        rows=(
            *(replace(row, reason=CITED) for row in rows("7", cited)),
            *rows("7", [ours]),
            *(RowSpec(variant.row, variant.label, below=True, reason=_reason(variant.row)) for variant in classical),
        ),
        baselines=baselines(options),
        levels=levels(options),
        classes=CLASSES[options.data],
        notes=(CHOSEN + FEATURES_OF[without_masks],),
    )  # fmt: skip
    cells = PROTOCOL.cells(options, "7", [ours, *(variant for variant in classical if not _reason(variant.row))])
    return Job(spec, cells, PROTOCOL.assumptions(options), prepare=preparation(options))


def _reason(row: str) -> str:
    """Why a row cannot be computed on this machine."""
    from medrepro.datamodules.features.radiomics import MISSING, available

    return "" if row != "radiomics-forest" or available() else MISSING
