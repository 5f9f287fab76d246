"""The egfr paper's tables as declarations: which cells fill them, what stands beside them, which claim they decide.

In: options; out: a :class:`~reproduce._cli.Job`. The paper's numbers come from ``reproduce/papers/egfr.yaml``.
"""

from reproduce._command import Job, Options
from reproduce._egfr.protocol import EMBEDDED, Recipe, assumptions, cells, preparation
from reproduce._papers import load_paper
from reproduce._spec import BaselineSpec, ClaimSpec, Column, Level, RowSpec, Subset, TableSpec

KEY = "egfr"
TITLES = {"ce": "CE", "ml": "ML", "ctl": "CTL", "cil": "CIL", "rs": "random", "bt": "batch training"}
LEVELS = (
    Level("image"),
    Level("nodule", "nodule_id"),
    Level("patient", "patient_id", "max", of="nodule"),
)
LEVELS_WITHOUT_NODULES = (Level("image"), Level("patient", "patient_id"))
BASELINES = {
    EMBEDDED: ("diameter", "pixel-count", "majority"),
    "lidc-nodules": ("pixel-count", "majority"),
    "nsclc-slices": ("majority",),
}
BASELINE_LABELS = {"diameter": "diameter alone", "pixel-count": "pixel count alone", "majority": "majority"}
CLASSES = {
    EMBEDDED: ("benign", "malignant"),
    "lidc-nodules": ("benign", "malignant"),
    "nsclc-slices": ("wild type", "mutant"),
}


def levels(options: Options) -> tuple[Level, ...]:
    """Return image, nodule and patient; without nodules a patient's score is the mean of the images."""
    return LEVELS_WITHOUT_NODULES if options.data == "nsclc-slices" else LEVELS


def baselines(options: Options) -> tuple[BaselineSpec, ...]:
    """Return the trivial baselines that the data allow."""
    return tuple(BaselineSpec(name, BASELINE_LABELS[name]) for name in BASELINES[options.data])


def columns(options: Options) -> tuple[Column, ...]:
    """Return a trained table's columns: the paper's accuracy, AUC over patients, the lead over the baseline."""
    found = [
        Column("image/accuracy", "ACC, images", paper="acc", scale=100),
        Column("patient/auc", "AUC, patients", ci=True),
    ]
    first = BASELINES[options.data][0]
    if first != "majority":
        found.append(Column("patient/auc", f"- {first}", minus=first))
    if first == "diameter":
        within = Subset("diameter_mm", 8, 15)
        found.append(Column("nodule/auc", "- diameter, nodules of 8-15 mm", minus=first, within=within))
    return tuple(found)


def table5(options: Options) -> Job:
    """Plan Table 5: cross-entropy or mixed loss, random or batch training, on ResNet34 (ResNet18 in quick)."""
    backbone = "resnet34" if options.preset == "paper" else "resnet18"
    shown = {"resnet34": "ResNet34", "resnet18": "ResNet18/16"}[backbone]
    recipes = [
        Recipe(
            f"resnet34-{loss}-{batches}",
            f"{shown} {TITLES[loss]}  {TITLES[batches]}",
            {"backbone": backbone, "loss": loss},
            {"batches": batches},
        )
        for loss in ("ce", "ml")
        for batches in ("rs", "bt")
    ]
    printed = load_paper(KEY).table("5")
    rows = tuple(
        RowSpec(
            recipe.row, recipe.label, {"acc": printed.cell(recipe.row, "acc").printed}, recipe.row.partition("-")[2]
        )
        for recipe in recipes
    )
    spec = TableSpec(
        key=KEY,
        number="5",
        title="Accuracy of training strategies for ResNet34",
        columns=columns(options),
        rows=rows,
        baselines=baselines(options),
        claims=(
            _claim("batch training beats random selection", ("ce-bt", "ml-bt"), ("ce-rs", "ml-rs")),
            _claim("the mixed loss beats cross-entropy", ("ml-rs", "ml-bt"), ("ce-rs", "ce-bt")),
        ),
        levels=levels(options),
        classes=CLASSES[options.data],
    )
    return Job(spec, cells(options, "5", recipes), assumptions(options), prepare=preparation(options))


def _claim(text: str, better: tuple[str, ...], worse: tuple[str, ...]) -> ClaimSpec:
    """Return a claim on the patients' AUC between rows of Table 5; a gain below 0.01 does not count."""
    return ClaimSpec(
        text,
        better=tuple(f"resnet34-{row}" for row in better),
        worse=tuple(f"resnet34-{row}" for row in worse),
        metric="patient/auc",
        tolerance=0.01,
    )
