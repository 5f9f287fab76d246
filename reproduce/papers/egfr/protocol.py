"""Say how egfr is trained, and what its tables share: presets, numbered assumptions, columns, levels and baselines."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from medrepro.datamodules.lidc import MATCHED, RENDERED
from medrepro.datamodules.support.errors import InputError
from medrepro.reproduce.plan.options import Options
from medrepro.reproduce.plan.protocol import Assumption, Preset, Protocol, Variant
from medrepro.reproduce.plan.table import BaselineSpec, Column, Level, RowSpec, Subset
from medrepro.reproduce.printed.load import load_paper

if TYPE_CHECKING:
    from medrepro.datamodules.lidc.selection import Cohort

KEY = "egfr"
HERE = "medrepro.reproduce.papers.egfr"
NARROW = {"scale": "quick", "lr": 1e-3, "schedule": "cosine"}
PRESETS = {
    "paper": Preset(seeds=(0, 1, 2, 3, 4), folds=5, epochs=50, select="best"),
    "quick": Preset(seeds=(0, 1, 2), folds=5, epochs=5, module=NARROW, data={"slices_per_nodule": 4}),
    "judge": Preset(
        seeds=tuple(range(10)),
        folds=5,
        epochs=12,
        select="best",
        patience=4,
        rates=(3e-4, 1e-3, 3e-3),
        module={"scale": "quick"},
        data={"slices_per_nodule": 4},
    ),
    "smoke": Preset(seeds=(0,), folds=5, epochs=3, module=NARROW, data={"limit_patients": 16, "val_fraction": 0.25}),
}

ASSUMPTIONS = {
    "task": Assumption(
        "1. Labels: malignancy (mean rating above or below 3) stands in for EGFR status, which is not embedded.",
        data=(*RENDERED, "lidc-nodules"),
    ),
    "margin": Assumption("2. Margin q of Eq. 8 is not printed: 0.5."),
    "rows": Assumption(
        "3. Eq. 8 is undefined for a sample without positives or negatives in its batch: such rows are left out."
    ),
    "epochs": Assumption(
        "4. Epochs are not printed: 50 in `paper`, the best of them chosen on held-out training patients."
    ),
    "clusters": Assumption(
        "5. The clustering is not described: K-means, 3 groups a class, on 50 principal components."
    ),
    "allocation": Assumption(
        "6. Table 1 asks for proportional selection, Sec. 3.2 for 'the same proportion': proportional here."
    ),
    "window": Assumption("7. No intensity window is printed: [-1000, 400] HU.", data=(*RENDERED, "nsclc")),
    "split": Assumption(
        "8. Patients are never split; the paper's image counts (80.05 and 80.01 % a class) suggest its were."
    ),
    "quick": Assumption(
        "9. quick: narrow networks, at most 4 training slices a nodule, lr 1e-3 with cosine decay, 5 epochs.",
        presets=("quick",),
    ),
    "judge": Assumption(
        "9. judge: quick's networks and slices; each row's learning rate is the best of 3e-4, 1e-3 and 3e-3 on "
        "validation patients; up to 12 epochs, ended by 4 without a better validation AUC, the best counts.",
        presets=("judge",),
    ),
    "smoke": Assumption(
        "9. smoke: 16 patients a cohort, width 16, 3 epochs: proves that the code runs, measures nothing.",
        presets=("smoke",),
    ),
}
PROTOCOL = Protocol(KEY, PRESETS, f"{HERE}.compute:train", ASSUMPTIONS, own_split=RENDERED)


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
    **dict.fromkeys(RENDERED, ("benign", "malignant")),
    "lidc-nodules": ("benign", "malignant"),
    "nsclc-slices": ("wild type", "mutant"),
    "nsclc": ("wild type", "mutant"),
}
LEVELS = (Level("image"), Level("nodule", "nodule_id"), Level("patient", "patient_id", "max", of="nodule"))
LEVELS_WITHOUT_NODULES = (Level("image"), Level("patient", "patient_id"))
BASELINES = {
    **dict.fromkeys(RENDERED, ("diameter", "pixel-count", "majority")),
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


def rows(table: str, variants: Sequence[Variant]) -> tuple[RowSpec, ...]:
    """Return the variants as rows, each with what the paper prints for that row of ``table``."""
    printed = load_paper(KEY).table(table)
    found = []
    for variant in variants:
        cells = {name: printed.cell(variant.row, name) for name in printed.columns}
        values = {name: cell.printed for name, cell in cells.items() if cell is not None and cell.printed}
        found.append(RowSpec(variant.row, variant.label, paper=values, method=variant.row.partition("-")[2]))
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


def cohort(options: Options) -> "Cohort":
    """Return which of the embedded nodules the options ask for."""
    from medrepro.datamodules.lidc.selection import Cohort

    asked = {**PRESETS[options.preset].data, **options.datamodule}
    return Cohort(options.data == MATCHED, asked.get("prevalence", 0.0), asked.get("limit_patients", 0))


def preparation(options: Options) -> Callable[[], object]:
    """Return what fills the cache, or looks whether the files are there, before any worker starts."""
    if not options.embedded:
        return lambda: _look(options)
    chosen = cohort(options)

    def render() -> object:
        from medrepro.datamodules.lidc.cohorts import embedded_slices

        return embedded_slices(options.cache_dir, chosen, progress=not options.quiet)

    return render


def _look(options: Options) -> object:
    """Find the archive and read it through, so that damage is reported once, and not by every worker."""
    if options.data == "nsclc":
        from medrepro.datamodules.prepare.format import open_prepared

        return open_prepared(options.data_root or ".", "nsclc")
    from medrepro.datamodules.ct import published_slices as ct_slices
    from medrepro.datamodules.images.entry import check_header
    from medrepro.datamodules.support.archives import check_archive

    name = ct_slices.LIDC_FILE if options.data == "lidc-nodules" else ct_slices.NSCLC_FILE
    path = ct_slices.existing(Path(options.data_root or ".").expanduser(), name, "see reproduce/egfr.md, Data")
    if name == ct_slices.LIDC_FILE:
        return check_archive(path)
    if not check_archive(path, lambda member, stream: check_header(stream) if not member.endswith(".csv") else None):
        raise InputError(f"{path} holds no files; get it again")
    return path
