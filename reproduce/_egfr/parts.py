"""What the egfr paper's tables share: levels, baselines, columns, rows from a recipe, names.

In: options; out: pieces of a :class:`~reproduce._spec.TableSpec`.
"""

from collections.abc import Sequence

from reproduce._command import Options
from reproduce._egfr.protocol import EMBEDDED, Recipe
from reproduce._papers import load_paper
from reproduce._spec import BaselineSpec, Column, Level, RowSpec, Subset

KEY = "egfr"
NETWORKS = {
    "vgg16": "VGG16Net",
    "resnet18": "ResNet18",
    "resnet34": "ResNet34",
    "resnet50": "ResNet50",
    "densenet": "DenseNet",
}
LOSSES = {"ce": "CE", "ctl": "CTL", "cil": "CIL", "ml": "ML"}
BATCHES = {"rs": "random", "bt": "batch training"}
CLASSES = {
    EMBEDDED: ("benign", "malignant"),
    "lidc-nodules": ("benign", "malignant"),
    "nsclc-slices": ("wild type", "mutant"),
    "nsclc": ("wild type", "mutant"),
}
LEVELS = (Level("image"), Level("nodule", "nodule_id"), Level("patient", "patient_id", "max", of="nodule"))
LEVELS_WITHOUT_NODULES = (Level("image"), Level("patient", "patient_id"))
BASELINES = {
    EMBEDDED: ("diameter", "pixel-count", "majority"),
    "lidc-nodules": ("pixel-count", "majority"),
    "nsclc-slices": ("majority",),
    "nsclc": ("diameter", "pixel-count", "majority"),
}
BASELINE_LABELS = {"diameter": "diameter alone", "pixel-count": "pixel count alone", "majority": "majority"}
PAPER_COLUMNS = {"image/sensitivity": "se", "image/specificity": "sp", "image/accuracy": "acc", "image/auc": "auc"}
SHORT = {"image/sensitivity": "SE", "image/specificity": "SP", "image/accuracy": "ACC", "image/auc": "AUC"}


def levels(options: Options) -> tuple[Level, ...]:
    """Return image, nodule and patient; without nodules a patient's score is the mean of the images."""
    return LEVELS_WITHOUT_NODULES if options.data == "nsclc-slices" else LEVELS


def baselines(options: Options) -> tuple[BaselineSpec, ...]:
    """Return the trivial baselines that the data allow."""
    return tuple(BaselineSpec(name, BASELINE_LABELS[name]) for name in BASELINES[options.data])


def columns(options: Options, printed: Sequence[str] = ("image/accuracy",)) -> tuple[Column, ...]:
    """Return a trained table's columns: the paper's metrics, AUC over patients, the lead over the baseline."""
    found = [
        Column(
            metric, f"{SHORT[metric]}, images", paper=PAPER_COLUMNS[metric], scale=1 if metric == "image/auc" else 100
        )
        for metric in printed
    ]
    found.append(Column("patient/auc", "AUC, patients", ci=True))
    first = BASELINES[options.data][0]
    if first != "majority":
        found.append(Column("patient/auc", f"- {first}", minus=first))
    if first == "diameter":
        within = Subset("diameter_mm", 8, 15)
        found.append(Column("nodule/auc", "- diameter, nodules of 8-15 mm", minus=first, within=within))
    return tuple(found)


def rows(table: str, recipes: Sequence[Recipe]) -> tuple[RowSpec, ...]:
    """Return the recipes as rows, each with what the paper prints for that row of ``table``."""
    printed = load_paper(KEY).table(table)
    found = []
    for recipe in recipes:
        cells = {name: printed.cell(recipe.row, name) for name in printed.columns}
        values = {name: cell.printed for name, cell in cells.items() if cell is not None and cell.printed}
        found.append(RowSpec(recipe.row, recipe.label, paper=values, method=recipe.row.partition("-")[2]))
    return tuple(found)


def network_label(backbone: str, options: Options) -> str:
    """Return a network's name, with a star where the preset makes it narrow."""
    return NETWORKS[backbone] + ("" if options.preset == "paper" else "*")


def narrow_note(options: Options) -> tuple[str, ...]:
    """Return what the star means, where there is one."""
    return (
        ()
        if options.preset == "paper"
        else ("* a narrow network of that design, not the paper's width (assumption 9)",)
    )
